//! A table in Markdown that says what was found and, in its last column, why that is right. What is found must
//! be what is listed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Stands where a person has to write a reason.
const OPEN: &str = "?";

/// Reasons by the cells before them.
#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    /// Title, explanation and head of the table.
    preamble: String,
    rows: BTreeMap<Vec<String>, String>,
}

impl Table {
    /// Reads one.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let Some(rule) = text.lines().position(|line| line.starts_with("|---")) else {
            return Err(format!("{} holds no table", path.display()));
        };
        let preamble = text.lines().take(rule + 1).map(|line| format!("{line}\n")).collect();
        let rows = text.lines().skip(rule + 1).filter(|line| line.starts_with('|'));
        let rows = rows.filter_map(|line| {
            let mut cells = cells(line);
            let reason = cells.pop()?;
            Some((cells, reason))
        });
        Ok(Self { path: path.to_owned(), preamble, rows: rows.collect() })
    }

    /// What is wrong with what was found: a row that is not listed, one that is listed and was not found, one
    /// without a reason.
    pub(crate) fn check(&self, found: &[Vec<String>]) -> Vec<String> {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let new = found.iter().filter(|row| !self.rows.contains_key(*row));
        let new = new.map(|row| format!("not in {file}: {}", row.join(" | ")));
        let gone = self.rows.keys().filter(|row| !found.contains(row));
        let gone = gone.map(|row| format!("in {file}, but no longer so: {}", row.join(" | ")));
        let open = self.rows.iter().filter(|(_, reason)| reason.is_empty() || *reason == OPEN);
        let open = open.map(|(row, _)| format!("in {file} without a reason: {}", row.join(" | ")));
        new.chain(gone).chain(open).collect()
    }

    /// Lists what was found; the reasons stay, and new rows wait for theirs.
    pub(crate) fn bless(&mut self, found: &[Vec<String>]) -> Result<(), String> {
        let reason = |row: &Vec<String>| self.rows.get(row).cloned().unwrap_or_else(|| OPEN.into());
        self.rows = found.iter().map(|row| (row.clone(), reason(row))).collect();
        let rows = self.rows.iter().map(|(row, reason)| {
            let cells = row.iter().chain([reason]).map(|cell| cell.replace('|', "\\|"));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        });
        let text = self.preamble.clone() + &rows.collect::<String>();
        std::fs::write(&self.path, text).map_err(|e| format!("{}: {e}", self.path.display()))
    }
}

/// The cells of a row; `\|` is a bar inside one.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner).replace("\\|", "\0");
    inner.split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
}
