//! Connects rosters with their store, the bucket for files.

use std::sync::Arc;

use async_trait::async_trait;
use license_clients::{ClientError, ExportSettings, ObjectClient};
use license_storage::{Objects, StoreError};
use license_storage_dynamodb::Store;

use crate::{Error, Parts};

/// The bucket for files as a store of objects.
struct Bucket(ObjectClient);

impl Parts {
    /// The table with the rosters in the bucket for files; the table alone if no bucket is configured.
    pub fn store_with_rosters(&self) -> Result<Arc<Store>, Error> {
        let settings = ExportSettings::from_lookup(self.lookup());
        if settings.bucket.is_none() {
            return Ok(self.store.clone());
        }
        let objects = ObjectClient::new(settings, &self.aws, self.clock())?;
        Ok(Arc::new(self.store.with_rosters(Arc::new(Bucket(objects)))))
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(name).await.map_err(|error| failed("GetObject", &error))
    }

    async fn put(&self, name: &str, object: Vec<u8>) -> Result<(), StoreError> {
        self.0.put(name, object).await.map_err(|error| failed("PutObject", &error))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.0.delete(name).await.map_err(|error| failed("DeleteObject", &error))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.0.list(prefix).await.map_err(|error| failed("ListObjects", &error))
    }
}

fn failed(operation: &'static str, error: &ClientError) -> StoreError {
    let cause = error.to_string();
    if error.is_retryable() {
        StoreError::Unavailable { operation, cause }
    } else {
        StoreError::Refused { operation, cause }
    }
}
