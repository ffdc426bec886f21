//! `lmctl validate-num-catalog-queries`: whether catalogs of customers have queries of their own, which cost the catalog
//! service much. Plans of one type are expected to have one query.

use std::{
    collections::{BTreeSet, HashSet},
    io::Write,
    sync::Arc,
};

use license_clients::{CatalogClient, CatalogSettings, Catalogs, ClientSettings, ServiceClient};
use license_domain::{CatalogId, Portfolio, ProductCatalog, SubscriptionPlan};
use license_storage::{ChangeProducts, Portfolios};
use license_telemetry::{SystemClock, SystemRandom};
use serde_json::json;

use super::Context;
use crate::{Error, Exit, output::Listing};

/// The setting with the catalogs that may have queries of their own: UUIDs, separated by commas.
const ALLOWED: &str = "CUSTOM_CATALOG_PRODUCTS_ALLOW_LIST";

/// How many agreements are read at the same time.
const AGREEMENTS_AT_ONCE: usize = 100;

/// Lists the queries. It fails if there are more of them than plan types, apart from those that only have catalogs that
/// may have their own.
pub(super) async fn run(context: &Context<'_>, threshold: usize, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let allowed = allowed((context.settings)(ALLOWED).as_deref().unwrap_or_default())?;
    let (catalogs, types) = in_use(context).await?;
    let catalogs: Vec<CatalogId> = catalogs.into_iter().collect();
    let settings = ClientSettings::from_lookup(context.settings);
    let client = ServiceClient::new(settings, Arc::new(SystemClock), Arc::new(SystemRandom))?;
    let client = CatalogClient::new(client, CatalogSettings::from_lookup(context.settings));
    let mut queries = client.distinct_queries(&catalogs).await?;
    queries.retain(|_, catalogs| {
        catalogs.retain(|catalog| !allowed.contains(catalog));
        !catalogs.is_empty()
    });
    let is_too_many = queries.len() > types.len();
    let mut listing = Listing::new(context.global, ["catalog_query", "catalogs", "enterprise_catalog_uuids"], out)?;
    for (query, catalogs) in &queries {
        let named = (is_too_many && catalogs.len() < threshold).then_some(catalogs);
        listing.row([json!(query), json!(catalogs.len()), json!(named)])?;
    }
    listing.finish()?;
    eprintln!("{} catalog queries, {} plan types", queries.len(), types.len());
    if is_too_many {
        eprintln!("there are more catalog queries than plan types");
        return Ok(Exit::Failed);
    }
    Ok(Exit::Done)
}

fn allowed(list: &str) -> Result<HashSet<CatalogId>, Error> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let wrong = |name: &str| Error::Usage(format!("{ALLOWED} names {name}, which is no UUID"));
    names.map(|name| name.parse().map_err(|_| wrong(name))).collect()
}

/// The catalogs of plans whose expiration is not processed and that are sold, and the labels of their plan types.
async fn in_use(context: &Context<'_>) -> Result<(BTreeSet<CatalogId>, BTreeSet<String>), Error> {
    let products = context.store.stored_products().await?;
    let (mut catalogs, mut types) = (BTreeSet::new(), BTreeSet::new());
    for agreements in context.store.all_agreements().await?.chunks(AGREEMENTS_AT_ONCE) {
        for portfolio in context.store.portfolios(agreements).await? {
            for (catalog, label) in portfolio.plans.iter().filter_map(|plan| sold(&portfolio, plan, &products)) {
                catalogs.extend(catalog);
                types.insert(label);
            }
        }
    }
    Ok((catalogs, types))
}

/// The plan's catalog and the label of its plan type. `None`: it has expired, or it is for internal use, or it is of no
/// type or of one for internal use.
fn sold(
    portfolio: &Portfolio,
    plan: &SubscriptionPlan,
    products: &ProductCatalog,
) -> Option<(Option<CatalogId>, String)> {
    let kind = products.plan_type(plan.product?)?;
    let is_sold = !plan.expiration_processed && !plan.for_internal_use_only && !kind.internal_use_only;
    is_sold.then(|| (portfolio.catalog_of(plan), kind.label.clone()))
}
