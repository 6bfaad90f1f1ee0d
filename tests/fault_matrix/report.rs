//! The table for people, on the terminal and in the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::cell::Verdict;
use crate::expect::{Expected, expect};
use crate::faults::{self, Fault};
use crate::operations::Op;

const PROVIDERS: [&str; 5] = ["enablex", "kvs-signaling", "mediasfu", "opentok", "sora-rpc"];

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    not_applicable: usize,
}

/// A row of a table: what comes of it, and the counts by provider.
#[derive(Default)]
struct Row {
    outcomes: BTreeSet<String>,
    counts: BTreeMap<&'static str, Count>,
}

pub(crate) struct Report {
    full: bool,
    http: BTreeMap<usize, Row>,
    others: Vec<(String, Row)>,
    reasons: BTreeMap<(String, &'static str), BTreeMap<&'static str, usize>>,
    notes: Vec<(String, Result<(), String>)>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(full: bool) -> Self {
        let (http, others) = (BTreeMap::new(), Vec::new());
        Self { full, http, others, reasons: BTreeMap::new(), notes: Vec::new(), failures: Vec::new() }
    }

    /// A cell of an HTTP operation.
    pub(crate) fn cell(&mut self, op: &Op, fault: Fault, verdict: Verdict) {
        let at = faults::ALL.iter().position(|known| *known == fault).unwrap_or_default();
        let row = self.http.entry(at).or_default();
        row.outcomes.extend(outcome(expect(fault, op)));
        count(row, &mut self.reasons, &mut self.failures, (op.provider, &op.label(), &fault.name()), verdict);
    }

    /// A cell of a table row of its own name.
    pub(crate) fn other(
        &mut self,
        provider: &'static str,
        op: &str,
        fault: &str,
        outcome: &str,
        verdict: Verdict,
    ) {
        let at = self.others.iter().position(|(name, _)| name == fault).unwrap_or_else(|| {
            self.others.push((fault.to_owned(), Row::default()));
            self.others.len() - 1
        });
        let row = &mut self.others[at].1;
        if !matches!(verdict, Verdict::NotApplicable(_)) {
            row.outcomes.insert(outcome.to_owned());
        }
        let label = format!("{provider} {op}");
        count(row, &mut self.reasons, &mut self.failures, (provider, &label, fault), verdict);
    }

    /// Something that is about no single cell.
    pub(crate) fn note(&mut self, what: &str, result: Result<(), String>) {
        if let Err(error) = &result {
            self.failures.push(format!("{what}: {error}"));
        }
        self.notes.push((what.to_owned(), result));
    }

    fn counts(&self) -> impl Iterator<Item = &Count> {
        self.http.values().chain(self.others.iter().map(|(_, row)| row)).flat_map(|row| row.counts.values())
    }

    pub(crate) fn passed(&self) -> usize {
        self.counts().map(|count| count.passed).sum::<usize>()
            + self.notes.iter().filter(|(_, result)| result.is_ok()).count()
    }

    pub(crate) fn failed(&self) -> usize {
        self.counts().map(|count| count.failed).sum::<usize>()
            + self.notes.iter().filter(|(_, result)| result.is_err()).count()
    }

    fn rows(&self) -> Vec<(String, &Row)> {
        let http = self.http.iter().map(|(at, row)| (faults::ALL[*at].name(), row));
        http.chain(self.others.iter().map(|(name, row)| (name.clone(), row))).collect()
    }

    /// For the terminal.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |first: &str, cells: Vec<String>, last: &str| {
            let cells: String = cells.iter().map(|cell| format!(" {cell:>13}")).collect();
            let _ = writeln!(out, "{first:<44}{cells}  {last}");
        };
        line("fault", PROVIDERS.map(str::to_owned).into(), "what comes of it, x requests");
        for (name, row) in self.rows() {
            line(
                &name,
                PROVIDERS.map(|provider| shown(row.counts.get(provider), "n/a")).into(),
                &joined(row),
            );
        }
        for ((fault, reason), by) in &self.reasons {
            let by: Vec<String> = by.iter().map(|(provider, cells)| format!("{provider} {cells}")).collect();
            let _ = writeln!(out, "n/a: {fault}: {reason} ({})", by.join(", "));
        }
        for failure in &self.failures {
            let _ = writeln!(out, "FAILED {failure}");
        }
        out
    }

    /// For the repository: nothing in it changes from run to run unless an outcome does.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        let extent = if self.full {
            "every operation"
        } else {
            "one operation per provider, class and kind of answer"
        };
        let _ = writeln!(out, "{} passed, {} failed ({extent}).\n", self.passed(), self.failed());
        let _ = writeln!(out, "| Fault | {} | What comes of it, × requests |", PROVIDERS.join(" | "));
        let _ = writeln!(out, "|---|{}---|", "--:|".repeat(PROVIDERS.len()));
        for (name, row) in self.rows() {
            let cells = PROVIDERS.map(|provider| shown(row.counts.get(provider), "–")).join(" | ");
            let _ = writeln!(out, "| {name} | {cells} | {} |", joined(row).replace(" x", " × "));
        }
        let _ = writeln!(out, "\nCells that cannot apply:\n");
        for ((fault, reason), by) in &self.reasons {
            let by: Vec<String> = by.iter().map(|(provider, cells)| format!("{provider} {cells}")).collect();
            let _ = writeln!(out, "- {fault}: {reason} ({}).", by.join(", "));
        }
        out
    }
}

fn count(
    row: &mut Row,
    reasons: &mut BTreeMap<(String, &'static str), BTreeMap<&'static str, usize>>,
    failures: &mut Vec<String>,
    (provider, label, fault): (&'static str, &str, &str),
    verdict: Verdict,
) {
    let count = row.counts.entry(provider).or_default();
    match verdict {
        Verdict::Passed => count.passed += 1,
        Verdict::NotApplicable(reason) => {
            count.not_applicable += 1;
            *reasons.entry((fault.to_owned(), reason)).or_default().entry(provider).or_default() += 1;
        }
        Verdict::Failed(bad) => {
            count.failed += 1;
            failures.push(format!("{label}, {fault}: {}", bad.join("; ")));
        }
    }
}

fn shown(count: Option<&Count>, none: &str) -> String {
    match count {
        None => none.to_owned(),
        Some(Count { failed: 0, passed: 0, .. }) => none.to_owned(),
        Some(Count { failed: 0, passed, .. }) => passed.to_string(),
        Some(Count { failed, passed, .. }) => format!("{passed} of {}", passed + failed),
    }
}

fn joined(row: &Row) -> String {
    row.outcomes.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn outcome(expected: Expected) -> Option<String> {
    match expected {
        Expected::Not(_) => None,
        Expected::Done => Some("done x1".into()),
        Expected::Flows(_) => Some("it flows until the reader leaves x1".into()),
        Expected::Fails(kind, (0, 1)) => Some(format!("{kind} x1")),
        Expected::Fails(kind, (_, most)) => Some(format!("{kind} x{most}")),
    }
}
