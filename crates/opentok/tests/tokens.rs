//! Client tokens: what is made, what is accepted, what is refused. The signer here is a second one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use common::signer::{HEADER, claims, data, jwt, jwt_of, mac, t1, t1_text, verify, verify_at};
use common::{KEY, NOW, SECRET, local, object, session};
use hmac::Hmac;
use opentok::{GenerateToken, Role, TokenFault, TokenFormat};
use serde_json::json;
use sha2::{Sha256, Sha512};

const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffff";

fn full() -> GenerateToken {
    GenerateToken::new(session())
        .role(Role::Moderator)
        .expire_time(NOW + 3600)
        .connection_data("name=Jöhnny & co")
        .initial_layout_class_list(["focus", "small"])
        .nonce("n-1")
}

#[test]
fn a_jwt_holds_exactly_its_claims() {
    let token = local().generate_token(full()).unwrap();
    let parts: Vec<_> = token.expose().split('.').collect();
    assert_eq!(json!(object(parts[0])), json!({"typ": "JWT", "alg": "HS256"}));
    assert_eq!(
        json!(object(parts[1])),
        json!({
            "iss": KEY, "ist": "project", "iat": NOW, "exp": NOW + 3600, "nonce": "n-1", "role": "moderator",
            "scope": "session.connect", "session_id": session(),
            "connection_data": "name=Jöhnny & co", "initial_layout_class_list": "focus small",
        })
    );
    let signed = format!("{}.{}", parts[0], parts[1]);
    assert_eq!(parts[2], URL_SAFE_NO_PAD.encode(mac::<Hmac<Sha256>>(SECRET, &signed)));
    let token = local().generate_token(GenerateToken::new(session()).nonce("n")).unwrap();
    let claims = object(token.expose().split('.').nth(1).unwrap());
    assert_eq!((&claims["role"], &claims["exp"]), (&json!("publisher"), &json!(NOW + 86_400)));
    assert!(!claims.contains_key("connection_data") && !claims.contains_key("initial_layout_class_list"));
}

#[test]
fn a_t1_token_holds_exactly_its_fields_in_their_order() {
    let token = local().generate_token(full().token_type(TokenFormat::T1)).unwrap();
    let inside = String::from_utf8(STANDARD.decode(token.expose().strip_prefix("T1==").unwrap()).unwrap());
    let data = format!(
        "session_id={}&create_time={NOW}&expire_time={}&role=moderator&nonce=n-1\
         &initial_layout_class_list=focus+small&connection_data=name%3DJ%C3%B6hnny+%26+co",
        session(),
        NOW + 3600
    );
    assert_eq!(inside.unwrap(), t1_text(KEY, SECRET, &data));
    let bare = GenerateToken::new(session()).nonce("n").token_type("T1");
    let token = local().generate_token(bare).unwrap();
    let verified = verify(token.expose()).unwrap();
    assert_eq!(verified.field_order, ["session_id", "create_time", "expire_time", "role", "nonce"]);
    assert_eq!(verified.fields["expire_time"], json!((NOW + 86_400).to_string()));
}

#[test]
fn nonces_are_fresh() {
    for format in [TokenFormat::Jwt, TokenFormat::T1] {
        let make =
            || local().generate_token(GenerateToken::new(session()).token_type(format.clone())).unwrap();
        assert_ne!(make().expose(), make().expose());
    }
}

#[test]
fn what_was_made_is_read() {
    for format in [TokenFormat::Jwt, TokenFormat::T1] {
        let token = local().generate_token(full().token_type(format.clone())).unwrap();
        let verified = verify(token.expose()).unwrap();
        assert_eq!((&verified.format, verified.partner_id.as_str()), (&format, KEY));
        assert_eq!(verified.session_id(), Some(session().as_str()));
        assert_eq!(verified.role(), Some(Role::Moderator));
        assert_eq!(verified.connection_data(), Some("name=Jöhnny & co"));
        assert_eq!(verified.initial_layout_class_list(), ["focus", "small"]);
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 3600);
        assert_eq!(verified.expires_at(), Some(expires));
        let jwt = format == TokenFormat::Jwt;
        assert_eq!((verified.claims.is_empty(), verified.header.is_empty()), (!jwt, !jwt));
        assert_eq!((verified.fields.is_empty(), verified.field_order.is_empty()), (jwt, jwt));
    }
}

#[test]
fn foreign_tokens() {
    // Other orders, other ways to escape, unknown and repeated fields, url-safe base64.
    let odd = format!(
        "nonce=0.5&role=subscriber&session_id={}&scope=session.connect&connection_data=a%20b+c%26&create_time={NOW}&x=1&x=2",
        session()
    );
    let verified = verify(&t1(&odd)).unwrap();
    assert_eq!((verified.connection_data(), verified.role()), (Some("a b c&"), Some(Role::Subscriber)));
    assert_eq!(verified.fields["x"], json!("2"));
    let url_safe = format!("T1=={}", URL_SAFE.encode(t1_text(KEY, SECRET, &data("&connection_data=>>>???"))));
    assert!(url_safe.contains(['-', '_']), "{url_safe}");
    assert_eq!(verify(&url_safe).unwrap().connection_data(), Some(">>>???"));
    // Numbers as texts and the other way round, another order of the header, no type, a role nobody knows.
    let mut loose = claims();
    loose["iss"] = json!(123_456);
    loose["exp"] = json!((NOW + 60).to_string());
    loose["role"] = json!("director");
    let verified = verify(&jwt_of(r#"{"alg":"HS256"}"#, &loose.to_string(), SECRET)).unwrap();
    assert_eq!(verified.role(), Some(Role::Other("director".into())));
    // Without an expiry, however it is left out: a day.
    let mut unset = claims();
    unset["exp"] = json!(null);
    assert_eq!(verify_at(NOW + 86_401, &jwt(&unset)), Err(TokenFault::Expired));
    assert!(verify_at(NOW + 86_400, &jwt(&unset)).is_ok());
    assert!(verify_at(NOW + 86_400, &t1(&data("&expire_time="))).is_ok());
    let mut endless = claims();
    endless.as_object_mut().unwrap().remove("exp");
    assert!(verify_at(NOW + 86_400, &jwt(&endless)).is_ok());
    assert_eq!(verify_at(NOW + 86_401, &jwt(&endless)), Err(TokenFault::Expired));
    assert_eq!(verify_at(NOW + 86_401, &t1(&data(""))), Err(TokenFault::Expired));
}

#[test]
fn valid_up_to_the_expiry_and_not_after() {
    for token in [
        t1(&data(&format!("&expire_time={}", NOW + 60))),
        jwt(&claims()),
        local()
            .generate_token(GenerateToken::new(session()).expire_time(NOW + 60))
            .unwrap()
            .expose()
            .to_owned(),
    ] {
        for (time, valid) in [(NOW, true), (NOW + 60, true), (NOW + 61, false), (NOW + 1_000_000, false)] {
            let result = verify_at(time, &token).map(|_| ());
            assert_eq!(result, if valid { Ok(()) } else { Err(TokenFault::Expired) }, "{time} {token}");
        }
    }
    for never in [json!(0), json!(-5), json!(1.5)] {
        let mut past = claims();
        past["exp"] = never;
        assert_eq!(verify(&jwt(&past)), Err(TokenFault::Expired));
    }
}

#[test]
fn an_expiry_that_cannot_be_read_is_not_a_day() {
    for unreadable in [json!("soon"), json!("-1"), json!([]), json!(true)] {
        let mut claims = claims();
        claims["exp"] = unreadable;
        assert_eq!(verify(&jwt(&claims)), Err(TokenFault::Malformed), "{claims}");
    }
    for text in ["soon", "-1", "1e99"] {
        let result = verify(&t1(&data(&format!("&expire_time={text}"))));
        assert_eq!(result, Err(TokenFault::Malformed), "{text}");
    }
}

#[test]
fn issuer_and_signature() {
    let good = data(&format!("&expire_time={}", NOW + 60));
    let of = |key, secret| format!("T1=={}", STANDARD.encode(t1_text(key, secret, &good)));
    assert_eq!(verify(&of("1234567", SECRET)), Err(TokenFault::Issuer));
    assert_eq!(verify(&of(KEY, OTHER)), Err(TokenFault::Signature));
    assert_eq!(verify(&of("7", OTHER)), Err(TokenFault::Signature), "the signature comes first");
    let mut foreign = claims();
    foreign["iss"] = json!("7");
    assert_eq!(verify(&jwt(&foreign)), Err(TokenFault::Issuer));
    assert_eq!(verify(&jwt_of(HEADER, &claims().to_string(), OTHER)), Err(TokenFault::Signature));
    let text = t1_text(KEY, SECRET, &good);
    let (head, rest) = text.split_at(text.find("sig=").unwrap() + 4);
    let (signature, rest) = rest.split_at(40);
    for bad in [signature.to_uppercase(), signature[..39].into(), String::new(), format!("{signature}0")] {
        let token = format!("T1=={}", STANDARD.encode(format!("{head}{bad}{rest}")));
        assert_eq!(verify(&token), Err(TokenFault::Signature), "{bad}");
    }
}

#[test]
fn only_hs256() {
    let claims = claims().to_string();
    let signed =
        |header: &str| format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&claims));
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None","typ":"JWT"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"typ":"JWT"}"#,
        "{}",
        "[]",
        "",
    ] {
        assert_eq!(verify(&jwt_of(header, &claims, SECRET)), Err(TokenFault::Malformed), "{header}");
        assert_eq!(verify(&format!("{}.", signed(header))), Err(TokenFault::Malformed), "{header}");
    }
    let strong = signed(r#"{"alg":"HS512"}"#);
    let token = format!("{strong}.{}", URL_SAFE_NO_PAD.encode(mac::<Hmac<Sha512>>(SECRET, &strong)));
    assert_eq!(verify(&token), Err(TokenFault::Malformed));
    let unsigned = format!("{}.", signed(HEADER));
    assert_eq!(verify(&unsigned), Err(TokenFault::Signature));
}

#[test]
fn forms_that_are_not_canonical() {
    let text = t1_text(KEY, SECRET, &data("&connection_data=>>>???"));
    let padded = |n: usize| {
        // As many bytes more as it takes to end in n characters of padding.
        let fill = (0..3).map(|i| data(&format!("&x={}", "y".repeat(i)))).map(|d| t1_text(KEY, SECRET, &d));
        fill.map(|t| STANDARD.encode(t)).find(|t| t.ends_with(&"=".repeat(n)) && n > 0).unwrap()
    };
    let good = STANDARD.encode(&text);
    verify(&format!("T1=={good}")).unwrap();
    let mixed = good.replacen('+', "-", 1);
    assert!(mixed != good && mixed.contains(['+', '/']), "{good}");
    let trailing = padded(1);
    verify(&format!("T1=={trailing}")).unwrap();
    // The last character before the padding holds bits that mean nothing: they must be zero.
    let mut bits = trailing.clone().into_bytes();
    let last = bits.len() - 2;
    bits[last] += 1;
    for bad in [
        mixed,
        String::from_utf8(bits).unwrap(),
        trailing.trim_end_matches('=').to_owned(),
        format!("{trailing}="),
        format!("{good}\n"),
        format!(" {good}"),
        good.replacen('c', "c\n", 1),
        STANDARD_NO_PAD.encode("partner_id=123456&sig="),
        STANDARD.encode("partner_id=123456"),
        STANDARD.encode(format!("sig=0:{}", data(""))),
        STANDARD.encode([0xff, 0xfe]),
        String::new(),
    ] {
        assert_eq!(verify(&format!("T1=={bad}")), Err(TokenFault::Malformed), "{bad}");
    }
    let token = jwt(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bits = signature.as_bytes().to_vec();
    // 32 bytes leave two bits of the last character without meaning; its neighbour sets one.
    let last = bits.len() - 1;
    bits[last] = if bits[last] == b'_' { b'-' } else { bits[last] + 1 };
    let bits = String::from_utf8(bits).unwrap();
    for bad in [
        format!("{signed}.{bits}"),
        format!("{token}="),
        format!("{token} "),
        format!("{token}.x"),
        signed.to_owned(),
        format!(".{signed}"),
        "..".to_owned(),
        token.replace('.', ""),
    ] {
        let fault = verify(&bad).unwrap_err();
        assert!(matches!(fault, TokenFault::Malformed | TokenFault::Signature), "{bad} {fault}");
    }
}

#[test]
fn tokens_that_name_no_session() {
    for missing in ["session_id", "iss"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(missing);
        assert_eq!(verify(&jwt(&claims)), Err(TokenFault::Malformed), "{missing}");
    }
    for data in ["session_id=a", &format!("create_time={NOW}"), "", "a=b"] {
        assert_eq!(verify(&t1(data)), Err(TokenFault::Malformed), "{data}");
    }
    for claims in ["[]", "null", "{", "{}"] {
        assert_eq!(verify(&jwt_of(HEADER, claims, SECRET)), Err(TokenFault::Malformed), "{claims}");
    }
}
