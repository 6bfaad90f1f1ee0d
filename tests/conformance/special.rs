//! Cases that are not one call of an operation.

use rtc_emulator::time::parse_rfc3339;
use rtc_tests::case::Case;
use rtc_tests::compare::{Complaints, output};
use serde_json::{Value, json};

use crate::{Verdict, community};

/// Judges a special case; `None` when it is an ordinary one.
pub(crate) async fn run(case: &Case) -> Option<Verdict> {
    if case.provider == "mediasfu" && case.given["state"]["community_edition"] == true {
        return Some(community::judge(case).await);
    }
    match (case.provider.as_str(), case.operation.as_str()) {
        ("opentok", "check_credentials") => Some(opentok_check_credentials(case)),
        _ => None,
    }
}

/// The emulator's side: the token of a request is let in.
fn opentok_check_credentials(case: &Case) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let token = text(&case.given["input"]["headers"]["x-opentok-auth"]);
    let key = text(&case.given["credentials"]["api_key"]);
    let secret = text(&case.given["credentials"]["api_secret"]);
    let Some(now) = case.given["now"].as_str().and_then(parse_rfc3339) else {
        return Verdict::Failed(vec!["the case has no instant".into()]);
    };
    let mut bad = Complaints::new();
    let accepted = rtc_emulator::opentok::verify_rest_token(&token, &key, &secret, "project", now);
    if Some(accepted.is_ok()) != case.expect["accepted"].as_bool() {
        bad.push(format!("accepted is {}", accepted.is_ok()));
    }
    if let Ok(token) = accepted {
        output(&case.expect["output"], &json!({ "header": token.header, "claims": token.claims }), &mut bad);
    }
    if bad.is_empty() { Verdict::Passed } else { Verdict::Failed(bad) }
}
