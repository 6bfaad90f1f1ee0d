//! Finding and reading case files.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rtc_emulator::time::parse_rfc3339;
use serde_json::Value;

/// The workspace's root.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The folders that case files are looked for in: those of `RTC_CASES_DIR` (default `../shared/providers`
/// beside the workspace), and the project's own.
#[must_use]
pub fn folders() -> Vec<PathBuf> {
    let given = std::env::var("RTC_CASES_DIR").unwrap_or_else(|_| "../shared/providers".into());
    let mut folders: Vec<PathBuf> = given.split(':').map(|folder| workspace().join(folder)).collect();
    folders.push(workspace().join("tests/cases"));
    folders
}

/// Every `cases.json` below a folder.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] })
        .filter(|path| path.file_name().is_some_and(|name| name == "cases.json"))
        .collect();
    found.sort();
    found
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its unique id.
    pub id: String,
    /// The provider.
    pub provider: String,
    /// The operation.
    pub operation: String,
    /// The kind.
    pub kind: String,
    /// What is given.
    pub given: Value,
    /// What must hold; null when the case only documents a peer, or forgets to say.
    pub expect: Value,
    /// Whether it is about what must hold, and not about a peer.
    pub canonical: bool,
}

/// Reads a file.
///
/// # Errors
/// When it is not a list of cases, or one of them cannot be made.
pub fn read(path: &Path) -> Result<Vec<Case>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let cases: Vec<Value> = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    cases.into_iter().map(|value| case(value).map_err(|e| format!("{}: {e}", path.display()))).collect()
}

fn case(mut case: Value) -> Result<Case, String> {
    let mut take = |name: &str| case.get_mut(name).map(Value::take).unwrap_or_default();
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let mut expect = take("expect");
    let canonical = take("canonical") != Value::Bool(false);
    if !canonical {
        // A peer's behaviour is documented; only the recommended one must hold.
        expect = expect.get_mut("recommended").map(Value::take).unwrap_or_default();
    }
    let (id, mut given) = (text(take("id")), take("given"));
    make(&mut given).map_err(|e| format!("{id}: {e}"))?;
    Ok(Case {
        id,
        provider: text(take("provider")),
        operation: text(take("operation")),
        kind: text(take("kind")),
        given,
        expect,
        canonical,
    })
}

/// Sets the input fields that a case describes instead of writing them out.
fn make(given: &mut Value) -> Result<(), String> {
    let steps = match given.get_mut("make").map(Value::take) {
        Some(Value::Array(steps)) => steps,
        Some(Value::Null) | None => return Ok(()),
        Some(step) => vec![step],
    };
    let now = given.get("now").and_then(Value::as_str).and_then(parse_rfc3339);
    for step in steps {
        let Some(field) = step.get("field").and_then(Value::as_str) else {
            return Err(format!("make names no field: {step}"));
        };
        let value = if let Some(text) = step.get("repeat").and_then(Value::as_str) {
            let count = step.get("count").and_then(Value::as_u64).unwrap_or_default();
            Value::String(text.repeat(usize::try_from(count).unwrap_or_default()))
        } else {
            let offset = step.get("now_plus_s").and_then(Value::as_i64);
            let now = now.and_then(|now| i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok());
            let at = now.zip(offset).map(|(now, offset)| now.saturating_add(offset));
            Value::from(at.ok_or_else(|| format!("make cannot be done, or needs given.now: {step}"))?)
        };
        if given.get("input").is_none() {
            return Err("make needs given.input".into());
        }
        let mut place = &mut given["input"];
        for member in field.split('.') {
            place = &mut place[member];
        }
        *place = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_are_made_or_refused() {
        let mut given = json!({ "now": "1970-01-01T00:01:00Z", "input": {}, "make": [
            { "field": "a.b", "repeat": "xy", "count": 2 }, { "field": "at", "now_plus_s": -10 },
        ] });
        make(&mut given).unwrap();
        assert_eq!(given["input"], json!({ "a": { "b": "xyxy" }, "at": 50 }));
        for step in
            [json!({ "repeat": "x" }), json!({ "field": "a" }), json!({ "field": "a", "now_plus_s": 1 })]
        {
            let mut given = json!({ "input": {}, "make": step });
            assert!(make(&mut given).is_err(), "{step}");
        }
    }
}
