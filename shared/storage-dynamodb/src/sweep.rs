//! Due runs: finds them, postpones them, and prolongs the life of their items.

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{Due, Timestamp, job::KEPT};

use crate::{
    Store,
    keys::{self, Item, JobKeys, Key, TTL},
    rows::{corrupt, number, text},
    table::{Expression, PARALLEL, Range},
};
use license_storage::{StoreError, Sweep};

/// The attribute with the time until which the chunks of a run are kept.
const KEPT_UNTIL: &str = "kept_until";

/// If a run is still open so shortly before its chunks expire, they are kept longer.
const MARGIN: TimeDelta = TimeDelta::days(5);

/// How many items of a partition one call reads.
const PAGE: usize = 50;

#[async_trait]
impl Sweep for Store {
    async fn due(&self, limit: usize) -> Result<Vec<Due>, StoreError> {
        let now = keys::due_by(self.clock.now());
        let range = Range {
            index: Some(keys::GSI3),
            partition: keys::DUE_RUNS.to_owned(),
            between: Some(("0", &now)),
            limit: Some(limit),
            ..Range::default()
        };
        Ok(readable(&self.table.query(range).await?, keys::due_in))
    }

    /// 1. One update of the due time, on condition that it is as it was seen. The index lags: of several sweepers that
    ///    saw the same due time, one succeeds.
    /// 2. If its parts would expire soon: each of them is kept longer, and then the item with that time is updated.
    async fn postpone(&self, seen: &Due, at: Timestamp, attempts: u32) -> Result<Option<Due>, StoreError> {
        let next = Due { at, attempts, ..*seen };
        let [(_, _), (name, was)] = keys::due(seen.agreement, seen.at, seen.attempts).pairs();
        let [_, (_, is)] = keys::due(next.agreement, next.at, next.attempts).pairs();
        let condition = Expression::new("#due = :seen");
        let mut terms = condition.value("seen", text(was)).value("next", text(is));
        terms.names.insert("#due".to_owned(), name);
        let head = JobKeys(seen.run).job();
        let Some(item) = self.table.update(&head, "SET #due = :next", terms).await? else { return Ok(None) };
        self.keep(&head, &item).await?;
        Ok(Some(next))
    }
}

/// What is due. An entry that is not readable must not keep the others from being worked on, but an operator has to
/// know of it, because no one works on it.
pub(crate) fn readable<T>(items: &[Item], read: impl Fn(&Item) -> Option<T>) -> Vec<T> {
    let entry = |item: &Item| {
        let entry = read(item);
        if entry.is_none() {
            let error = corrupt(Key::of(item), &"its entry in the list of what is due is not readable");
            tracing::error!(%error, "an entry of what is due was skipped");
            license_telemetry::metrics::count(error.metric(), &[]);
        }
        entry
    };
    items.iter().filter_map(entry).collect()
}

impl Store {
    async fn keep(&self, head: &Key, item: &Item) -> Result<(), StoreError> {
        let until = item.get(KEPT_UNTIL).and_then(|until| until.as_s().ok()?.parse::<Timestamp>().ok());
        let now = self.clock.now();
        if until.is_none_or(|until| until > now + MARGIN) {
            return Ok(());
        }
        let longer = now + KEPT;
        let mut after = None;
        loop {
            let range = Range {
                partition: head.pk.clone(),
                limit: Some(PAGE),
                after: after.take(),
                consistent: true,
                ..Range::default()
            };
            let parts: Vec<Key> = self.table.query(range).await?.iter().filter_map(Key::of).collect();
            let Some(last) = parts.last() else { break };
            after = Some(last.attributes());
            let updates: Vec<_> = parts
                .iter()
                .filter(|part| *part != head)
                .map(|part| async move {
                    let terms = Expression::new("attribute_exists(pk)").name(TTL);
                    let terms = terms.value("ttl", number(longer.timestamp()));
                    self.table.update(part, "SET #ttl = :ttl", terms).await.map(|_| ())
                })
                .collect();
            stream::iter(updates).buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await?;
            if parts.len() < PAGE {
                break;
            }
        }
        let terms = Expression::new("attribute_exists(pk)").name(KEPT_UNTIL);
        let terms = terms.value("until", text(keys::time(longer)));
        self.table.update(head, &format!("SET #{KEPT_UNTIL} = :until"), terms).await?;
        Ok(())
    }
}
