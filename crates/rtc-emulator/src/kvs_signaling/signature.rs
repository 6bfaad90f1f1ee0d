//! Signature Version 4 from the service's side: read, recomputed, compared.

use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use crate::credentials::{KVS_ACCESS_KEY_ID, KVS_REGION, KVS_SECRET_ACCESS_KEY};
use crate::routing::decode;
use crate::time::parse_rfc3339;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SKEW: Duration = Duration::from_secs(300);

/// How long a presigned URL may be valid, in seconds.
const MAX_EXPIRES: u64 = 604_800;

/// What a signature says about itself, in a header or in a query.
struct Claim<'a> {
    scope: Vec<&'a str>,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
    stamp: String,
    /// For how long it is valid.
    life: Duration,
}

fn refuse(name: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(name, message)
}

fn incomplete(message: &str) -> Refusal {
    refuse("IncompleteSignatureException", message)
}

impl<'a> Claim<'a> {
    fn of_header(text: &'a str, stamp: Option<String>) -> Result<Self, Refusal> {
        let wrong =
            || incomplete("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature'");
        let members =
            text.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(wrong)?;
        let member = |name: &str| {
            let mut all = members.split(',').filter_map(|member| member.trim().split_once('='));
            all.find(|(known, _)| *known == name).map(|(_, value)| value).ok_or_else(wrong)
        };
        Ok(Self {
            scope: member("Credential")?.split('/').collect(),
            signed_headers: member("SignedHeaders")?.split(';').collect(),
            signature: member("Signature")?,
            stamp: stamp
                .ok_or_else(|| incomplete("Authorization header requires existence of X-Amz-Date"))?,
            life: SKEW,
        })
    }

    fn of_query(query: &'a [(String, String)]) -> Result<Self, Refusal> {
        let member = |name: &str| {
            let mut all = query.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
            match (all.next(), all.next()) {
                (Some(value), None) => Ok(value),
                (None, _) => Err(incomplete(&format!("AWS query-string parameters must include '{name}'."))),
                _ => Err(incomplete(&format!("'{name}' is there more than once."))),
            }
        };
        if member("X-Amz-Algorithm")? != ALGORITHM {
            return Err(incomplete(&format!("X-Amz-Algorithm must be {ALGORITHM}.")));
        }
        let expires = member("X-Amz-Expires")?;
        // Digits only: the parser would take a sign, too.
        let expires = Some(expires).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let expires = expires.and_then(|text| text.parse().ok()).filter(|n| (1..=MAX_EXPIRES).contains(n));
        Ok(Self {
            scope: member("X-Amz-Credential")?.split('/').collect(),
            signed_headers: member("X-Amz-SignedHeaders")?.split(';').collect(),
            signature: member("X-Amz-Signature")?,
            stamp: member("X-Amz-Date")?.to_owned(),
            life: expires
                .map(Duration::from_secs)
                .ok_or_else(|| incomplete("X-Amz-Expires must be 1 to 604800 seconds."))?,
        })
    }

    /// Everything but the signature itself; gives the day of the scope.
    fn check(&self, now: SystemTime) -> Result<&'a str, Refusal> {
        let [key_id, day, region, service, terminator] = self.scope[..] else {
            return Err(incomplete("Credential must have exactly 5 slash-delimited elements"));
        };
        if key_id != KVS_ACCESS_KEY_ID {
            return Err(refuse(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ));
        }
        let at = instant(&self.stamp).ok_or_else(|| incomplete("Date must be in ISO-8601 'basic format'"))?;
        check_time(&self.stamp, at, self.life, now)?;
        if !self.stamp.starts_with(day) || day.len() != 8 {
            return Err(refuse(
                "InvalidSignatureException",
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date",
            ));
        }
        if (region, service, terminator) != (KVS_REGION, "kinesisvideo", "aws4_request") {
            let message = format!(
                "Credential should be scoped to a valid region, not '{region}', and to service 'kinesisvideo'."
            );
            return Err(refuse("InvalidSignatureException", message));
        }
        Ok(day)
    }

    fn compare(&self, day: &str, canonical: &str) -> Result<(), Refusal> {
        let expected = sign(day, &self.stamp, canonical);
        if same(expected.as_bytes(), self.signature.as_bytes()) {
            return Ok(());
        }
        let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
        Err(refuse("InvalidSignatureException", message))
    }
}

/// Checks the signature of a request over its headers and its body.
pub(super) fn verify(parts: &Parts, body: &[u8], now: SystemTime) -> Result<(), Refusal> {
    let Some(header) = parts.headers.get("authorization") else {
        return Err(refuse("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let text = header.to_str().map_err(|_| incomplete("Authorization header is not text"))?;
    let claim = Claim::of_header(text, value(parts, "x-amz-date"))?;
    let day = claim.check(now)?;
    if !claim.signed_headers.contains(&"host") || !claim.signed_headers.contains(&"x-amz-date") {
        return Err(refuse("InvalidSignatureException", "'Host' and 'X-Amz-Date' must be signed headers."));
    }
    let query = query(parts);
    claim.compare(day, &canonical(parts, &query, &claim.signed_headers, &hex(&Sha256::digest(body)))?)
}

/// Checks the signature of a presigned URL, which has no body.
pub(super) fn verify_presigned(parts: &Parts, now: SystemTime) -> Result<(), Refusal> {
    let mut query = query(parts);
    if !query.iter().any(|(name, _)| name == "X-Amz-Signature") {
        return Err(refuse("MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    let signed = query.clone();
    let claim = Claim::of_query(&signed)?;
    let day = claim.check(now)?;
    if !claim.signed_headers.contains(&"host") {
        return Err(refuse("InvalidSignatureException", "'Host' must be a signed header."));
    }
    query.retain(|(name, _)| name != "X-Amz-Signature");
    claim.compare(day, &canonical(parts, &query, &claim.signed_headers, &hex(&Sha256::digest(b"")))?)
}

fn check_time(stamp: &str, at: SystemTime, life: Duration, now: SystemTime) -> Result<(), Refusal> {
    let basic = |t: SystemTime| {
        crate::time::rfc3339(t).replace(['-', ':'], "").split('.').next().unwrap_or("").to_owned() + "Z"
    };
    let invalid = |message| Err(refuse("InvalidSignatureException", message));
    if now.duration_since(at).is_ok_and(|age| age > life) {
        let limit = now.checked_sub(life).unwrap_or(now);
        let life = if life == SKEW { "5 min.".to_owned() } else { format!("{} s", life.as_secs()) };
        return invalid(format!(
            "Signature expired: {stamp} is now earlier than {} ({} - {life})",
            basic(limit),
            basic(now)
        ));
    }
    if at.duration_since(now).is_ok_and(|ahead| ahead > SKEW) {
        let limit = now.checked_add(SKEW).unwrap_or(now);
        return invalid(format!(
            "Signature not yet current: {stamp} is still later than {} ({} + 5 min.)",
            basic(limit),
            basic(now)
        ));
    }
    Ok(())
}

/// All values of a header between commas, white space runs as one space.
fn value(parts: &Parts, name: &str) -> Option<String> {
    let values: Vec<String> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|v| String::from_utf8_lossy(v.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// `20230724T080702Z`.
fn instant(stamp: &str) -> Option<SystemTime> {
    let part = |range| stamp.get(range);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(9..11)?,
        part(11..13)?,
        part(13..15)?
    );
    parse_rfc3339(&text).filter(|_| stamp.len() == 16 && stamp.get(8..9) == Some("T") && stamp.ends_with('Z'))
}

/// The query, decoded as Signature Version 4 does: a plus sign is one.
fn query(parts: &Parts) -> Vec<(String, String)> {
    let pairs = parts.uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, false), decode(value, false))
        })
        .collect()
}

fn canonical(
    parts: &Parts,
    query: &[(String, String)],
    signed: &[&str],
    payload: &str,
) -> Result<String, Refusal> {
    let mut query: Vec<_> = query.iter().map(|(n, v)| (encoded(n, ""), encoded(v, ""))).collect();
    query.sort();
    let query: Vec<_> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut headers = String::new();
    // In the form that the service has them in, whatever the client made of it.
    let mut signed: Vec<String> = signed.iter().map(|name| name.to_ascii_lowercase()).collect();
    signed.sort();
    signed.dedup();
    for name in &signed {
        let value = value(parts, name).ok_or_else(|| {
            refuse("InvalidSignatureException", format!("The signed header {name} is not in the request."))
        })?;
        if name == "x-amz-content-sha256" && !value.eq_ignore_ascii_case(payload) {
            let message = "The value of x-amz-content-sha256 is not the hash of the body.";
            return Err(refuse("InvalidSignatureException", message));
        }
        headers += &format!("{name}:{value}\n");
    }
    let path = encoded(parts.uri.path(), "/");
    Ok(format!("{}\n{path}\n{}\n{headers}\n{}\n{payload}", parts.method, query.join("&"), signed.join(";")))
}

fn encoded(text: &str, also: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b) || also.as_bytes().contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(data.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        // No key is too long or too short for HMAC.
        Err(_) => Vec::new(),
    }
}

fn sign(day: &str, stamp: &str, canonical: &str) -> String {
    let start = format!("AWS4{KVS_SECRET_ACCESS_KEY}").into_bytes();
    let key =
        [day, KVS_REGION, "kinesisvideo", "aws4_request"].iter().fold(start, |key, part| hmac(&key, part));
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    hex(&hmac(&key, &format!("{ALGORITHM}\n{stamp}\n{day}/{KVS_REGION}/kinesisvideo/aws4_request\n{hash}")))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (x, y)| seen | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::super::refusal::Service;
    use super::*;

    #[test]
    fn time_stamps() {
        let at = parse_rfc3339("2023-07-24T08:07:02Z");
        assert_eq!(instant("20230724T080702Z"), at);
        for bad in
            ["", "20230724", "20230724T080702", "20230724 080702Z", "20231324T080702Z", "2023-07-24T08:07Z"]
        {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_canonical_request_as_the_documentation_has_it() {
        let (parts, ()) = http::Request::get("/a%20b?b=2&a=x+y")
            .header("Host", "h:1")
            .header("x-amz-date", " 20230724T080702Z ")
            .body(())
            .unwrap()
            .into_parts();
        let text = canonical(&parts, &query(&parts), &["host", "x-amz-date"], "hash").unwrap();
        assert_eq!(
            text,
            "GET\n/a%2520b\na=x%2By&b=2\nhost:h:1\nx-amz-date:20230724T080702Z\n\nhost;x-amz-date\nhash"
        );
        let disorderly = canonical(&parts, &query(&parts), &["x-amz-date", "Host", "host"], "hash");
        assert_eq!(disorderly.unwrap(), text, "the service sorts");
        assert!(canonical(&parts, &[], &["host", "x-missing"], "hash").is_err());
    }

    #[test]
    fn a_signed_hash_must_be_that_of_the_body() {
        let body = hex(&Sha256::digest(b"{}"));
        for (told, good) in
            [(&*body, true), (&body.to_uppercase(), true), (&hex(&Sha256::digest(b"")), false), ("", false)]
        {
            let request = http::Request::post("/x").header("host", "h").header("x-amz-content-sha256", told);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let signed = canonical(&parts, &[], &["host", "X-Amz-Content-SHA256"], &body);
            assert_eq!(signed.is_ok(), good, "{told}");
            assert!(canonical(&parts, &[], &["host"], &body).is_ok(), "one that is not signed says nothing");
        }
    }

    #[test]
    fn what_is_refused() {
        let now = parse_rfc3339("2023-07-24T08:07:02Z").unwrap();
        let start = format!(
            "AWS4-HMAC-SHA256 Credential={KVS_ACCESS_KEY_ID}/20230724/us-west-2/kinesisvideo/aws4_request"
        );
        let good = format!("{start}, SignedHeaders=host;x-amz-date, Signature=0");
        for (authorization, date, name, text) in [
            (None, "20230724T080702Z", "MissingAuthenticationTokenException", "Missing"),
            (Some("Bearer x"), "20230724T080702Z", "IncompleteSignatureException", "Signature"),
            (Some(&*start), "20230724T080702Z", "IncompleteSignatureException", "SignedHeaders"),
            (Some(&*good), "yesterday", "IncompleteSignatureException", "ISO-8601"),
            (
                Some(&*good.replace(KVS_ACCESS_KEY_ID, "AKID")),
                "20230724T080702Z",
                "UnrecognizedClientException",
                "invalid",
            ),
            (
                Some(&*good),
                "20230724T080201Z",
                "InvalidSignatureException",
                "Signature expired: 20230724T080201Z",
            ),
            (Some(&*good), "20230724T081203Z", "InvalidSignatureException", "Signature not yet current"),
            (
                Some(&*good.replace("20230724", "20230723")),
                "20230724T080702Z",
                "InvalidSignatureException",
                "scope",
            ),
            (
                Some(&*good.replace("us-west-2", "eu-west-1")),
                "20230724T080702Z",
                "InvalidSignatureException",
                "region",
            ),
            (Some(&*good.replace("host;", "")), "20230724T080702Z", "InvalidSignatureException", "'Host'"),
            (Some(&*good), "20230724T080702Z", "InvalidSignatureException", "does not match"),
        ] {
            let mut request = http::Request::post("/x").header("host", "h").header("x-amz-date", date);
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let refusal = verify(&parts, b"{}", now).unwrap_err();
            assert_eq!(refusal.name, name, "{authorization:?} {date}");
            assert_eq!(refusal.status(Service::Data).as_u16(), 403, "{name}");
            assert!(refusal.message.contains(text), "{}", refusal.message);
        }
    }
}
