//! Stored events, for the functions that deliver their consequences.

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{Event, EventId, Timestamp};

use crate::{
    Store,
    keys::{self, Item},
    rows,
    table::{PARALLEL, Range},
};
use license_storage::{Events, StoreError};

#[async_trait]
impl Events for Store {
    async fn event(&self, event: EventId) -> Result<Option<Event>, StoreError> {
        match self.table.get(&keys::event(event)).await? {
            Some(item) => self.read(item).await.map(Some),
            None => Ok(None),
        }
    }

    async fn events_of_hour(&self, hour: Timestamp) -> Result<Vec<Event>, StoreError> {
        let shard = |partition| self.table.query(Range { partition, consistent: true, ..Range::default() });
        let shards: Vec<_> = keys::events_of(hour).map(shard).collect();
        let shards: Vec<Vec<Item>> = stream::iter(shards).buffered(PARALLEL).try_collect().await?;
        self.read_all(shards.into_iter().flatten().collect()).await
    }

    async fn without_retired(&self, event: Event) -> Result<Event, StoreError> {
        self.read(rows::to_item(&event)?).await
    }
}
