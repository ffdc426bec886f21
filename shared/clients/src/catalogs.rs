//! The catalog service.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use license_cache::ExpiringCache;
use license_domain::{CatalogId, EnterpriseId};
use serde::Deserialize;

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    caller::Safety,
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

    /// The queries of these catalogs, each with those of the catalogs that have it.
    async fn distinct_queries(&self, catalogs: &[CatalogId]) -> Result<CatalogsByQuery, ClientError>;
}

/// The catalogs that have a query in common, by the query's id.
pub type CatalogsByQuery = BTreeMap<String, Vec<CatalogId>>;

/// How many catalogs are named in one call.
const CATALOGS_AT_ONCE: usize = 100;
/// The timeout of a call about so many catalogs.
const QUERIES_TIMEOUT: Duration = Duration::from_secs(30);

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

/// The fields of a response about queries that are read.
#[derive(Deserialize)]
struct Queries {
    catalog_uuids_by_catalog_query_id: CatalogsByQuery,
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

    async fn distinct_queries(&self, catalogs: &[CatalogId]) -> Result<CatalogsByQuery, ClientError> {
        let url = format!("{}/api/v1/distinct-catalog-queries/", self.settings.url()?);
        let mut queries = CatalogsByQuery::new();
        for some in catalogs.chunks(CATALOGS_AT_ONCE) {
            let body = json!({ "enterprise_catalog_uuids": some });
            let found: Queries = self
                .client
                .post_for(Service::Catalog, &url, &body, Safety::Repeatable, QUERIES_TIMEOUT, StatusCode::OK)
                .await?;
            for (query, catalogs) in found.catalog_uuids_by_catalog_query_id {
                queries.entry(query).or_default().extend(catalogs);
            }
        }
        Ok(queries)
    }
}
