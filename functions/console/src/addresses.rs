//! Addresses that were pasted into a form, or lines of a CSV file.

use std::collections::HashSet;

use license_csv::{Record, Records};
use license_domain::EmailAddress;
use license_work::EMAIL_COLUMNS;

/// How many invalid addresses are shown.
const SHOWN: usize = 20;

/// The addresses without duplicates, compared as in the API; or what is wrong with them.
pub fn read(text: &str, max: usize) -> Result<Vec<EmailAddress>, Vec<String>> {
    let is_between = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let given: Vec<&str> = text.split(is_between).filter(|word| !word.is_empty()).collect();
    if given.is_empty() {
        return Err(vec!["Enter at least one address.".to_owned()]);
    }
    if given.len() > max {
        return Err(vec![format!("These are {} addresses; {max} are possible at once.", given.len())]);
    }
    let (mut emails, mut named, mut wrong) = (Vec::new(), HashSet::new(), Vec::new());
    for word in given {
        match EmailAddress::parse(word) {
            Ok(email) if named.insert(email.key()) => emails.push(EmailAddress::on_record(email.key().as_str())),
            Ok(_) => {}
            Err(_) => wrong.push(format!("“{word}” is not a valid email address.")),
        }
    }
    wrong.truncate(SHOWN);
    if wrong.is_empty() { Ok(emails) } else { Err(wrong) }
}

/// The most bytes and cells of a file's line.
const MAX_RECORD_BYTES: usize = 64 << 10;
const MAX_CELLS: usize = 1_000;

/// The addresses in a CSV file: in the column that the API's uploads have, or one on each line of a file without a header.
pub fn of_file(text: &str, max: usize) -> Result<Vec<EmailAddress>, Vec<String>> {
    let mut records = Records::new(MAX_RECORD_BYTES, MAX_CELLS);
    let (mut column, mut found, mut piece) = (None, String::new(), text.as_bytes());
    let mut take = |record: Record<'_>| match (record, column) {
        (Record::Cells(cells), None) => {
            let named = cells.all().position(|cell| EMAIL_COLUMNS.contains(&cell.to_ascii_lowercase().as_str()));
            column = Some(named.unwrap_or_default());
            let is_header = named.is_some();
            let is_list = cells.all().count() == 1;
            match cells.get(0) {
                Some(first) if !is_header && is_list => found.push_str(first),
                _ if is_header => {}
                _ => return Err(vec!["No column of the file is called user_email.".to_owned()]),
            }
            Ok(())
        }
        (Record::Cells(cells), Some(column)) => {
            found.push('\n');
            found.push_str(cells.get(column).unwrap_or_default());
            Ok(())
        }
        _ => Err(vec!["A line of the file is too long.".to_owned()]),
    };
    while let Some(record) = records.next(&mut piece) {
        take(record)?;
    }
    if let Some(record) = records.last() {
        take(record)?;
    }
    read(&found, max)
}

/// The addresses as a form carries them on.
pub fn text(emails: &[EmailAddress]) -> String {
    emails.iter().map(EmailAddress::as_given).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Result<Vec<String>, Vec<String>> {
        let found = of_file(text, 3)?;
        Ok(found.iter().map(|email| email.as_given().to_owned()).collect())
    }

    #[test]
    fn a_file_has_a_column_of_addresses_or_nothing_else() {
        let both = vec!["ann@example.com".to_owned(), "bob@example.com".to_owned()];
        for text in [
            "name,User_Email\r\n\"Lee, Ann\",Ann@example.com\r\nBob,bob@example.com\r\n",
            "email\nann@example.com\n\nbob@example.com\nann@example.com",
            "ann@example.com\nbob@example.com\n",
        ] {
            assert_eq!(addresses(text), Ok(both.clone()), "{text}");
        }
        assert!(addresses("name,address\nAnn,ann@example.com").is_err_and(|said| said[0].contains("user_email")));
        assert!(addresses("email\nann").is_err_and(|said| said[0].contains("“ann”")));
        assert!(addresses("").is_err() && addresses("email\n").is_err());
        assert!(addresses("a@b.cd\ne@b.cd\nf@b.cd\ng@b.cd").is_err_and(|said| said[0].contains("4 addresses")));
    }
}
