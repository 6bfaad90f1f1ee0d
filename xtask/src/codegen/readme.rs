//! The operation table of a README, between two markers.

use std::fmt::Write as _;

use super::spec::{Kind, Spec};

/// The README with its table renewed; `part` names the table where there is more than one.
pub fn with_table(readme: &str, part: &str, spec: &Spec) -> Result<String, String> {
    let begin = format!("<!-- {part}operations: begin (cargo xtask codegen) -->");
    let end = format!("<!-- {part}operations: end -->");
    let missing = |line: &str| format!("the README has no line {line}");
    let (head, rest) = readme.split_once(&begin).ok_or_else(|| missing(&begin))?;
    let (_, tail) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
    Ok(format!("{head}{begin}\n{}{end}{tail}", table(spec)))
}

fn table(spec: &Spec) -> String {
    let mut out = String::from("| operation | wire | what it does |\n|---|---|---|\n");
    for operation in &spec.operations {
        let wire = match operation.kind {
            Kind::Http if operation.url_field.is_some() => {
                format!("`{}` to the given URL", operation.method.as_deref().unwrap_or(""))
            }
            Kind::Http => match operation.target() {
                Some((_, target)) => format!("`{target}`"),
                None => format!("`{} {}`", operation.method.as_deref().unwrap_or(""), operation.path),
            },
            Kind::Rpc => format!("RPC `{}`", operation.path),
            Kind::Command => format!("room event `{}`", operation.path),
            Kind::Message => format!("message `{}`", operation.path),
            Kind::Local => "local".into(),
        };
        let first = operation.doc.trim().split_inclusive(". ").next().unwrap_or("").trim();
        let _ = writeln!(out, "| `{}` | {wire} | {first} |", operation.name.as_ref());
    }
    out
}
