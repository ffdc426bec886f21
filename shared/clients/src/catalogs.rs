//! The catalog service.

use async_trait::async_trait;
use license_domain::{CatalogId, EnterpriseId};
use serde::Deserialize;

use crate::{
    error::{ClientError, Service},
    service::ServiceClient,
};

/// Catalogs of courses, as the catalog service keeps them.
#[async_trait]
pub trait Catalogs: Send + Sync {
    /// Whether there is such a catalog and it is that customer's.
    async fn belongs_to(&self, catalog: CatalogId, enterprise: EnterpriseId) -> Result<bool, ClientError>;
}

/// The catalog service over HTTP.
#[derive(Clone, Debug)]
pub struct CatalogClient(ServiceClient);

impl CatalogClient {
    /// Asks by way of that client.
    pub const fn new(client: ServiceClient) -> Self {
        Self(client)
    }
}

/// What is read of a catalog.
#[derive(Deserialize)]
struct Catalog {
    enterprise_customer: EnterpriseId,
}

#[async_trait]
impl Catalogs for CatalogClient {
    async fn belongs_to(&self, catalog: CatalogId, enterprise: EnterpriseId) -> Result<bool, ClientError> {
        let url = format!("{}/api/v1/enterprise-catalogs/{catalog}/", self.0.settings().catalog()?);
        let found: Option<Catalog> = self.0.get(Service::Catalog, &url, &[]).await?;
        Ok(found.is_some_and(|catalog| catalog.enterprise_customer == enterprise))
    }
}
