//! `lmctl seed-development-data`, `seed-enterprise-devstack-data`: what a development installation begins with.

use std::io::Write;

use chrono::TimeDelta;
use license_domain::{
    ChangeReason, CustomerAgreement, EnterpriseId, Product, ProductCatalog, ProductId, SeatLayout, SeatPrefix,
    SubscriptionPlan,
};
use license_storage::{Change, ChangeProducts, Portfolios, Provision};
use serde_json::json;

use super::Context;
use crate::{Error, Exit, output::Listing};

/// The line item of plans that are made here, as the peer's command has it.
const LINE_ITEM: &str = "00k000000000000000";
/// The products of a development installation; plans of the second command are sold as the first one.
const NAMES: [&str; 5] = ["B2B Paid", "OC Paid", "Trial", "Test", "OCE"];

/// Adds the products that are missing, by name. A product of that name that was changed stays as it is.
pub(super) async fn development(context: &Context<'_>, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let mut listing = Listing::new(context.global, ["product", "name", "outcome"], out)?;
    for name in NAMES {
        let (product, outcome) = product(context, name).await?;
        listing.row([json!(product.id), json!(product.name), json!(outcome)])?;
    }
    listing.finish()?;
    Ok(Exit::Done)
}

/// The product of that name, and whether it was made. Its plan type is that of a new installation, by its label.
async fn product(context: &Context<'_>, name: &str) -> Result<(Product, &'static str), Error> {
    let usual = ProductCatalog::usual();
    let wanted = usual.products.iter().find(|product| product.name == name);
    let wanted = wanted.expect("a new installation has each of the names").clone();
    let seen = context.store.stored_products().await?;
    if let Some(known) = seen.products.iter().find(|product| product.name == name) {
        return Ok((known.clone(), "unchanged"));
    }
    let label = usual.plan_type(wanted.id).map(|kind| kind.label.clone()).unwrap_or_default();
    let kind = seen.plan_types.iter().find(|kind| kind.label == label);
    let kind = kind.ok_or_else(|| Error::Refused(format!("there is no plan type {label}")))?.id;
    let last = seen.products.iter().map(|product| product.id.0).max().unwrap_or_default();
    let made = Product { id: ProductId(last + 1), plan_type: Some(kind), ..wanted };
    if context.global.dry_run {
        return Ok((made, "made"));
    }
    let mut after = seen.clone();
    after.products.push(made.clone());
    let fields = license_domain::change::changes(None, Some(&made), &[]);
    let subject = format!("product {}", made.id.0);
    let change = Change::from(context.stamp("seed-development-data".to_owned()));
    if !context.store.change_products(&seen, &after, (&subject, fields), &change).await? {
        return Err(Error::Refused("the products were changed at the same time; repeat the command".to_owned()));
    }
    Ok((made, "made"))
}

/// Makes a customer's agreement, unless there is one, and each time a new plan of a year. The customer's id and slug are
/// named, because this command asks no other service.
pub(super) async fn devstack(
    context: &Context<'_>,
    (enterprise, slug, licenses): (EnterpriseId, String, u64),
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let (product, _) = product(context, NAMES[0]).await?;
    let stamp = context.stamp("seed-enterprise-devstack-data".to_owned());
    let (now, random) = (stamp.at, context.store.random());
    let portfolio = context.store.portfolio_of_enterprise(enterprise).await?;
    let is_new = portfolio.is_none();
    let agreement = portfolio.map_or_else(
        || CustomerAgreement {
            enterprise_customer_slug: Some(slug.clone()),
            enterprise_customer_name: Some(slug.clone()),
            default_enterprise_catalog_uuid: Some(license_domain::CatalogId(random.uuid())),
            ..CustomerAgreement::new(random.agreement_id(), enterprise, now)
        },
        |portfolio| portfolio.agreement,
    );
    let bits = u64::try_from(random.bits() >> 64).expect("the upper half");
    let prefix = SeatPrefix::from_bits(bits);
    let plan = SubscriptionPlan {
        uuid: random.plan_id(),
        title: format!("Seed {}", now.format("%Y-%m-%dT%H:%M:%S%.6fZ")),
        customer_agreement: agreement.uuid,
        start_date: now,
        expiration_date: now + TimeDelta::days(365),
        expiration_processed: false,
        enterprise_catalog_uuid: None,
        is_active: true,
        is_revocation_cap_enabled: false,
        revoke_max_percentage: 5,
        num_revocations_applied: 0,
        salesforce_opportunity_id: None,
        salesforce_opportunity_line_item: Some(LINE_ITEM.to_owned()),
        product: Some(product.id),
        for_internal_use_only: true,
        can_freeze_unused_licenses: false,
        last_freeze_timestamp: None,
        should_auto_apply_licenses: None,
        auto_apply_since: None,
        desired_num_licenses: Some(licenses),
        created: now,
        modified: now,
        change_reason: ChangeReason::New,
        seats: SeatLayout::for_total(licenses, prefix),
    };
    if !context.global.dry_run {
        let change = Change::from(stamp);
        let refused = |error: &dyn std::fmt::Display| Error::Refused(error.to_string());
        if is_new {
            context.store.create_agreement(&agreement, &change).await.map_err(|error| refused(&error))?;
        }
        context.store.create_plan(&agreement, &plan, &change).await.map_err(|error| refused(&error))?;
    }
    let columns = ["enterprise_customer_uuid", "customer_agreement", "subscription_plan", "title", "licenses"];
    let mut listing = Listing::new(context.global, columns, out)?;
    listing.row([json!(enterprise), json!(agreement.uuid), json!(plan.uuid), json!(plan.title), json!(licenses)])?;
    listing.finish()?;
    Ok(Exit::Done)
}
