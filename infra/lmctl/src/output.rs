//! Formats of results.

use std::io::{self, Write};

use clap::ValueEnum;
use license_csv::CsvTable;
use serde_json::{Map, Value};

use crate::Global;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A list of objects.
    Json,
    /// Columns for people.
    Table,
    /// Rows for spreadsheets, in which no cell is a formula.
    Csv,
}

/// Writes rows while they are produced; only the table for people needs a whole page to compute the widths of its
/// columns.
pub(crate) struct Listing<'a, const N: usize> {
    format: Format,
    columns: [&'static str; N],
    /// Whether addresses are shown in full, also in names of users and in reasons.
    show_emails: bool,
    out: &'a mut (dyn Write + Send),
    csv: Option<CsvTable<Vec<u8>, N>>,
    page: Vec<[String; N]>,
    rows: u64,
}

/// How many rows are formatted together.
const PAGE: usize = 1_000;

impl<'a, const N: usize> Listing<'a, N> {
    pub(crate) fn new(
        global: &Global,
        columns: [&'static str; N],
        out: &'a mut (dyn Write + Send),
    ) -> io::Result<Self> {
        let (format, show_emails) = (global.output, global.show_emails);
        let csv = if format == Format::Csv { Some(CsvTable::new(Vec::new(), columns)?) } else { None };
        Ok(Self { format, columns, show_emails, out, csv, page: Vec::new(), rows: 0 })
    }

    pub(crate) fn row(&mut self, mut cells: [Value; N]) -> io::Result<()> {
        self.rows += 1;
        if !self.show_emails {
            cells.iter_mut().for_each(mask);
        }
        if self.format == Format::Json {
            self.out.write_all(if self.rows == 1 { b"[\n" } else { b",\n" })?;
            let object: Map<String, Value> = self.columns.iter().map(|name| (*name).to_owned()).zip(cells).collect();
            return Ok(serde_json::to_writer(&mut self.out, &object)?);
        }
        let texts = cells.map(|cell| match cell {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        });
        if let Some(csv) = &mut self.csv {
            csv.row(texts.each_ref().map(String::as_str))?;
            return self.out.write_all(&csv.take());
        }
        self.page.push(texts);
        if self.page.len() == PAGE { self.lay_out() } else { Ok(()) }
    }

    fn lay_out(&mut self) -> io::Result<()> {
        let page = std::mem::take(&mut self.page);
        let is_first = self.rows <= u64::try_from(PAGE).unwrap_or(u64::MAX);
        let heads = self.columns.map(|name| name.to_uppercase().replace('_', " "));
        let widths: [usize; N] = std::array::from_fn(|n| {
            let cells = page.iter().map(|row| row[n].chars().count());
            cells.chain([heads[n].chars().count()]).max().unwrap_or_default()
        });
        for row in is_first.then_some(&heads).into_iter().chain(&page) {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(self.out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.format {
            Format::Json if self.rows == 0 => self.out.write_all(b"[]\n")?,
            Format::Json => self.out.write_all(b"\n]\n")?,
            Format::Csv => {
                if let Some(csv) = &mut self.csv {
                    self.out.write_all(&csv.take())?;
                }
            }
            Format::Table => self.lay_out()?,
        }
        self.out.flush()
    }
}

/// Masks the addresses in a value.
fn mask(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('@') => *text = masked(text),
        Value::Array(values) => values.iter_mut().for_each(mask),
        Value::Object(fields) => fields.values_mut().for_each(mask),
        _ => {}
    }
}

/// A text in which only the first letter and the domain of each address are shown.
fn masked(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || ",;:<>()[]\"#/".contains(c);
    let words = text.split_inclusive(is_end).map(|part| {
        let word = part.trim_end_matches(is_end);
        match word.rsplit_once('@') {
            Some((local, domain)) => {
                format!("{}***@{domain}{}", local.chars().next().unwrap_or('*'), &part[word.len()..])
            }
            None => part.to_owned(),
        }
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(output: Format, show_emails: bool) -> Global {
        let (table, profile, region, endpoint_url, data) = (String::new(), None, None, None, None);
        Global {
            profile,
            region,
            table,
            endpoint_url,
            data,
            output,
            yes: false,
            show_emails,
            dry_run: false,
            clock: None,
            actor: None,
        }
    }

    fn shown(format: Format, rows: &[[Value; 2]]) -> String {
        let mut out = Vec::new();
        let mut listing = Listing::new(&global(format, false), ["name", "how_many"], &mut out).expect("memory");
        for row in rows {
            listing.row(row.clone()).expect("memory");
        }
        listing.finish().expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn rows_are_shown_in_each_form() {
        let rows = [[Value::from("=a"), Value::from(1)], [Value::from("longer"), Value::Null]];
        assert_eq!(shown(Format::Table, &rows), "NAME    HOW MANY\n=a      1\nlonger\n");
        assert_eq!(shown(Format::Table, &[]), "NAME  HOW MANY\n");
        let json: Value = serde_json::from_str(&shown(Format::Json, &rows)).expect("JSON");
        assert_eq!(json[1], serde_json::json!({ "name": "longer", "how_many": null }));
        assert_eq!(shown(Format::Json, &[]), "[]\n");
        let csv = shown(Format::Csv, &rows);
        assert!(csv.starts_with("name,how_many\r\n") && !csv.contains("\n=a"), "{csv}");
    }

    #[test]
    fn only_the_first_letter_and_the_domain_of_an_address_are_shown() {
        for (text, expected) in [
            ("ann.smith@example.com", "a***@example.com"),
            ("LEARNER#ann@example.com / LICENSE#1", "LEARNER#a***@example.com / LICENSE#1"),
            ("left, says bob@b.example", "left, says b***@b.example"),
            ("an-operator", "an-operator"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn addresses_are_masked_in_every_field() {
        let row = || [serde_json::json!({ "by": ["ann@example.com"] }), Value::from("ann@example.com")];
        for (show_emails, count) in [(true, 2), (false, 0)] {
            let mut out = Vec::new();
            let global = global(Format::Json, show_emails);
            let mut listing = Listing::new(&global, ["who", "user_email"], &mut out).expect("memory");
            listing.row(row()).expect("memory");
            listing.finish().expect("memory");
            assert_eq!(String::from_utf8(out).expect("text").matches("ann@").count(), count);
        }
    }
}
