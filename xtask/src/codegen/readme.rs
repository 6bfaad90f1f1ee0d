//! The operation table of a README, between two markers.

use std::fmt::Write as _;

use super::spec::{Kind, Spec};

const BEGIN: &str = "<!-- operations: begin (cargo xtask codegen) -->";
const END: &str = "<!-- operations: end -->";

/// The README with its table renewed.
pub fn with_table(readme: &str, spec: &Spec) -> Result<String, String> {
    let (head, rest) = readme.split_once(BEGIN).ok_or_else(|| format!("the README has no line {BEGIN}"))?;
    let (_, tail) = rest.split_once(END).ok_or_else(|| format!("the README has no line {END}"))?;
    Ok(format!("{head}{BEGIN}\n{}{END}{tail}", table(spec)))
}

fn table(spec: &Spec) -> String {
    let mut out = String::from("| operation | wire | what it does |\n|---|---|---|\n");
    for operation in &spec.operations {
        let wire = match operation.kind {
            Kind::Http if operation.url_field.is_some() => {
                format!("`{}` to the given URL", operation.method.as_deref().unwrap_or(""))
            }
            Kind::Http => format!("`{} {}`", operation.method.as_deref().unwrap_or(""), operation.path),
            Kind::Rpc => format!("RPC `{}`", operation.path),
            Kind::Command => format!("room event `{}`", operation.path),
            Kind::Local => "local".into(),
        };
        let first = operation.doc.trim().split_inclusive(". ").next().unwrap_or("").trim();
        let _ = writeln!(out, "| `{}` | {wire} | {first} |", operation.name.as_ref());
    }
    out
}
