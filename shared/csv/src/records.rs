//! Reads a table whose bytes arrive in pieces.

use csv_core::{ReadRecordResult, Reader};

/// The records of a table whose bytes arrive in pieces. At most one record is in memory, however the pieces are cut and
/// whatever they contain. A record longer than the maximum is skipped.
///
/// The `csv` crate reads from a blocking source and holds a record of any length. This uses the parser below it.
#[derive(Debug)]
pub struct Records {
    parser: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How much of `bytes` and `ends` the current record fills.
    filled: (usize, usize),
    is_too_long: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    Cells(Cells<'a>),
    /// It has too many bytes or cells.
    TooLong,
    /// It is not UTF-8.
    NotText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Cells<'a> {
    /// The cell of that column, trimmed; `None` if the record has fewer columns.
    pub fn get(&self, column: usize) -> Option<&'a str> {
        self.cell(column).map(|cell| std::str::from_utf8(cell).expect("every cell was checked").trim())
    }

    pub fn all(self) -> impl Iterator<Item = &'a str> {
        (0..self.ends.len()).filter_map(move |column| self.get(column))
    }

    fn cell(&self, column: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(column)?;
        let start = if column == 0 { 0 } else { self.ends[column - 1] };
        Some(&self.bytes[start..end])
    }

    fn is_text(&self) -> bool {
        (0..self.ends.len()).filter_map(|column| self.cell(column)).all(|cell| std::str::from_utf8(cell).is_ok())
    }
}

impl Records {
    /// A reader for records of at most so many bytes and cells.
    pub fn new(max_bytes: usize, max_cells: usize) -> Self {
        // The parser calls a buffer full when no room is left, so each buffer has room for one more than the maximum.
        let (bytes, ends) = (vec![0; max_bytes + 1], vec![0; max_cells + 1]);
        Self { parser: Reader::new(), bytes, ends, filled: (0, 0), is_too_long: false }
    }

    /// The next record that ends in the piece, which is shortened by what was read; `None` when the piece is used up.
    pub fn next(&mut self, piece: &mut &[u8]) -> Option<Record<'_>> {
        while !piece.is_empty() {
            if self.read(piece) {
                return Some(self.take());
            }
        }
        None
    }

    /// The record that ends with the table, after the last piece.
    pub fn last(&mut self) -> Option<Record<'_>> {
        // An empty input means for the parser that the table ends.
        let has_ended_one = self.read(&mut &[][..]);
        has_ended_one.then(|| self.take())
    }

    /// Continues reading; returns whether a record has ended.
    fn read(&mut self, piece: &mut &[u8]) -> bool {
        loop {
            let (bytes, ends) = self.filled;
            let (result, read, written, ended) =
                self.parser.read_record(piece, &mut self.bytes[bytes..], &mut self.ends[ends..]);
            *piece = &piece[read..];
            self.filled = (bytes + written, ends + ended);
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return false,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    self.is_too_long = true;
                    self.filled = (0, 0);
                }
            }
        }
    }

    fn take(&mut self) -> Record<'_> {
        let (bytes, ends) = std::mem::take(&mut self.filled);
        let is_full = bytes == self.bytes.len() || ends == self.ends.len();
        if std::mem::take(&mut self.is_too_long) || is_full {
            return Record::TooLong;
        }
        let cells = Cells { bytes: &self.bytes[..bytes], ends: &self.ends[..ends] };
        if cells.is_text() { Record::Cells(cells) } else { Record::NotText }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a table that arrives in pieces of so many bytes; at most 12 bytes and 3 cells each.
    fn read(table: &[u8], piece: usize) -> Vec<String> {
        let shown = |record: Record<'_>| match record {
            Record::Cells(cells) => cells.all().collect::<Vec<_>>().join("|"),
            other => format!("{other:?}"),
        };
        let mut records = Records::new(12, 3);
        let mut all = Vec::new();
        for mut piece in table.chunks(piece) {
            while let Some(record) = records.next(&mut piece) {
                all.push(shown(record));
            }
        }
        all.extend(records.last().map(shown));
        assert!(records.last().is_none());
        all
    }

    #[test]
    fn pieces_may_be_cut_at_any_byte() {
        let table = "a,b\r\n\r\n 1 ,\"x,\n\"\"y\"\n\u{e9}\u{20ac},\u{1f600}\nlast,".as_bytes();
        for piece in 1..=table.len() {
            assert_eq!(read(table, piece), ["a|b", "1|x,\n\"y", "\u{e9}\u{20ac}|\u{1f600}", "last|"], "{piece}");
        }
        assert_eq!(read(b"", 1), Vec::<String>::new());
    }

    #[test]
    fn a_record_that_is_too_long_or_no_text_is_one_record() {
        let table = b"ok,1\nabcdefghijklmnop,q\nok,2\n1,2,3,4\nok,3\n\xc3,\xa9\nok,4\n123456789012\nok,5\n\"never ends\n\n\n,,,,,,";
        for piece in 1..=table.len() {
            let all = read(table, piece);
            assert_eq!(
                all,
                ["ok|1", "TooLong", "ok|2", "TooLong", "ok|3", "NotText", "ok|4", "123456789012", "ok|5", "TooLong"],
                "{piece}"
            );
        }
    }
}
