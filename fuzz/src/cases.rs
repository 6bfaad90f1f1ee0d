//! Seeds out of the case files in `tests/cases`.

use std::path::Path;

use serde_json::Value;

/// The cases of a provider. A machine that only has the program has none.
fn cases(provider: &str) -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/cases/{provider}/cases.json"));
    let cases = std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    cases.unwrap_or_default()
}

/// The answers, each with the operation.
pub(crate) fn answers(provider: &str) -> Vec<(String, Value)> {
    let answers = cases(provider).into_iter().filter(|case| case["given"]["answer"]["body"] != Value::Null);
    answers.map(|case| (text(&case["operation"]), case["given"]["answer"].clone())).collect()
}

/// What the cases of one operation are given in a member of their input, as text.
pub(crate) fn inputs(provider: &str, operation: &str, member: &str) -> Vec<Vec<u8>> {
    let cases = cases(provider).into_iter().filter(|case| case["operation"] == operation);
    let given = cases.map(|case| case["given"]["input"][member].clone()).filter(|value| !value.is_null());
    given.map(|value| text(&value).into_bytes()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
