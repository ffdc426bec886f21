//! The catalog service: knows the customers of catalogs, and their contents.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use license_domain::{CatalogId, EnterpriseId};
use license_storage::{Portfolios, StoreError};

use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;

/// A catalog `cccccccc-…` belongs to the customer `eeeeeeee-…` with the same rest, so that an example needs no
/// preparation.
const CATALOG: &str = "cccccccc-";
const CUSTOMER: &str = "eeeeeeee-";

/// Whether a catalog exists: it was added, an agreement or a plan names it, or it has its customer's id.
pub(super) async fn catalog(
    State(services): State<Services>,
    Path(catalog): Path<CatalogId>,
) -> Result<Json<Value>, StatusCode> {
    let made_known = services.catalogs.lock().await.get(&catalog).copied();
    let owner = match made_known {
        Some(owner) => Some(owner),
        None => on_record(&services, catalog).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?,
    };
    let owner = owner.or_else(|| by_name(catalog)).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "uuid": catalog, "title": "A catalog", "enterprise_customer": owner })))
}

/// A course whose key begins with this is in no catalog; every other course is in all of them.
const NOWHERE: &str = "NOTINCATALOG";

#[derive(Deserialize)]
pub(super) struct Asked {
    course_run_ids: String,
}

/// Whether a catalog holds any of these courses.
pub(super) async fn contains(Path(_): Path<CatalogId>, Query(asked): Query<Asked>) -> Json<Value> {
    let is_there = asked.course_run_ids.split(',').any(|course| !course.starts_with(NOWHERE));
    Json(json!({ "contains_content_items": is_there }))
}

#[derive(Deserialize)]
pub(super) struct Queried {
    enterprise_catalog_uuids: Vec<CatalogId>,
}

/// The queries of catalogs. Catalogs whose ids end with the same two digits have the same query.
pub(super) async fn queries(Json(asked): Json<Queried>) -> Json<Value> {
    let mut queries: BTreeMap<String, Vec<CatalogId>> = BTreeMap::new();
    for catalog in asked.enterprise_catalog_uuids {
        let digits = catalog.0.as_u128() & 0xff;
        queries.entry(digits.to_string()).or_default().push(catalog);
    }
    Json(json!({ "num_distinct_query_ids": queries.len(), "catalog_uuids_by_catalog_query_id": queries }))
}

async fn on_record(services: &Services, catalog: CatalogId) -> Result<Option<EnterpriseId>, StoreError> {
    let agreements = services.store.all_agreements().await?;
    let portfolios = services.store.portfolios(&agreements).await?;
    let owner = portfolios.into_iter().find(|portfolio| {
        portfolio.agreement.default_enterprise_catalog_uuid == Some(catalog)
            || portfolio.plans.iter().any(|plan| plan.enterprise_catalog_uuid == Some(catalog))
    });
    Ok(owner.map(|portfolio| portfolio.agreement.enterprise_customer_uuid))
}

fn by_name(catalog: CatalogId) -> Option<EnterpriseId> {
    let rest = catalog.to_string().strip_prefix(CATALOG)?.to_owned();
    format!("{CUSTOMER}{rest}").parse().ok()
}
