//! The people of whom something is on record: roles, or a session of the console.

use async_trait::async_trait;

use crate::{
    Store,
    keys::{self, Item, Key, UserKeys, sort_key_in},
    table::Range,
};
use license_storage::{ListedUser, StoreError, UserLists};

#[async_trait]
impl UserLists for Store {
    async fn users_with_roles(&self, after: Option<&str>, limit: usize) -> Result<Vec<ListedUser>, StoreError> {
        let user = |item: &Item| {
            let place = sort_key_in(item, keys::GSI2)?.to_owned();
            let key = Key::of(item)?;
            Some(ListedUser { name: UserKeys::name_of(&key.pk)?.to_owned(), place })
        };
        self.listed_users((keys::GSI2, keys::ALL_ROLES), after, limit, user).await
    }

    async fn users_with_sessions(&self, after: Option<&str>, limit: usize) -> Result<Vec<ListedUser>, StoreError> {
        let user = |item: &Item| {
            let place = sort_key_in(item, keys::GSI3)?.to_owned();
            Some(ListedUser { name: keys::name_in_session_list(&place)?.to_owned(), place })
        };
        self.listed_users((keys::GSI3, keys::ALL_SESSIONS), after, limit, user).await
    }
}

impl Store {
    /// One query of the list's index.
    async fn listed_users(
        &self,
        (index, partition): (&'static str, &str),
        after: Option<&str>,
        limit: usize,
        user: impl Fn(&Item) -> Option<ListedUser>,
    ) -> Result<Vec<ListedUser>, StoreError> {
        let from = after.map(keys::behind);
        let range = Range {
            index: Some(index),
            partition: partition.to_owned(),
            between: from.as_deref().map(|from| (from, keys::LAST)),
            limit: Some(limit),
            ..Range::default()
        };
        Ok(self.table.query(range).await?.iter().filter_map(user).collect())
    }
}
