//! Single calls to the table: their consumed capacity is requested, errors are classified, and throttled or unprocessed
//! parts are retried. No code here knows an entity.

mod writes;

use std::{collections::HashMap, fmt, ops::ControlFlow, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity, ReturnValue, TransactWriteItem},
};
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use license_domain::Random;
use serde::de::DeserializeOwned;

use crate::{
    attempts::Attempt,
    decode::{self, KeptBody, Row},
    failures::{cancellation, classify, malformed},
    keys::{Item, Key, PK, SK},
    rows::attributes::LAST,
    sdk_attempts::SdkAttempts,
};
use license_storage::StoreError;

pub use self::writes::{Expression, Write};

/// More items than a page can have: a page ends after 1 MB.
const MAX_PAGE_ITEMS: usize = 1_000_000;

/// The most keys that one `BatchGetItem` may name.
const BATCH_GET_LIMIT: usize = 100;
/// The most items that one `BatchWriteItem` may hold.
const BATCH_WRITE_LIMIT: usize = 25;
/// The most parallel calls of one operation.
pub(crate) const PARALLEL: usize = 16;

/// The most items of one page of a Scan, which has a megabyte at most. The embedded engine reads for each page what is
/// left of the table, unless there is a limit.
const SCANNED: i32 = 2_000;

/// The table, and the parts of the process that it needs.
#[derive(Clone)]
pub struct Table {
    client: Client,
    name: String,
    random: Arc<dyn Random>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A range of items for a Query.
#[derive(Clone, Debug, Default)]
pub struct Range<'a> {
    /// The index; `None` for the table itself.
    pub index: Option<&'static str>,
    pub partition: String,
    /// Only sort keys with this prefix.
    pub prefix: Option<String>,
    /// Only sort keys between these, inclusive.
    pub between: Option<(&'a str, &'a str)>,
    /// In descending order.
    pub descending: bool,
    /// The most items; `None` for all.
    pub limit: Option<usize>,
    /// Begin after this key (of the index, if there is one).
    pub after: Option<Item>,
    /// Strongly consistent (not possible on an index).
    pub consistent: bool,
}

/// The part of the table that a Scan reads; by default all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    /// The number of the segment, and how many segments there are. Segments can be read in parallel.
    pub segment: Option<(i32, i32)>,
    /// Only partitions with this prefix. All items are read and paid for.
    pub prefix: Option<&'static str>,
}

/// Why a write of several items failed.
#[derive(Debug)]
pub enum Canceled {
    /// Conditions failed: for each item of the transaction, in order, the item that was there instead. `None`: this
    /// item's condition held. `Some(None)`: it failed and there is no such item.
    Conditions(Vec<Option<Option<Item>>>),
    /// Another transaction was writing one of the items.
    Conflict,
    /// A conflict or a failed condition, but the SDK had sent the call before and got no response: that attempt may
    /// have been written.
    Unsure(Box<Canceled>),
    Store(StoreError),
}

impl From<StoreError> for Canceled {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Table {
    pub(crate) fn new(client: Client, name: String, random: Arc<dyn Random>) -> Self {
        Self { client, name, random }
    }

    pub(crate) fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SDK's client, for tools.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Reads one item, strongly consistently.
    pub async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let response = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        Ok(response.map_err(|error| classify("GetItem", &error))?.item)
    }

    /// Reads items, strongly consistently, in any order; missing ones are left out. No key may occur twice.
    pub async fn batch_get(&self, keys: &[Key]) -> Result<HashMap<Key, Item>, StoreError> {
        let reads: Vec<_> = keys.chunks(BATCH_GET_LIMIT).map(|part| self.batch_get_part(part)).collect();
        let parts: Vec<Vec<Item>> = stream::iter(reads).buffer_unordered(PARALLEL).try_collect().await?;
        Ok(parts.into_iter().flatten().filter_map(|item| Some((Key::of(&item)?, item))).collect())
    }

    async fn batch_get_part(&self, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let wanted: Vec<Item> = keys.iter().map(Key::attributes).collect();
        let found = Vec::with_capacity(wanted.len());
        self.attempts("BatchGetItem", (wanted, found), |(wanted, mut found)| async move {
            let request = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let request = request.map_err(|error| malformed("BatchGetItem", &error))?;
            let response = self
                .client
                .batch_get_item()
                .request_items(&self.name, request)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| classify("BatchGetItem", &error))?;
            // The SDK leaves out what is empty.
            found.extend(response.responses.unwrap_or_default().remove(&self.name).unwrap_or_default());
            match response.unprocessed_keys.unwrap_or_default().remove(&self.name) {
                Some(left) if !left.keys.is_empty() => Ok(Attempt::Retry((left.keys, found))),
                _ => Ok(Attempt::Done(found)),
            }
        })
        .await
    }

    /// Reads a range of items, in order, over all its pages.
    pub async fn query(&self, range: Range<'_>) -> Result<Vec<Item>, StoreError> {
        // A Query with a limit of 0 is an error. The rest may be counted while others write.
        if range.limit == Some(0) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let mut after = range.after.clone();
        loop {
            let left = range.limit.map(|limit| limit - found.len());
            let (items, last) = self.query_page(&range, after, left).await?;
            found.extend(items);
            match last {
                Some(last) if range.limit.is_none_or(|limit| found.len() < limit) => after = Some(last),
                _ => return Ok(found),
            }
        }
    }

    /// Reads a range page by page, with at most so many items each, until `each` has enough.
    pub async fn each_page(
        &self,
        range: Range<'_>,
        page: usize,
        mut each: impl FnMut(Vec<Item>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let (items, last) = self.query_page(&range, after, Some(page)).await?;
            match (each(items)?, last) {
                (ControlFlow::Continue(()), Some(last)) => after = Some(last),
                _ => return Ok(()),
            }
        }
    }

    /// Reads one page of a range, with `limit` items at most, and the position of the next one.
    pub async fn query_page(
        &self,
        range: &Range<'_>,
        after: Option<Item>,
        limit: Option<usize>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let response = self.query_of(range, after, limit).send().await.map_err(|error| classify("Query", &error))?;
        Ok((response.items.unwrap_or_default(), response.last_evaluated_key))
    }

    /// Reads one page like [`Self::query_page`]. The rows are read directly from the response, which takes a fraction
    /// of the processor time: for pages of many rows.
    pub(crate) async fn query_rows<T: DeserializeOwned>(
        &self,
        range: &Range<'_>,
        after: Option<Item>,
        limit: Option<usize>,
    ) -> Result<(Vec<Row<T>>, Option<Item>), StoreError> {
        let body = KeptBody::default();
        let query = self.query_of(range, after, limit).customize().interceptor(body.clone());
        query.send().await.map_err(|error| classify("Query", &error))?;
        decode::page(&body.take(), range.index)
    }

    /// Reads the rows of a range, in order, over all its pages.
    pub(crate) async fn all_rows<T: DeserializeOwned>(&self, range: &Range<'_>) -> Result<Vec<Row<T>>, StoreError> {
        let (mut found, mut after) = (Vec::new(), range.after.clone());
        loop {
            let left = range.limit.map(|limit| limit - found.len());
            if left == Some(0) {
                return Ok(found);
            }
            let (rows, last) = self.query_rows(range, after, left).await?;
            found.extend(rows);
            match last {
                Some(last) => after = Some(last),
                None => return Ok(found),
            }
        }
    }

    fn query_of(&self, range: &Range<'_>, after: Option<Item>, limit: Option<usize>) -> QueryFluentBuilder {
        let name = |suffix: &str| range.index.map_or_else(|| suffix.to_owned(), |index| format!("{index}{suffix}"));
        let mut condition = "#pk = :pk".to_owned();
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .set_index_name(range.index.map(str::to_owned))
            .expression_attribute_names("#pk", name(PK))
            .expression_attribute_values(":pk", AttributeValue::S(range.partition.clone()))
            .scan_index_forward(!range.descending)
            .consistent_read(range.consistent)
            .set_limit(limit.map(|limit| i32::try_from(limit.min(MAX_PAGE_ITEMS)).expect("a million")))
            .set_exclusive_start_key(after)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(prefix) = &range.prefix {
            condition.push_str(" AND begins_with(#sk, :sk)");
            query = query
                .expression_attribute_names("#sk", name(SK))
                .expression_attribute_values(":sk", AttributeValue::S(prefix.clone()));
        } else if let Some((from, to)) = range.between {
            condition.push_str(" AND #sk BETWEEN :from AND :to");
            query = query
                .expression_attribute_names("#sk", name(SK))
                .expression_attribute_values(":from", AttributeValue::S(from.to_owned()))
                .expression_attribute_values(":to", AttributeValue::S(to.to_owned()));
        }
        query.key_condition_expression(condition)
    }

    /// Reads a page of the whole table after that key, in no order; returns the page and its last key.
    pub async fn scan(&self, after: Option<&Key>) -> Result<(Vec<Item>, Option<Key>), StoreError> {
        self.scan_part(&Part::default(), after).await
    }

    /// Reads a page of a part of the table in the same way. A page that is not the last one may be empty.
    pub async fn scan_part(&self, part: &Part, after: Option<&Key>) -> Result<(Vec<Item>, Option<Key>), StoreError> {
        let mut scan = self
            .client
            .scan()
            .table_name(&self.name)
            .set_exclusive_start_key(after.map(Key::attributes))
            .consistent_read(true)
            .limit(SCANNED)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some((segment, segments)) = part.segment {
            scan = scan.segment(segment).total_segments(segments);
        }
        if let Some(prefix) = part.prefix {
            scan = scan
                .filter_expression("begins_with(#pk, :prefix)")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()));
        }
        let scanned = scan.send().await.map_err(|error| classify("Scan", &error))?;
        // The SDK leaves out what is empty. A last key that is not readable must not look like the end of the table.
        let unreadable = || StoreError::Corrupt { key: "(a Scan)".to_owned(), cause: "the last key".to_owned() };
        let last = scanned.last_evaluated_key.as_ref().map(|key| Key::of(key).ok_or_else(unreadable)).transpose()?;
        Ok((scanned.items.unwrap_or_default(), last))
    }

    /// Adds to numbers of an item, which is created if it does not exist, and returns them. `ttl`: when a new item may
    /// be deleted. A call that the SDK repeats after a lost response counts twice.
    pub async fn count<const N: usize>(&self, key: &Key, names: [&str; N], ttl: i64) -> Result<[u64; N], StoreError> {
        let adds: Vec<String> = (0..N).map(|n| format!("#n{n} :one")).collect();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .update_expression(format!("SET #ttl = if_not_exists(#ttl, :ttl) ADD {}", adds.join(", ")))
            .expression_attribute_names("#ttl", crate::keys::TTL)
            .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        for (n, name) in names.into_iter().enumerate() {
            update = update.expression_attribute_names(format!("#n{n}"), name);
        }
        let response = update.send().await.map_err(|error| classify("UpdateItem", &error))?;
        let found = response.attributes.unwrap_or_default();
        let mut numbers = [0; N];
        for (number, name) in numbers.iter_mut().zip(names) {
            *number = found
                .get(name)
                .and_then(|value| value.as_n().ok()?.parse().ok())
                .ok_or_else(|| StoreError::Corrupt { key: key.pk.clone(), cause: format!("{name} is not a number") })?;
        }
        Ok(numbers)
    }

    /// Changes one item if the condition of `terms` holds; returns the item after the change, `None` if the condition
    /// did not hold. A call that the SDK repeats after a lost response finds that it does not hold.
    pub async fn update(&self, key: &Key, update: &str, terms: Expression) -> Result<Option<Item>, StoreError> {
        let response = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .update_expression(update)
            .set_expression_attribute_names(terms.names())
            .set_expression_attribute_values(terms.values())
            .condition_expression(terms.text)
            .return_values(ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match response {
            Ok(response) => Ok(response.attributes),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => Ok(None),
            Err(error) => Err(classify("UpdateItem", &error)),
        }
    }

    /// The next number of a sequence. A call that the SDK repeats after a lost response leaves a gap.
    pub async fn next_number(&self, sequence: &Key) -> Result<i64, StoreError> {
        let response = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(sequence.attributes()))
            .update_expression("ADD #last :one")
            .expression_attribute_names("#last", LAST)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| classify("UpdateItem", &error))?;
        let last = response.attributes.as_ref().and_then(|item| item.get(LAST)?.as_n().ok()?.parse().ok());
        last.ok_or_else(|| StoreError::Corrupt { key: sequence.pk.clone(), cause: "no number".to_owned() })
    }

    /// Writes items without condition, transaction or order. For imports only.
    pub async fn write_all(&self, items: Vec<Item>) -> Result<(), StoreError> {
        use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
        let requests: Vec<WriteRequest> = items
            .into_iter()
            .map(|item| PutRequest::builder().set_item(Some(item)).build())
            .map(|put| put.map(|put| WriteRequest::builder().put_request(put).build()))
            .collect::<Result<_, _>>()
            .map_err(|error| malformed("BatchWriteItem", &error))?;
        for part in requests.chunks(BATCH_WRITE_LIMIT) {
            self.write_part(part.to_vec()).await?;
        }
        Ok(())
    }

    async fn write_part(&self, requests: Vec<aws_sdk_dynamodb::types::WriteRequest>) -> Result<(), StoreError> {
        self.attempts("BatchWriteItem", requests, |requests| async move {
            let response = self.client.batch_write_item().request_items(&self.name, requests).send().await;
            let response = response.map_err(|error| classify("BatchWriteItem", &error))?;
            match response.unprocessed_items.unwrap_or_default().remove(&self.name) {
                Some(left) if !left.is_empty() => Ok(Attempt::Retry(left)),
                _ => Ok(Attempt::Done(())),
            }
        })
        .await
    }

    /// Writes all of these items or none. `token` makes a repetition of the same call within ten minutes harmless, so
    /// that the SDK may repeat it after a lost response.
    pub async fn transact(&self, writes: Vec<Write>, token: impl Into<String>) -> Result<(), Canceled> {
        let items: Vec<TransactWriteItem> =
            writes.into_iter().map(|write| write.into_transaction(&self.name)).collect::<Result<_, _>>()?;
        let attempts = SdkAttempts::default();
        let call = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(token)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .customize()
            .interceptor(attempts.clone());
        // On the heap, because the type of the surrounding futures would become too deep.
        let sent: BoxFuture<'_, _> = Box::pin(call.send());
        let sent = sent.await;
        sent.map(|_| ()).map_err(|error| match cancellation(error) {
            refused @ (Canceled::Conflict | Canceled::Conditions(_)) if attempts.are_several() => {
                Canceled::Unsure(Box::new(refused))
            }
            canceled => canceled,
        })
    }
}
