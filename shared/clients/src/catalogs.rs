//! The catalog service.

use std::{collections::HashMap, sync::Mutex};

use async_trait::async_trait;
use license_domain::{CatalogId, EnterpriseId, Timestamp};
use serde::Deserialize;

use crate::{
    error::{ClientError, Service},
    service::ServiceClient,
    settings::CatalogSettings,
};

/// Catalogs of courses, as the catalog service keeps them.
#[async_trait]
pub trait Catalogs: Send + Sync {
    /// Whether there is such a catalog and it is that customer's.
    async fn belongs_to(&self, catalog: CatalogId, enterprise: EnterpriseId) -> Result<bool, ClientError>;

    /// Whether the catalog holds the course (or course run) of that key. What was asked within the last hour is
    /// not asked again.
    async fn contains(&self, catalog: CatalogId, course: &str) -> Result<bool, ClientError>;
}

/// How long the contents of a catalog are trusted, in seconds.
const CONTENTS_LIFETIME_SECONDS: i64 = 60 * 60;

/// How many answers about contents are remembered; a process that asked more starts over.
const CAPACITY: usize = 10_000;

/// The catalog service over HTTP.
#[derive(Debug)]
pub struct CatalogClient {
    client: ServiceClient,
    settings: CatalogSettings,
    contents: Mutex<HashMap<(CatalogId, String), (Timestamp, bool)>>,
}

impl CatalogClient {
    /// A client of the catalog service that the settings name, by way of that one.
    pub fn new(client: ServiceClient, settings: CatalogSettings) -> Self {
        Self { client, settings, contents: Mutex::default() }
    }

    fn recall(&self, asked: &(CatalogId, String), now: Timestamp) -> Option<bool> {
        let contents = self.contents.lock().ok()?;
        let (read, answer) = contents.get(asked)?;
        (0..CONTENTS_LIFETIME_SECONDS).contains(&(now - *read).num_seconds()).then_some(*answer)
    }

    fn remember(&self, asked: (CatalogId, String), now: Timestamp, answer: bool) {
        if let Ok(mut contents) = self.contents.lock() {
            if contents.len() >= CAPACITY {
                contents.clear();
            }
            contents.insert(asked, (now, answer));
        }
    }
}

/// What is read of an answer about contents.
#[derive(Deserialize)]
struct Contents {
    contains_content_items: bool,
}

/// What is read of a catalog.
#[derive(Deserialize)]
struct Catalog {
    enterprise_customer: EnterpriseId,
}

#[async_trait]
impl Catalogs for CatalogClient {
    async fn belongs_to(&self, catalog: CatalogId, enterprise: EnterpriseId) -> Result<bool, ClientError> {
        let url = format!("{}/api/v1/enterprise-catalogs/{catalog}/", self.settings.url()?);
        let found: Option<Catalog> = self.client.get(Service::Catalog, &url, &[]).await?;
        Ok(found.is_some_and(|catalog| catalog.enterprise_customer == enterprise))
    }

    async fn contains(&self, catalog: CatalogId, course: &str) -> Result<bool, ClientError> {
        let (asked, now) = ((catalog, course.to_owned()), self.client.now());
        if let Some(answer) = self.recall(&asked, now) {
            return Ok(answer);
        }
        let base = self.settings.url()?;
        let url = format!("{base}/api/v1/enterprise-catalogs/{catalog}/contains_content_items/");
        let found: Option<Contents> = self.client.get(Service::Catalog, &url, &[("course_run_ids", course)]).await?;
        let answer = found.is_some_and(|contents| contents.contains_content_items);
        self.remember(asked, now, answer);
        Ok(answer)
    }
}
