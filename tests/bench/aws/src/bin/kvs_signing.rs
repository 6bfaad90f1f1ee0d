//! What a signature costs: our `Signer` against the crate `aws-sigv4` and against the floor.
//!
//! The floor is the cryptography that no signer can do without, its key prepared once: the SHA-256 of the body and
//! of the canonical request, and the HMAC of the string to sign. Ours also reads the request, writes both texts
//! and puts the headers in. Rounds are interleaved; the figures are medians.
//!
//! `cargo xtask bench kvs_signing`.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Request;
use kvs_signaling::{Credentials, Signer};
use rtc_bench::{Outcome, median, nanos};
use sha2::{Digest as _, Sha256};

const ROUNDS: usize = 100;
const SIGNATURES: u32 = 5_000;
const REGION: &str = "us-west-2";
const SERVICE: &str = "kinesisvideo";
const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &str = "r-a1b2c3d4.kinesisvideo.us-west-2.amazonaws.com";
const PATH: &str = "/v1/get-ice-server-config";
const BODY: &str = r#"{"ChannelARN":"arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo-channel/1234567890123","ClientId":"viewer-1"}"#;

fn main() -> Outcome<()> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_690_186_022);
    let url = format!("https://{HOST}{PATH}");
    let credentials = Credentials::new(ID, SECRET);
    let signer = Signer::new(REGION, SERVICE);
    let mut request = Request::post(&url)
        .header("content-type", "application/json")
        .body(Bytes::from_static(BODY.as_bytes()))?;
    let identity: Identity = AwsCredentials::new(ID, SECRET, None, None, "bench").into();
    let theirs = || -> Outcome<String> {
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(SERVICE)
            .time(now)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = [("content-type", "application/json"), ("host", HOST)].into_iter();
        let body = SignableBody::Bytes(BODY.as_bytes());
        Ok(sign(SignableRequest::new("POST", &url, headers, body)?, &params)?.into_parts().1)
    };
    let floor = Floor::new()?;

    // All three must come to the same signature, or one of them did something else.
    signer.sign(&credentials, &mut request, now)?;
    let ours = request.headers().get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let ours = ours.rsplit_once("Signature=").map(|(_, signature)| signature.to_owned());
    let floors: String = floor.sign().iter().map(|byte| format!("{byte:02x}")).collect();
    if ours.as_deref() != Some(&floors) || theirs()? != floors {
        return Err("the signers do not agree".into());
    }

    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [0.0; 3];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..3 {
            let who = (round + turn) % 3;
            row[who] = match who {
                0 => nanos(SIGNATURES, || _ = black_box(floor.sign())),
                1 => nanos(SIGNATURES, || _ = black_box(signer.sign(&credentials, &mut request, now))),
                _ => nanos(SIGNATURES, || _ = black_box(theirs())),
            };
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }
    println!("signatures of a GetIceServerConfig, {ROUNDS} interleaved rounds of {SIGNATURES}");
    println!("{:<12} {:>10} {:>9} {:>14}", "signer", "ns", "x floor", "x aws-sigv4");
    for (i, name) in ["floor", "ours", "aws-sigv4"].iter().enumerate() {
        println!(
            "{name:<12} {:>10.0} {:>9.2} {:>14.2}",
            median(&rounds, |r| r[i]),
            median(&rounds, |r| r[i] / r[0]),
            median(&rounds, |r| r[i] / r[2]),
        );
    }
    println!("goal: ours at most 3.6 x the floor and 0.25 x aws-sigv4");
    Ok(())
}

struct Floor {
    canonical: String,
    to_sign: String,
    key: Hmac<Sha256>,
}

impl Floor {
    fn new() -> Outcome<Self> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let canonical = format!(
            "POST\n{PATH}\n\ncontent-type:application/json\nhost:{HOST}\nx-amz-date:20230724T080702Z\n\n\
             content-type;host;x-amz-date\n{}",
            hex(&Sha256::digest(BODY))
        );
        let scope = format!("20230724/{REGION}/{SERVICE}/aws4_request");
        let to_sign =
            format!("AWS4-HMAC-SHA256\n20230724T080702Z\n{scope}\n{}", hex(&Sha256::digest(&canonical)));
        let mut key = format!("AWS4{SECRET}").into_bytes();
        for part in scope.split('/') {
            let mac = Hmac::<Sha256>::new_from_slice(&key)?;
            key = mac.chain_update(part).finalize().into_bytes().to_vec();
        }
        Ok(Self { canonical, to_sign, key: Hmac::new_from_slice(&key)? })
    }

    fn sign(&self) -> [u8; 32] {
        black_box(Sha256::digest(black_box(BODY)));
        black_box(Sha256::digest(black_box(&self.canonical)));
        self.key.clone().chain_update(black_box(&self.to_sign)).finalize().into_bytes().into()
    }
}
