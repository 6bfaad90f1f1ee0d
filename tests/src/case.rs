//! Finding and reading case files.

use std::path::{Path, PathBuf};

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
    /// What must hold; null when the case only documents a peer.
    pub expect: Value,
}

/// Reads a file.
///
/// # Errors
/// When it is not a list of cases.
pub fn read(path: &Path) -> Result<Vec<Case>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let cases: Vec<Value> = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(cases.into_iter().map(case).collect())
}

fn case(mut case: Value) -> Case {
    let mut take = |name: &str| case.get_mut(name).map(Value::take).unwrap_or_default();
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let mut expect = take("expect");
    if take("canonical") == Value::Bool(false) {
        // A peer's behaviour is documented; only the recommended one must hold.
        expect = expect.get_mut("recommended").map(Value::take).unwrap_or_default();
    }
    let mut given = take("given");
    make(&mut given);
    Case {
        id: text(take("id")),
        provider: text(take("provider")),
        operation: text(take("operation")),
        kind: text(take("kind")),
        given,
        expect,
    }
}

/// Sets the input fields that a case describes instead of writing them out.
fn make(given: &mut Value) {
    let steps = match given.get_mut("make").map(Value::take) {
        Some(Value::Array(steps)) => steps,
        Some(Value::Null) | None => return,
        Some(step) => vec![step],
    };
    let now = given.get("now").and_then(Value::as_str).and_then(rtc_time);
    for step in steps {
        let Some(field) = step.get("field").and_then(Value::as_str) else { continue };
        let value = if let Some(text) = step.get("repeat").and_then(Value::as_str) {
            let count = step.get("count").and_then(Value::as_u64).unwrap_or_default();
            Value::String(text.repeat(usize::try_from(count).unwrap_or_default()))
        } else {
            let offset = step.get("now_plus_s").and_then(Value::as_i64).unwrap_or_default();
            Value::from(now.unwrap_or_default().saturating_add(offset))
        };
        if given.get("input").is_none() {
            continue;
        }
        let mut place = &mut given["input"];
        for member in field.split('.') {
            place = &mut place[member];
        }
        *place = value;
    }
}

/// Unix seconds of an RFC 3339 instant in UTC.
fn rtc_time(text: &str) -> Option<i64> {
    let digits: Vec<i64> =
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    let [year, month, day, hour, minute, second, ..] = *digits else { return None };
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}
