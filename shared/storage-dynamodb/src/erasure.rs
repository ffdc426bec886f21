//! Rewrites items that name a retired person and stay: events, jobs with their rows and results, idempotency records,
//! mail deliveries, audit trails, and the last actor of any item. No index leads from a person to all of these, so one
//! pass reads all items for everyone who retired since the last pass.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{Job, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Store,
    keys::{self, Item, JobKeys, Key},
    retired::{Retired, UNDER_WAY},
    rows,
    table::{Expression, PARALLEL, Range, Write},
};
use license_storage::{Erasure, StoreError};

/// The time between the beginnings of two passes: a pass reads the whole table.
const EVERY: TimeDelta = TimeDelta::days(1);

/// After this time all writes are finished that were under way at a retirement.
const SETTLED: TimeDelta = TimeDelta::minutes(5);

/// The attribute with the last actor of an item.
const CHANGED_BY: &str = "changed_by";

/// The progress of the erasure.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// No item names anyone who retired before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done: Option<Timestamp>,
    /// When the current pass began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<Timestamp>,
    /// The last item that the current pass has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<(String, String)>,
    /// How many times it was written.
    #[serde(default)]
    version: u64,
}

#[async_trait]
impl Erasure for Store {
    /// 1. Read the progress. If no pass is under way, one begins if someone retired since the last one, and that one
    ///    began a day ago.
    /// 2. Read a page of the table. Each item that names a retired person gets one update of the attributes that do, on
    ///    condition that they are as they were read. Another process that changed them meanwhile has read them without
    ///    that person.
    /// 3. Write the progress (its version as seen). If another process has written it, that one continues, and this one
    ///    stops.
    /// 4. Repeat from 2 until `until`; after the last page the pass is finished.
    async fn erase_retired(&self, until: Timestamp) -> Result<usize, StoreError> {
        let mut progress = match self.table.get(&keys::erasure()).await? {
            Some(item) => rows::from_item(item)?,
            None => Progress::default(),
        };
        if progress.began.is_none() && !self.is_pass_due(&mut progress).await? {
            return Ok(0);
        }
        let retired = self.retired().await?;
        let mut erased = 0;
        loop {
            let after = progress.after.take().map(|(pk, sk)| Key { pk, sk });
            let (items, last) = self.table.scan(after.as_ref()).await?;
            erased += self.erase_items(&retired, items).await?;
            progress.after = last.map(|key| (key.pk, key.sk));
            let is_over = progress.after.is_none();
            if is_over {
                progress.done = progress.began.take();
            }
            if !self.put_progress(&mut progress).await? || is_over || self.clock.now() >= until {
                return Ok(erased);
            }
        }
    }
}

impl Store {
    /// Whether a pass begins now.
    async fn is_pass_due(&self, progress: &mut Progress) -> Result<bool, StoreError> {
        let now = self.clock.now();
        if progress.done.is_some_and(|done| now - done < EVERY) {
            return Ok(false);
        }
        let from = keys::time(progress.done.map_or(Timestamp::UNIX_EPOCH, |done| done - SETTLED));
        let range = Range {
            partition: self.retirements(),
            between: Some((&from, "~")),
            limit: Some(1),
            consistent: true,
            ..Range::default()
        };
        let first = self.table.query(range).await?.first().and_then(Key::of);
        let first: Option<Timestamp> = first.and_then(|key| key.sk.split_once('#')?.0.parse().ok());
        // A retirement is stored with the time until which items that were under way may have been written.
        let is_due = first.is_some_and(|first| first - UNDER_WAY + SETTLED <= now);
        if is_due {
            progress.began = Some(now);
        }
        Ok(is_due)
    }

    async fn put_progress(&self, progress: &mut Progress) -> Result<bool, StoreError> {
        let seen = progress.version;
        progress.version += 1;
        let mut item = rows::to_item(progress)?;
        item.extend(keys::erasure().attributes());
        let condition = if seen == 0 { Expression::absent() } else { crate::audit_trails::version_is(seen) };
        self.write_if("erasure", Write::Put { item, condition: Some(condition) }).await
    }

    /// Rewrites items; returns how many were changed.
    async fn erase_items(&self, retired: &Retired, items: Vec<Item>) -> Result<usize, StoreError> {
        let each: Vec<_> = items.into_iter().map(|item| self.erase_item(retired, item)).collect();
        let rewritten: Vec<bool> = stream::iter(each).buffer_unordered(PARALLEL).try_collect().await?;
        Ok(rewritten.into_iter().filter(|is_rewritten| *is_rewritten).count())
    }

    async fn erase_item(&self, retired: &Retired, item: Item) -> Result<bool, StoreError> {
        let Some(key) = Key::of(&item) else { return Ok(false) };
        let before = rows::from_item::<Map<String, Value>>(item.clone())?;
        let mut after = before.clone();
        // A license's learner is erased with the retirement itself. A learner who is there now is newer, whenever the
        // seat was created.
        let is_license = key.is_personal() || before.contains_key("activation_key");
        if is_license {
            after.retain(|name, _| name == CHANGED_BY);
        }
        let at = self.time_of_parts(&key, &after).await?;
        if !retired.erase(&mut after, at) {
            return Ok(false);
        }
        let names = before.keys().filter(|name| !is_license || name.as_str() == CHANGED_BY);
        let changed: Vec<&String> = names.filter(|name| before.get(*name) != after.get(*name)).collect();
        self.rewrite(&key, &item, &changed, &after).await
    }

    /// A job's rows have no time; their job does.
    async fn time_of_parts(&self, key: &Key, item: &Map<String, Value>) -> Result<Option<Timestamp>, StoreError> {
        let Some(job) = JobKeys::of_partition(&key.pk) else { return Ok(None) };
        if crate::retired::time_of(item).is_some() {
            return Ok(None);
        }
        let job = self.table.get(&job.job()).await?.map(rows::from_item::<Job>).transpose()?;
        Ok(job.map(|job| job.created))
    }

    async fn rewrite(
        &self,
        key: &Key,
        item: &Item,
        changed: &[&String],
        after: &Map<String, Value>,
    ) -> Result<bool, StoreError> {
        let mut terms = Expression::default();
        let (mut conditions, mut sets, mut removes) = (Vec::new(), Vec::new(), Vec::new());
        for (n, name) in changed.iter().enumerate() {
            let Some(old) = item.get(*name) else { continue };
            terms.names.insert(format!("#n{n}"), (*name).clone());
            terms = terms.value(&format!("o{n}"), old.clone());
            conditions.push(format!("#n{n} = :o{n}"));
            match after.get(*name) {
                Some(value) => {
                    terms = terms.value(&format!("v{n}"), attribute(value)?);
                    sets.push(format!("#n{n} = :v{n}"));
                }
                None => removes.push(format!("#n{n}")),
            }
        }
        if conditions.is_empty() {
            return Ok(false);
        }
        let clause = |word: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{word} {} ", parts.join(", ")),
        };
        let update = clause("SET", &sets) + &clause("REMOVE", &removes);
        terms.text = conditions.join(" AND ");
        Ok(self.table.update(key, update.trim_end(), terms).await?.is_some())
    }
}

fn attribute(value: &Value) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|error| StoreError::Corrupt { key: "an erased attribute".to_owned(), cause: error.to_string() })
}
