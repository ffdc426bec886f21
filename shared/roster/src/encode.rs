use license_domain::{EmailAddress, License, Timestamp};

use crate::{
    Block, Counts,
    block::{COLUMNS, Column, DATES},
    columns::{write_integers, write_length, write_text, write_wide},
};

/// The byte after an address in its column. No UTF-8 text contains it, so that no search matches across two addresses.
pub(crate) const END: u8 = 0xff;

/// How a date is encoded: as missing, by its value, or as equal to the date `EQUAL + n` of the same row.
pub(crate) const ABSENT: u8 = 0;
pub(crate) const GIVEN: u8 = 1;
pub(crate) const EQUAL: u8 = 2;

pub(crate) const fn dates_of(row: &License) -> [Option<Timestamp>; DATES.len()] {
    let License { assigned_date, activation_date, last_remind_date, revoked_date, created, modified, .. } = row;
    [*assigned_date, *activation_date, *last_remind_date, *revoked_date, Some(*created), Some(*modified)]
}

impl Block {
    /// Encodes rows of one plan, which are in the list's order and have or had a person.
    pub fn encode(rows: &[License]) -> Self {
        let mut counts = Counts::default();
        for row in rows {
            counts.add(row.status, 1);
        }
        let mut columns: [Vec<u8>; COLUMNS] = Default::default();
        let mut set = |column: Column, bytes: Vec<u8>| columns[column as usize] = bytes;
        let (addresses, spellings) = addresses(rows);
        set(Column::Addresses, addresses);
        set(Column::Spellings, spellings);
        let ids: Vec<u128> = rows.iter().map(|row| row.uuid.0.as_u128()).collect();
        let mut out = Vec::new();
        write_wide(&mut out, &ids);
        set(Column::Ids, out);
        set(Column::ActivationKeys, optional_wide(rows.iter().map(|row| Some(row.activation_key?.0.as_u128()))));
        set(Column::RenewedTo, optional_wide(rows.iter().map(|row| Some(row.renewed_to?.0.as_u128()))));
        set(Column::LmsUsers, optional_integers(rows.iter().map(|row| Some(row.lms_user_id?.0))));
        set(
            Column::AutoApplied,
            rows.iter().map(|row| row.auto_applied.map_or(0, |applied| 1 + u8::from(applied))).collect(),
        );
        set(Column::Sources, sources(rows));
        for (n, column) in DATES.into_iter().enumerate() {
            set(column, dates(rows, n));
        }
        let plan = rows.first().map_or_else(|| uuid::Uuid::nil().into(), |row| row.subscription_plan);
        Self::of_columns(plan, counts, columns)
    }
}

/// The addresses as keys, and the spelling of those that differ from their key: the positions of their capital letters,
/// or the whole text.
fn addresses(rows: &[License]) -> (Vec<u8>, Vec<u8>) {
    let (mut addresses, mut spellings) = (Vec::new(), Vec::new());
    let mut next = 0;
    for (row, license) in rows.iter().enumerate() {
        if let Some(email) = &license.user_email {
            let key = email.key();
            addresses.extend_from_slice(key.as_str().as_bytes());
            if email.as_given() != key.as_str() || key.as_str().is_empty() {
                write_length(&mut spellings, row - next);
                next = row;
                spelling(&mut spellings, email, key.as_str());
            }
        }
        addresses.push(END);
    }
    (addresses, spellings)
}

fn spelling(out: &mut Vec<u8>, email: &EmailAddress, key: &str) {
    let given = email.as_given();
    let capitals: Vec<usize> =
        given.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase()).map(|(at, _)| at).collect();
    let is_case_only = !capitals.is_empty() && given.to_ascii_lowercase() == key;
    if !is_case_only {
        write_length(out, 0);
        return write_text(out, given);
    }
    write_length(out, capitals.len());
    let mut last = 0;
    for at in capitals {
        write_length(out, at - last);
        last = at;
    }
}

fn optional_wide(values: impl Iterator<Item = Option<u128>>) -> Vec<u8> {
    let (mut out, mut given) = (Vec::new(), Vec::new());
    for value in values {
        out.push(u8::from(value.is_some()));
        given.extend(value);
    }
    write_wide(&mut out, &given);
    out
}

fn optional_integers(values: impl Iterator<Item = Option<i64>>) -> Vec<u8> {
    let (mut out, mut given) = (Vec::new(), Vec::new());
    for value in values {
        out.push(u8::from(value.is_some()));
        given.extend(value);
    }
    write_integers(&mut out, &given);
    out
}

fn sources(rows: &[License]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut next = 0;
    for (row, license) in rows.iter().enumerate() {
        if let Some(source) = &license.source {
            write_length(&mut out, row - next);
            next = row;
            write_text(&mut out, &source.source_id);
            write_text(&mut out, &source.source_type);
        }
    }
    out
}

/// Encodes a column of dates. Most dates equal another one of their row: the last change was the activation, for
/// example.
fn dates(rows: &[License], n: usize) -> Vec<u8> {
    let (mut out, mut given) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let dates = dates_of(row);
        out.push(match dates[n] {
            None => ABSENT,
            Some(date) => {
                let equal = (EQUAL..).zip(&dates[..n]).find(|(_, earlier)| **earlier == Some(date));
                equal.map_or_else(
                    || {
                        given.push(date.timestamp_micros());
                        GIVEN
                    },
                    |(code, _)| code,
                )
            }
        });
    }
    write_integers(&mut out, &given);
    out
}
