//! Tables for spreadsheets: CSV (RFC 4180, UTF-8), with one rule for cells that a spreadsheet would run as formulas. Both
//! writing and reading take any number of rows in bounded memory.

mod records;

use std::{
    borrow::Cow,
    io::{self, Write},
};

pub use records::{Cells, Record, Records};

/// The first characters by which a spreadsheet recognizes a formula. Some spreadsheets remove the others first and look
/// at the next character.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A CSV table that is written row by row.
#[derive(Debug)]
pub struct CsvTable<W: Write, const COLUMNS: usize>(csv::Writer<W>);

fn writer<W: Write>(out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out)
}

impl<W: Write, const COLUMNS: usize> CsvTable<W, COLUMNS> {
    /// Writes the header.
    pub fn new(out: W, columns: [&str; COLUMNS]) -> io::Result<Self> {
        let mut table = Self(writer(out));
        table.row(columns)?;
        Ok(table)
    }

    /// Writes a row. A cell that looks like a formula gets an apostrophe in front, which makes spreadsheets read it as
    /// text.
    pub fn row(&mut self, cells: [&str; COLUMNS]) -> io::Result<()> {
        self.0.write_record(cells.map(as_text).iter().map(AsRef::as_ref)).map_err(io::Error::from)
    }

    /// Ends the table; returns the writer with all rows.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

impl<const COLUMNS: usize> CsvTable<Vec<u8>, COLUMNS> {
    /// Takes what was written since the last call, so that a large table is never in memory as a whole.
    pub fn take(&mut self) -> Vec<u8> {
        let rows = std::mem::replace(&mut self.0, writer(Vec::new()));
        rows.into_inner().expect("a vector takes every byte")
    }

    /// The table as a text.
    pub fn into_text(self) -> String {
        let bytes = self.finish().expect("a vector takes every byte");
        String::from_utf8(bytes).expect("cells and separators are texts")
    }
}

fn as_text(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(FORMULA_STARTS) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[&str; 2]]) -> String {
        let mut table = CsvTable::new(Vec::new(), ["a", "b"]).expect("memory");
        for row in rows {
            table.row(*row).expect("memory");
        }
        table.into_text()
    }

    #[test]
    fn rows_end_with_crlf_and_cells_with_delimiters_are_quoted() {
        assert_eq!(table(&[]), "a,b\r\n");
        assert_eq!(
            table(&[["x y", ""], ["1,2", "\"q\""], ["\n", "é"]]),
            "a,b\r\nx y,\r\n\"1,2\",\"\"\"q\"\"\"\r\n\"\n\",é\r\n"
        );
    }

    #[test]
    fn a_table_that_is_taken_out_in_parts_is_the_same_table() {
        let mut parts = CsvTable::new(Vec::new(), ["a", "b"]).expect("memory");
        let mut taken = Vec::new();
        for row in [["1", "x,y"], ["2", ""]] {
            parts.row(row).expect("memory");
            taken.extend(parts.take());
        }
        taken.extend(parts.take());
        assert_eq!(String::from_utf8(taken).expect("text"), table(&[["1", "x,y"], ["2", ""]]));
    }

    #[test]
    fn no_cell_is_a_formula_and_none_loses_a_character() {
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            let cell = format!("{start}HYPERLINK(0)");
            let text = table(&[[&cell, "x"]]);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let row = reader.records().next().expect("a row").expect("CSV");
            assert_eq!(&row[0], format!("'{cell}"));
        }
        assert_eq!(table(&[["a=b", "1-2"]]), "a,b\r\na=b,1-2\r\n");
    }
}
