//! Reports of imports.

use std::{collections::BTreeMap, fmt};

use license_storage::StoreError;
use serde::Serialize;

/// How many bad rows, or warnings, are shown; the others are counted.
const SHOWN: usize = 50;

/// What was imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many of each kind.
    pub imported: BTreeMap<&'static str, u64>,
    /// How many of each kind were in the table already, and equal.
    pub unchanged: BTreeMap<&'static str, u64>,
    /// How many licenses of each status, after duplicates were resolved.
    pub licenses: BTreeMap<&'static str, u64>,
    /// Rows of models that are not imported.
    pub skipped: BTreeMap<String, u64>,
    /// Files that were imported before.
    pub imported_before: Vec<String>,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

impl Report {
    pub(crate) fn count(&mut self, kind: &'static str) {
        *self.imported.entry(kind).or_default() += 1;
    }

    pub(crate) fn leave(&mut self, kind: &'static str) {
        *self.unchanged.entry(kind).or_default() += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.imported_before {
            writeln!(f, "  {file}: imported before, left out")?;
        }
        for (kind, count) in &self.imported {
            write!(f, "  {count:>9} {kind}")?;
            if *kind == "licenses" {
                let statuses: Vec<String> =
                    self.licenses.iter().map(|(name, count)| format!("{count} {name}")).collect();
                write!(f, " ({})", statuses.join(", "))?;
            }
            writeln!(f)?;
        }
        for (kind, count) in &self.unchanged {
            writeln!(f, "  {count:>9} {kind} were there already")?;
        }
        for (model, count) in &self.skipped {
            writeln!(f, "  {count:>9} {model} skipped")?;
        }
        list(f, "  warning: ", &self.warnings)
    }
}

/// A row that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRow {
    pub file: String,
    /// The row's number in the file, from 1; 0 for the file as a whole.
    pub row: u64,
    /// The row's model and key.
    pub what: String,
    pub reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: row {} ({}): {}", self.file, self.row, self.what, self.reason)
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot import {file}: {cause}")]
    Read {
        file: String,
        /// The reason, with line and column if the file is not a dump.
        cause: String,
    },
    /// Rows are wrong, or differ from what is stored.
    #[error("nothing was imported, {}:\n{}", counted(.0.len()), BadRows(.0))]
    Bad(Vec<BadRow>),
    /// A file has other rows than when it was checked.
    #[error("the import did not finish ({file} has changed meanwhile); start it again")]
    Changed { file: String },
    #[error("the import did not finish ({0}); start it again")]
    Store(#[from] StoreError),
}

fn counted(rows: usize) -> String {
    if rows == 1 { "1 row is wrong".to_owned() } else { format!("{rows} rows are wrong") }
}

struct BadRows<'a>(&'a [BadRow]);

impl fmt::Display for BadRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "  ", self.0)
    }
}

fn list(f: &mut fmt::Formatter<'_>, prefix: &str, lines: &[impl fmt::Display]) -> fmt::Result {
    for line in lines.iter().take(SHOWN) {
        writeln!(f, "{prefix}{line}")?;
    }
    if lines.len() > SHOWN {
        writeln!(f, "{prefix}and {} more", lines.len() - SHOWN)?;
    }
    Ok(())
}
