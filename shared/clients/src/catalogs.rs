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

/// The catalogs of courses in the catalog service.
#[async_trait]
pub trait Catalogs: Send + Sync {
    /// Whether the catalog exists and belongs to that customer.
    async fn belongs_to(&self, catalog: CatalogId, enterprise: EnterpriseId) -> Result<bool, ClientError>;

    /// Whether the catalog contains the course (or course run) with that key. The result is cached for an hour.
    async fn contains(&self, catalog: CatalogId, course: &str) -> Result<bool, ClientError>;
}

/// How long the contents of a catalog are cached.
const CONTENTS_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// The client of the catalog service.
#[derive(Debug)]
pub struct CatalogClient {
    client: ServiceClient,
    settings: CatalogSettings,
    contents: ExpiringCache<(CatalogId, String), bool>,
}

impl CatalogClient {
    /// A client with these settings, which sends its requests by `client`.
    pub fn new(client: ServiceClient, settings: CatalogSettings) -> Self {
        Self { client, settings, contents: ExpiringCache::default() }
    }
}

/// The fields of a response about contents that are read.
#[derive(Deserialize)]
struct Contents {
    contains_content_items: bool,
}

/// The fields of a catalog that are read.
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
        if let Some(response) = self.contents.get(&asked, now) {
            return Ok(response);
        }
        let base = self.settings.url()?;
        let url = format!("{base}/api/v1/enterprise-catalogs/{catalog}/contains_content_items/");
        let found: Option<Contents> = self.client.get(Service::Catalog, &url, &[("course_run_ids", course)]).await?;
        let response = found.is_some_and(|contents| contents.contains_content_items);
        self.contents.put(asked, response, now, now + CONTENTS_LIFETIME);
        Ok(response)
    }
}
