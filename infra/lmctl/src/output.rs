//! How results are shown.

use std::io::{self, Write};

use clap::ValueEnum;
use license_csv::CsvTable;
use serde_json::{Map, Value};

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A list of objects.
    Json,
    /// Columns for people.
    Table,
    /// Rows for spreadsheets, in which no cell is a formula.
    Csv,
}

/// Writes rows as they come; only the table for people needs all of a page to know how wide its columns are.
pub(crate) struct Listing<'a, const N: usize> {
    format: Format,
    columns: [&'static str; N],
    out: &'a mut (dyn Write + Send),
    csv: Option<CsvTable<Vec<u8>, N>>,
    page: Vec<[String; N]>,
    rows: u64,
}

/// How many rows are laid out together.
const PAGE: usize = 1_000;

impl<'a, const N: usize> Listing<'a, N> {
    pub(crate) fn new(format: Format, columns: [&'static str; N], out: &'a mut (dyn Write + Send)) -> io::Result<Self> {
        let csv = if format == Format::Csv { Some(CsvTable::new(Vec::new(), columns)?) } else { None };
        Ok(Self { format, columns, out, csv, page: Vec::new(), rows: 0 })
    }

    pub(crate) fn row(&mut self, cells: [Value; N]) -> io::Result<()> {
        self.rows += 1;
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

/// An address as it may be shown to people who do not need it: its first letter and its domain.
pub fn masked(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().next().unwrap_or('*')),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: Format, rows: &[[Value; 2]]) -> String {
        let mut out = Vec::new();
        let mut listing = Listing::new(format, ["name", "how_many"], &mut out).expect("memory");
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
    fn a_masked_address_names_nobody() {
        assert_eq!(masked("ann.smith@example.com"), "a***@example.com");
        assert_eq!(masked("nobody"), "***");
    }
}
