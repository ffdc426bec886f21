//! The plan's licenses as a sorted list, with which a roster's results are compared.

use std::cmp::Ordering;

use license_domain::{License, LicenseFilter, LicenseId, OrderBy, OrderField};

use super::history::{Dice, seat};
use crate::{Counts, RowKey};

pub struct List {
    pub rows: Vec<License>,
}

impl List {
    pub fn of(rows: impl IntoIterator<Item = License>) -> Self {
        let mut rows: Vec<License> = rows.into_iter().filter(|row| RowKey::of(row).is_some()).collect();
        rows.sort_by_key(RowKey::of);
        Self { rows }
    }

    pub fn admitted(&self, filter: &LicenseFilter) -> Vec<License> {
        self.rows.iter().filter(|row| filter.matches(row)).cloned().collect()
    }

    pub fn counts(rows: &[License]) -> Counts {
        let mut counts = Counts::default();
        for row in rows {
            counts.add(row.status, 1);
        }
        counts
    }

    /// The rows in that order, with these free seats.
    pub fn ordered(&self, filter: &LicenseFilter, order: &[OrderBy], seats: &[LicenseId]) -> Vec<License> {
        let mut rows = self.admitted(filter);
        rows.extend(seats.iter().copied().map(seat));
        rows.sort_by(|a, b| compare(order, a, b));
        rows
    }

    /// A part of a random address.
    pub fn word(&self, dice: &mut Dice) -> String {
        if self.rows.is_empty() || dice.below(8) == 0 {
            return "nowhere".to_owned();
        }
        let row = &self.rows[dice.below(self.rows.len())];
        let key = row.user_email.as_ref().map_or_else(String::new, |email| email.key().as_str().to_owned());
        let characters: Vec<char> = key.chars().collect();
        let from = dice.below(characters.len() + 1);
        characters[from..].iter().take(dice.below(6)).collect()
    }
}

fn compare(order: &[OrderBy], a: &License, b: &License) -> Ordering {
    let email = |license: &License| license.user_email.as_ref().map(|email| email.key().sort_key());
    for step in order {
        let compared = match step.field {
            OrderField::UserEmail => email(a).cmp(&email(b)),
            OrderField::Status => a.status.cmp(&b.status),
            OrderField::ActivationDate => a.activation_date.cmp(&b.activation_date),
            OrderField::LastRemindDate => a.last_remind_date.cmp(&b.last_remind_date),
        };
        match if step.descending { compared.reverse() } else { compared } {
            Ordering::Equal => {}
            decided => return decided,
        }
    }
    let ids = a.uuid.cmp(&b.uuid);
    if order.last().is_some_and(|step| step.descending) { ids.reverse() } else { ids }
}
