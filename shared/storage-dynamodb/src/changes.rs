//! The log of a plan's changes: index keys of the events that change its licenses, ordered by the time of the attempt
//! to commit.
//!
//! A log entry is complete: it has the key in the list that each license had before, and the whole license after. Plans
//! of fewer than 64 seats have no log, because they never get a roster.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{EventId, EventKind, LicenseChange, PlanId, Stamp, SubscriptionPlan, Timestamp};
use license_roster::{Delta, RowChange, RowKey};
use serde::{Deserialize, Serialize};

use crate::{
    Store,
    decode::Row,
    keys::{self, Item, TTL},
    rows::{self, EVENT_LIFETIME_SECONDS, number},
    table::{PARALLEL, Range},
};
use license_storage::StoreError;

/// Plans with fewer buckets have no log.
pub(crate) const MIN_BUCKETS: u16 = 4;

/// The keys in the list that licenses had before, if the event does not contain them; an empty text means that a
/// license was not in the list.
const KEYS_BEFORE: &str = "keys_before";

/// The most entries that one call reads.
const PAGE: usize = 500;

/// Whether changes of the plan's licenses are logged.
pub(crate) const fn is_logged(plan: &SubscriptionPlan) -> bool {
    plan.seats.buckets >= MIN_BUCKETS
}

/// The partition of the plan's log that has this event; `None` if the plan has no log.
pub(crate) fn partition(plan: &SubscriptionPlan, event: EventId) -> Option<String> {
    let shards = u128::from(plan.seats.list_shards.max(1));
    let shard = u16::try_from(event.0.as_u128() % shards).expect("a number below one of 16 bits");
    is_logged(plan).then(|| keys::changes_partition(plan.uuid, shard))
}

/// Adds the keys that licenses had before to the item of an event.
pub(crate) fn put_keys_before(item: &mut Item, keys_before: Vec<String>) {
    if !keys_before.is_empty() {
        let keys_before = keys_before.into_iter().map(AttributeValue::S).collect();
        item.insert(KEYS_BEFORE.to_owned(), AttributeValue::L(keys_before));
    }
}

/// The item of changes beside an event, which expires with the event.
pub(crate) fn beside(event: EventId, stamp: &Stamp, licenses: &[LicenseChange]) -> Result<Item, StoreError> {
    #[derive(Serialize)]
    struct Beside<'a> {
        licenses: &'a [LicenseChange],
    }
    let mut item = rows::to_item(&Beside { licenses })?;
    item.extend(keys::changes_beside(event).attributes());
    item.insert(TTL.to_owned(), number(stamp.at.timestamp() + EVENT_LIFETIME_SECONDS));
    Ok(item)
}

/// An entry as the index shows it.
#[derive(Deserialize)]
struct Entry {
    /// Absent from the item of changes beside an event.
    #[serde(default)]
    kind: Option<EventKind>,
    #[serde(default)]
    licenses: Vec<LicenseChange>,
    #[serde(default)]
    keys_before: Vec<String>,
}

/// The changes of an entry of the plan's log: the time, the event's id, and the rows.
fn read(plan: PlanId, row: Row<Entry>) -> Result<(Timestamp, EventId, Vec<RowChange>), StoreError> {
    let corrupt = |cause: &str| StoreError::Corrupt { key: format!("the changes of {plan}"), cause: cause.to_owned() };
    let key = row.keys.key();
    let event = keys::event_of_changes(&key).ok_or_else(|| corrupt("no event"))?;
    let at = row.keys.sort_key().parse().map_err(|_| corrupt("no time"))?;
    let is_beside = keys::event_at(&key).is_none();
    let Entry { kind, mut licenses, keys_before } = row.value;
    let is_deletion = kind == Some(EventKind::LicensesDeleted);
    licenses.retain(|change| is_beside || !change.is_of_prior_plan);
    let mut changes = Vec::with_capacity(licenses.len().max(keys_before.len()));
    for n in 0..licenses.len().max(keys_before.len()) {
        let change = licenses.get(n);
        let before = match (keys_before.get(n), change) {
            (Some(key), _) if key.is_empty() => None,
            (Some(key), _) => Some(RowKey::parse(key).ok_or_else(|| corrupt("no key of a row"))?),
            (None, Some(change)) => {
                let email = change.email_then().map(license_domain::EmailAddress::key);
                RowKey::from_parts(change.from, email.as_ref(), change.license)
            }
            (None, None) => None,
        };
        let after = change
            .filter(|_| !is_deletion)
            .map(|change| change.license_after(plan).ok_or_else(|| corrupt("part of a license")));
        let was_free = change.is_some_and(|change| change.from == license_domain::LicenseStatus::Unassigned);
        changes.push(RowChange { before, after: after.transpose()?, was_free });
    }
    Ok((at, event, changes))
}

/// A part of a plan's log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The sum of its changes.
    pub(crate) delta: Delta,
    /// When each of the changes was written.
    pub(crate) times: Vec<Timestamp>,
}

impl Store {
    /// The plan's changes from that time on, and before `until` if it is given; `None` if there are more than `most`.
    pub(crate) async fn changes(
        &self,
        plan: &SubscriptionPlan,
        (from, until): (Timestamp, Option<Timestamp>),
        most: usize,
    ) -> Result<Option<Log>, StoreError> {
        let from = keys::time(from);
        let until = until.map_or_else(|| "~".to_owned(), |until| keys::before(&keys::time(until)));
        let (from, until) = (from.as_str(), until.as_str());
        let shards = (0..plan.seats.list_shards.max(1)).map(|shard| async move {
            let mut found = Vec::new();
            let range = Range {
                index: Some(keys::GSI1),
                partition: keys::changes_partition(plan.uuid, shard),
                between: Some((from, until)),
                ..Range::default()
            };
            let mut licenses = 0;
            let mut after = None;
            loop {
                let (rows, last) = self.table.query_rows(&range, after, Some(PAGE)).await?;
                for row in rows {
                    let entry = read(plan.uuid, row)?;
                    licenses += entry.2.len();
                    found.push(entry);
                }
                if last.is_none() || licenses > most {
                    return Ok::<_, StoreError>(found);
                }
                after = last;
            }
        });
        let mut shards = stream::iter(shards.collect::<Vec<_>>()).buffer_unordered(PARALLEL);
        let mut log = Log::default();
        while let Some(entries) = shards.try_next().await? {
            for (at, event, changes) in entries {
                log.times.extend(changes.iter().map(|_| at));
                log.delta.add(at, event, changes);
            }
            if log.delta.changes() > most {
                return Ok(None);
            }
        }
        Ok(Some(log))
    }
}
