//! Writing many items that do not depend on each other.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use license_storage::StoreError;
use license_storage_dynamodb::{Store, keys::Item};

/// How many items one call of DynamoDB takes.
const CALL: usize = 25;

/// How many calls are made at once, for each heap of rows.
const AT_ONCE: usize = 8;

/// How often a call is tried that the table throttles: about ten minutes.
const ATTEMPTS: u32 = 70;

/// The first upper bound of the wait between two tries; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LAST_WAIT: Duration = Duration::from_secs(16);

/// Puts items, whatever was there, without order.
#[async_trait]
pub trait Bulk: Send + Sync {
    /// Writes all of them; no two have the same key.
    async fn write(&self, items: Vec<Item>) -> Result<(), StoreError>;
}

/// Any DynamoDB, in calls of 25 items.
#[async_trait]
impl Bulk for Store {
    async fn write(&self, items: Vec<Item>) -> Result<(), StoreError> {
        self.table().write_all(items).await
    }
}

/// A table of AWS: it throttles at first and takes more the longer it is used, so calls are made in parallel and tried
/// again for minutes.
#[derive(Clone)]
pub struct TableBulk(pub Arc<Store>);

impl fmt::Debug for TableBulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableBulk")
    }
}

#[async_trait]
impl Bulk for TableBulk {
    async fn write(&self, items: Vec<Item>) -> Result<(), StoreError> {
        let calls: Vec<_> = items.chunks(CALL).map(|part| self.call(part.to_vec())).collect();
        stream::iter(calls).buffer_unordered(AT_ONCE).try_collect().await
    }
}

impl TableBulk {
    async fn call(&self, items: Vec<Item>) -> Result<(), StoreError> {
        for attempt in 0..ATTEMPTS {
            match self.0.table().write_all(items.clone()).await {
                Err(error) if error.is_retryable() => {
                    tracing::warn!(attempt, %error, "the table did not take some items, will retry");
                    let bound = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt)).min(LAST_WAIT);
                    let millis = self.0.random().below(u64::try_from(bound.as_millis()).unwrap_or(u64::MAX));
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                }
                written => return written,
            }
        }
        Err(StoreError::Contention { operation: "import", attempts: ATTEMPTS })
    }
}
