//! Reads rows from an uploaded file.
//!
//! A million rows are read in bounded memory: the file is read in parts, at most one record of a row's size is held,
//! and of each learner only a hash. Rows are stored chunk by chunk, and the position from time to time. An interrupted
//! attempt is continued: the file is read from its beginning, because a learner who occurs twice is one row, but stored
//! chunks are not written again.

use license_clients::{ClientError, Exports, FilePart, MAX_UPLOAD_BYTES, Service};
use license_csv::{Record, Records};
use license_domain::{
    Clock, EmailAddress, Row, Timestamp,
    job::{MAX_ROWS, chunks::MAX_INVALID_LENGTH},
    maxima::MAX_SOURCE_ID,
    number::to_u64,
};

use crate::{
    WorkError,
    checkpoint::{Checkpoint, EVERY, generation_of},
    named::Named,
    rows::{RowsRead, RowsWriter},
};

/// Columns that may contain the address.
pub const EMAIL_COLUMNS: [&str; 3] = ["user_email", "email", "email address"];

/// The column with the sale that a license comes from.
const SOURCE_COLUMN: &str = "user_sfid";

/// The most bytes of a row.
const MAX_RECORD_BYTES: usize = 64 << 10;
const MAX_CELLS: usize = 1_000;

/// Writes the rows of that CSV file, until that time.
pub(super) async fn read(
    exports: &dyn Exports,
    file: &str,
    writer: RowsWriter<'_>,
    (clock, until): (&dyn Clock, Timestamp),
) -> Result<RowsRead, WorkError> {
    let (mut bytes, size, tag) = match exports.read(file, 0, None).await? {
        FilePart::Bytes { bytes, size, tag } => (bytes, size, tag),
        FilePart::Missing | FilePart::Replaced => return Err(WorkError::Unreadable("there is no file")),
    };
    if size > MAX_UPLOAD_BYTES {
        return Err(WorkError::Unreadable("the file is too large"));
    }
    let writer = writer.continuing(generation_of(&tag), 0);
    let run = writer.run();
    let mut checkpoint = Checkpoint::of(writer.jobs, &run).await?;
    let mut chunks = writer.continuing(run.generation, checkpoint.chunks());
    let mut records = Records::new(MAX_RECORD_BYTES, MAX_CELLS);
    let mut rows = RowReader::default();
    let mut from = 0;
    loop {
        let mut piece = bytes.as_slice();
        while let Some(record) = records.next(&mut piece) {
            let Some(row) = rows.row(record)? else { continue };
            push(&mut chunks, row).await?;
            if chunks.chunks() >= checkpoint.chunks() + EVERY {
                let now = clock.now();
                if !checkpoint.reach(chunks.jobs, &run, (chunks.chunks(), now)).await? {
                    return Ok(RowsRead::Overtaken);
                }
                if now >= until {
                    return Ok(RowsRead::Unfinished);
                }
            }
        }
        from += to_u64(bytes.len());
        if from >= size {
            break;
        }
        bytes = match exports.read(file, from, Some(&tag)).await? {
            FilePart::Bytes { bytes, .. } if !bytes.is_empty() => bytes,
            FilePart::Bytes { .. } => return Err(ClientError::Unreadable { service: Service::Files }.into()),
            FilePart::Missing | FilePart::Replaced => return Err(WorkError::Replaced),
        };
    }
    if let Some(row) = records.last().map(|record| rows.row(record)).transpose()?.flatten() {
        push(&mut chunks, row).await?;
    }
    if rows.columns.is_none() {
        return Err(WorkError::Unreadable(NO_COLUMN));
    }
    chunks.finish().await
}

const NO_COLUMN: &str = "no column is called user_email";

async fn push(chunks: &mut RowsWriter<'_>, row: Row) -> Result<(), WorkError> {
    if chunks.rows() >= to_u64(MAX_ROWS) {
        return Err(WorkError::Unreadable("there are too many rows"));
    }
    chunks.push(row).await
}

/// Makes rows from records.
#[derive(Default)]
struct RowReader {
    /// The columns of the address and of the sale, after the header was read.
    columns: Option<(usize, Option<usize>)>,
    named: Named,
}

impl RowReader {
    /// The row of a record; none for the header, and for a learner who occurred before.
    fn row(&mut self, record: Record<'_>) -> Result<Option<Row>, WorkError> {
        let Some((email, source)) = self.columns else {
            self.columns = Some(columns(record)?);
            return Ok(None);
        };
        let cells = match record {
            Record::Cells(cells) => cells,
            Record::TooLong => return Ok(Some(unreadable("The row is too long."))),
            Record::NotText => return Ok(Some(unreadable("The row cannot be read."))),
        };
        // A row may have fewer cells than the header.
        let text = cells.get(email).unwrap_or("");
        let Ok(address) = EmailAddress::parse(text) else {
            // The beginning is enough to recognize the row: a cell may be of any length.
            let text: String = text.chars().take(MAX_INVALID_LENGTH).collect();
            let user_email = Some(EmailAddress::on_record(text));
            return Ok(Some(Row { user_email, ..unreadable("Enter a valid email address.") }));
        };
        if !self.named.insert(&address.key()) {
            return Ok(None);
        }
        let source = source.and_then(|column| cells.get(column)).filter(|id| !id.is_empty());
        let is_long = source.is_some_and(|id| id.chars().nth(MAX_SOURCE_ID).is_some());
        let problem = format!("Ensure user_sfid has no more than {MAX_SOURCE_ID} characters.");
        Ok(Some(Row {
            user_email: Some(address),
            source_id: source.filter(|_| !is_long).map(str::to_owned),
            problem: is_long.then_some(problem),
            ..Row::default()
        }))
    }
}

fn unreadable(problem: &str) -> Row {
    Row { problem: Some(problem.to_owned()), ..Row::default() }
}

/// The columns of the address and of the sale, by the header.
fn columns(header: Record<'_>) -> Result<(usize, Option<usize>), WorkError> {
    let Record::Cells(cells) = header else { return Err(WorkError::Unreadable("it is no CSV")) };
    let column = |names: &[&str]| {
        cells
            .all()
            .position(|cell| names.iter().any(|name| cell.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name)))
    };
    let email = column(&EMAIL_COLUMNS).ok_or(WorkError::Unreadable(NO_COLUMN))?;
    Ok((email, column(&[SOURCE_COLUMN])))
}

#[cfg(test)]
mod tests;
