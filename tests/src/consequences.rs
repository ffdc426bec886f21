//! Checks, when nothing is left to be done, that the consequences of changes took effect once, whatever was killed or
//! failed before.

use std::collections::{BTreeMap, BTreeSet};

use license_domain::{Consequence, DeliveryState, Event, MailKind, delivery::MAX_RECIPIENTS};
use serde_json::Value;

use crate::{Client, Invariants};

/// What other systems received.
#[derive(Clone, Debug)]
pub struct Outside {
    /// The received mails.
    pub mails: Vec<Value>,
    /// The events on the bus.
    pub events: Vec<Value>,
}

/// How much was checked: a check of nothing proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub events: usize,
    /// Recipients who should have received a mail.
    pub wanted: usize,
    pub mails: usize,
    /// Recipients of mails of unknown fate.
    pub unknown: usize,
}

impl Outside {
    /// Reads it from the runner.
    pub async fn of(client: &Client) -> Self {
        let list = |response: Value| response.as_array().cloned().unwrap_or_default();
        Self {
            mails: list(client.get("/_local/mail").await.expect(200)),
            events: list(client.get("/_local/events").await.expect(200)),
        }
    }

    /// 1. The table's counters, events and licenses agree.
    /// 2. Each event is once in its customer's trail, and at least once on the bus with its own id.
    /// 3. Each invited learner got one mail with the license's key, or is a recipient of a mail of unknown fate. No
    ///    learner got two.
    #[track_caller]
    pub fn check(&self, invariants: &Invariants) -> Seen {
        invariants.check();
        let published: BTreeSet<&str> = self.events.iter().filter_map(|event| event["detail"]["id"].as_str()).collect();
        for event in &invariants.events {
            let trail = invariants.audit_trails.get(&format!("TRAIL#AGREEMENT#{}", event.agreement));
            let entries = trail.into_iter().flatten().filter(|entry| entry.event == event.id).count();
            assert_eq!(entries, 1, "{:?} {} is in the trail {entries} times", event.kind, event.id);
            assert!(
                published.contains(event.id.to_string().as_str()),
                "{:?} {} is not on the bus",
                event.kind,
                event.id
            );
        }
        let mut seen = Seen { events: invariants.events.len(), mails: self.mails.len(), ..Seen::default() };
        let got = self.by_key();
        for (event, consequence) in invitations(&invariants.events) {
            for (n, change) in event.licenses.iter().enumerate() {
                let Some(key) = change.activation_key else { continue };
                seen.wanted += 1;
                let mails = got.get(&key.to_string()).copied().unwrap_or_default();
                let record = invariants.deliveries.iter().find(|mail| {
                    (mail.id.event, mail.id.consequence, mail.id.part) == (event.id, consequence, n / MAX_RECIPIENTS)
                });
                let record = record.unwrap_or_else(|| panic!("no record of the mail of {}", event.id));
                let is_unknown = record.unknown.contains(&(n % MAX_RECIPIENTS));
                seen.unknown += usize::from(is_unknown);
                assert!(mails <= 1, "{mails} mails for one cause and person");
                assert!(mails == 1 || is_unknown, "no mail, and none of unknown fate: {record:?}");
                assert!(is_unknown || record.state == DeliveryState::Sent || !record.unknown.is_empty(), "{record:?}");
            }
        }
        seen
    }

    /// How many invitations carried each key.
    fn by_key(&self) -> BTreeMap<String, usize> {
        let mut got = BTreeMap::new();
        for mail in self.mails.iter().filter(|mail| mail["campaign"] == "assignment-email-campaign") {
            let key = mail["trigger_properties"]["license_activation_key"].as_str().unwrap_or_default();
            *got.entry(key.to_owned()).or_default() += 1;
        }
        got
    }
}

fn invitations(events: &[Event]) -> impl Iterator<Item = (&Event, usize)> {
    events.iter().flat_map(|event| {
        let asked = event.consequences.iter().enumerate();
        asked
            .filter(|(_, asked): &(usize, &Consequence)| asked.mail() == Some(MailKind::Assignment))
            .map(move |(n, _)| (event, n))
    })
}
