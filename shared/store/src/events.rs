//! Events on record: read again by whoever carries them on.

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{Event, Timestamp};

use crate::{
    Store, StoreError,
    keys::{self, EventRef, Item, Key},
    ports::Events,
    rows,
    table::{PARALLEL, Range},
};

#[async_trait]
impl Events for Store {
    async fn event(&self, at: &EventRef) -> Result<Option<Event>, StoreError> {
        self.table.get(&at.key()).await?.map(rows::from_item).transpose()
    }

    async fn events_of_hour(&self, hour: Timestamp) -> Result<Vec<(EventRef, Event)>, StoreError> {
        let shard = |partition| self.table.query(Range { partition, consistent: true, ..Range::default() });
        let shards: Vec<_> = keys::events_of(hour).map(shard).collect();
        let shards: Vec<Vec<Item>> = stream::iter(shards).buffered(PARALLEL).try_collect().await?;
        let event = |item: Item| {
            let at = Key::of(&item).as_ref().and_then(EventRef::of);
            at.map(|at| rows::from_item(item).map(|event| (at, event))).transpose()
        };
        shards.into_iter().flatten().filter_map(|item| event(item).transpose()).collect()
    }
}
