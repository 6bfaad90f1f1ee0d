//! A provider's codes with their meanings, as constant data. They are a file of their own: there are hundreds.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::rust::camel;
use super::spec::Spec;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    table: Vec<Table>,
}

/// Codes that the vendor lists together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    /// Where they come from: a value of the spec's `CodeSpace`.
    space: String,
    /// Where the list was found.
    origin: String,
    /// The operations that they belong to; none where they belong to no single one.
    operations: Vec<String>,
    row: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    code: toml::Value,
    class: String,
    after_seconds: Option<u64>,
    http: Option<u16>,
    text: String,
}

pub fn read(path: &Path) -> Result<Codes, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

pub fn module(spec: &Spec, codes: &Codes) -> Result<String, String> {
    let mut out = String::from(
        "use crate::codes::{CodeClass, Row, Table};\nuse crate::operation::CodeSpace;\n/// Every known code, table by table. A code can stand in several tables, and several times in one.\npub(crate) const TABLES: &[Table] = &[\n",
    );
    for table in &codes.table {
        let unknown = |name: &&String| !spec.operations.iter().any(|o| o.name.as_ref() == *name);
        if let Some(name) = table.operations.iter().find(unknown) {
            return Err(format!("codes, table {:?}: there is no operation {name}", table.name));
        }
        let _ = write!(
            out,
            "Table {{ name: {:?}, space: CodeSpace::{}, origin: {:?}, operations: &{:?}, rows: &[",
            table.name,
            camel(&table.space),
            table.origin,
            table.operations
        );
        for row in &table.row {
            let number = row.code.as_integer().map(|code| code.to_string());
            let code = number.or_else(|| row.code.as_str().map(str::to_owned));
            let code = code
                .ok_or_else(|| format!("codes, table {:?}: a code is no number and no text", table.name))?;
            let _ = write!(
                out,
                "Row {{ code: {code:?}, class: CodeClass::{}, after_seconds: {:?}, http: {:?}, text: {:?} }},",
                camel(&row.class),
                row.after_seconds,
                row.http,
                row.text
            );
        }
        out.push_str("] },\n");
    }
    out.push_str("];\n");
    Ok(out)
}
