//! The license events of all files, until the license of each is written. A real installation has one for each license
//! that expired: each takes about a hundred bytes here, as names and files are kept once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use license_domain::{LicenseId, Timestamp};
use license_storage::LicenseEvent;

use crate::{
    dump::{Dump, Row},
    fields::model,
    report::BadRow,
};

/// License events by their licenses.
#[derive(Debug, Default)]
pub struct LicenseEvents {
    texts: HashSet<Arc<str>>,
    events: HashMap<LicenseId, Vec<Seen>>,
}

#[derive(Debug)]
struct Seen {
    name: Arc<str>,
    at: Timestamp,
    file: Arc<str>,
    row: u64,
}

impl LicenseEvents {
    /// Adds an event. The peer has written some of them twice: the earlier one stays.
    pub fn add(&mut self, dump: &Dump, row: &Row, license: LicenseId, event: &LicenseEvent) {
        let (name, file) = (self.shared(&event.name), self.shared(dump.name()));
        let events = self.events.entry(license).or_default();
        match events.iter_mut().find(|seen| seen.name == name) {
            Some(seen) => seen.at = seen.at.min(event.at),
            None => events.push(Seen { name, at: event.at, file, row: row.number }),
        }
    }

    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        self.texts.insert(text.clone());
        text
    }

    /// The events of a license.
    pub fn of(&self, license: LicenseId) -> Vec<LicenseEvent> {
        let seen = self.events.get(&license).into_iter().flatten();
        seen.map(|seen| LicenseEvent { name: seen.name.to_string(), at: seen.at }).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.events.values().map(Vec::len).sum()
    }

    /// Complaints about events whose license is not in the files.
    pub fn orphans(&self, is_there: impl Fn(LicenseId) -> bool) -> Vec<BadRow> {
        let orphans = self.events.iter().filter(|(license, _)| !is_there(**license));
        let mut bad: Vec<BadRow> = orphans
            .flat_map(|(license, events)| {
                events.iter().map(move |seen| BadRow {
                    file: seen.file.to_string(),
                    row: seen.row,
                    what: model::LICENSE_EVENT.to_owned(),
                    reason: format!("its license {license} is not in the files"),
                })
            })
            .collect();
        bad.sort_by(|a, b| (&a.file, a.row).cmp(&(&b.file, b.row)));
        bad
    }
}
