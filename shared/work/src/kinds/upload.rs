//! Rows out of a file that was uploaded.

use std::collections::HashSet;

use license_clients::Exports;
use license_domain::{
    EmailAddress, EmailKey, Row,
    job::{MAX_ROWS, chunks::MAX_INVALID_LENGTH},
    maxima::MAX_SOURCE_ID,
};

use crate::{WorkError, rows::RowsWriter};

/// Columns that may hold the address.
const EMAIL_COLUMNS: [&str; 3] = ["user_email", "email", "email address"];

/// The column of the sale that a license comes from.
const SOURCE_COLUMN: &str = "user_sfid";

/// Writes the rows of that CSV file.
pub(super) async fn read(
    exports: &dyn Exports,
    file: &str,
    mut chunks: RowsWriter<'_>,
) -> Result<(u64, u64), WorkError> {
    let text = exports.fetch(file).await?.ok_or(WorkError::Unreadable("there is no file"))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|_| WorkError::Unreadable("it is no CSV"))?.clone();
    let column = |names: &[&str]| {
        headers.iter().position(|header| {
            names.iter().any(|name| header.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
        })
    };
    let email = column(&EMAIL_COLUMNS).ok_or(WorkError::Unreadable("no column is called user_email"))?;
    let source = column(&[SOURCE_COLUMN]);
    let mut named: HashSet<EmailKey> = HashSet::new();
    for record in reader.records() {
        let row = match record {
            Err(_) => Row { problem: Some("The row cannot be read.".to_owned()), ..Row::default() },
            Ok(record) => {
                // A row may have fewer cells than there are columns.
                let text = record.get(email).unwrap_or("");
                match EmailAddress::parse(text) {
                    Ok(address) if named.insert(address.key()) => {
                        let source = source.and_then(|column| record.get(column)).filter(|id| !id.is_empty());
                        let is_long = source.is_some_and(|id| id.chars().nth(MAX_SOURCE_ID).is_some());
                        let problem = format!("Ensure user_sfid has no more than {MAX_SOURCE_ID} characters.");
                        Row {
                            user_email: Some(address),
                            source_id: source.filter(|_| !is_long).map(str::to_owned),
                            problem: is_long.then_some(problem),
                            ..Row::default()
                        }
                    }
                    // Named before.
                    Ok(_) => continue,
                    Err(_) => Row {
                        // Enough to tell which row it was: a column may hold anything of any length.
                        user_email: Some(EmailAddress::on_record(
                            text.chars().take(MAX_INVALID_LENGTH).collect::<String>(),
                        )),
                        problem: Some("Enter a valid email address.".to_owned()),
                        ..Row::default()
                    },
                }
            }
        };
        if chunks.rows() >= u64::try_from(MAX_ROWS).expect("it fits 64 bits") {
            return Err(WorkError::Unreadable("there are too many rows"));
        }
        chunks.push(row).await?;
    }
    chunks.finish().await
}
