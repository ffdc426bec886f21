//! Explicit role assignments, and the health check's read.

use async_trait::async_trait;
use license_domain::RoleGrant;

use crate::{
    Store, StoreError,
    keys::{self, Key, ROLE_PREFIX, UserKeys},
    ports::{Health, StoredUser, Users},
    rows,
    table::Range,
};

#[async_trait]
impl Users for Store {
    async fn user(&self, username: &str) -> Result<StoredUser, StoreError> {
        let partition = UserKeys(username).partition();
        let mut user = StoredUser::default();
        for item in self.table.query(Range { partition, consistent: true, ..Range::default() }).await? {
            if Key::of(&item).is_some_and(|key| key.sk.starts_with(ROLE_PREFIX)) {
                user.grants.push(rows::from_item::<RoleGrant>(item)?);
            } else {
                let flag = item.get("is_superuser").and_then(|value| value.as_bool().ok());
                user.is_superuser = flag.copied().unwrap_or_default();
            }
        }
        Ok(user)
    }
}

#[async_trait]
impl Health for Store {
    async fn check(&self) -> Result<(), StoreError> {
        self.table.get(&keys::health()).await.map(|_| ())
    }
}
