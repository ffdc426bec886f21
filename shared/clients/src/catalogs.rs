//! The catalog service.

use async_trait::async_trait;
use chrono::TimeDelta;
use license_cache::ExpiringCache;
use license_domain::{CatalogId, EnterpriseId};
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

/// How long the contents of a catalog are trusted.
const CONTENTS_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// The catalog service over HTTP.
#[derive(Debug)]
pub struct CatalogClient {
    client: ServiceClient,
    settings: CatalogSettings,
    contents: ExpiringCache<(CatalogId, String), bool>,
}

impl CatalogClient {
    /// A client of the catalog service that the settings name, by way of that one.
    pub fn new(client: ServiceClient, settings: CatalogSettings) -> Self {
        Self { client, settings, contents: ExpiringCache::default() }
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
        if let Some(answer) = self.contents.get(&asked, now) {
            return Ok(answer);
        }
        let base = self.settings.url()?;
        let url = format!("{base}/api/v1/enterprise-catalogs/{catalog}/contains_content_items/");
        let found: Option<Contents> = self.client.get(Service::Catalog, &url, &[("course_run_ids", course)]).await?;
        let answer = found.is_some_and(|contents| contents.contains_content_items);
        self.contents.put(asked, answer, now, now + CONTENTS_LIFETIME);
        Ok(answer)
    }
}
