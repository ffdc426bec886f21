//! `lmctl manufacture-data`: through the same writes as an import. Stopped at any time, the same command completes what is
//! missing: a plan is seen once all its licenses are there.

use std::{io::Write, sync::Arc};

use license_domain::{
    CustomerAgreement, License, LicenseStatus, ProductCatalog, Stamp, SubscriptionPlan,
    importing::{PlacedLicense, Placement, bucket_of},
};
use license_storage::{BucketCounts, BulkWrite, Claim, ImportedLicense, Portfolios, StoreError};
use license_storage_dynamodb::BulkWriter;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Context, end_progress, progress};
use crate::{Error, Exit, arguments::ManufactureArguments, manufacture::World, output::Listing};

/// How many licenses are written at once, and how many such blocks.
const BLOCK: u64 = 5_000;
const PARALLEL: usize = 4;

pub(super) async fn run(
    context: &Context<'_>,
    arguments: ManufactureArguments,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let ManufactureArguments { customers, plans, licenses, seed, at } = arguments;
    let now = at.unwrap_or_else(|| World::day_of(context.store.clock().now()));
    let world = World { seed, plans, licenses, now };
    let bulk: Arc<dyn BulkWrite> = Arc::new(BulkWriter::through(context.store.clone(), context.items.clone()));
    let stamp = context.stamp("manufacture-data".to_owned());
    let (began, mut written) = (context.store.clock().now(), 0);
    let seconds = || (context.store.clock().now() - began).to_std().unwrap_or_default().as_secs_f64();
    let columns = ["enterprise_customer_uuid", "customer_agreement", "slug", "plans", "licenses", "outcome"];
    let mut listing = Listing::new(context.global, columns, out)?;
    if !context.global.dry_run && bulk.stored_products().await?.is_none() {
        bulk.put_products(&ProductCatalog::usual(), &stamp).await?;
    }
    for customer in 0..customers {
        let agreement = world.agreement(customer);
        let missing = missing_plans(context, &world, customer, bulk.as_ref()).await?;
        let outcome = if missing.is_empty() { "unchanged" } else { "made" };
        if !context.global.dry_run {
            make_agreement(context, &agreement, bulk.as_ref(), &stamp).await?;
            for plan in missing {
                written += make_plan(&world, (customer, plan), &bulk, &stamp).await?;
                progress(&format!("{written} licenses in {:.1} s", seconds()));
            }
            make_renewals(context, &world, customer, bulk.as_ref(), &stamp).await?;
        }
        listing.row([
            json!(agreement.enterprise_customer_uuid),
            json!(agreement.uuid),
            json!(agreement.enterprise_customer_slug),
            json!(plans),
            json!(u64::from(plans) * licenses),
            json!(outcome),
        ])?;
    }
    end_progress();
    listing.finish()?;
    eprintln!("{written} licenses in {:.1} s", seconds());
    Ok(Exit::Done)
}

/// The plans of a customer that are not there yet. Other data under the names of this seed is refused.
async fn missing_plans(
    context: &Context<'_>,
    world: &World,
    customer: u32,
    bulk: &dyn BulkWrite,
) -> Result<Vec<u32>, Error> {
    let agreement = world.agreement(customer);
    let (id, mut claims) = (agreement.uuid, Vec::new());
    claims.push(Claim::Customer(agreement.enterprise_customer_uuid, id));
    claims.extend(agreement.enterprise_customer_slug.map(|slug| Claim::Slug(slug, id)));
    for number in 0..world.plans {
        let plan = world.plan(customer, number, 0);
        claims.push(Claim::Plan(plan.uuid, id));
        claims.push(Claim::Title(id, plan.title, plan.uuid));
        claims.push(Claim::Seats(plan.seats.prefix, plan.uuid));
        claims.extend(world.renewal(customer, number).map(|renewal| Claim::Renewal(renewal.id, id)));
    }
    if !bulk.refused(&claims).await?.is_empty() {
        return Err(Error::Refused(format!("names of customer {} are taken: use another --seed", customer + 1)));
    }
    let stored = context.store.portfolio(id).await?.map(|portfolio| portfolio.plans).unwrap_or_default();
    let is_missing = |number: &u32| {
        let id = world.plan(customer, *number, 0).uuid;
        !stored.iter().any(|plan| plan.uuid == id)
    };
    Ok((0..world.plans).filter(is_missing).collect())
}

/// Licenses first: they cannot be found before their plan is there. How many there are.
async fn make_plan(
    world: &World,
    (customer, number): (u32, u32),
    bulk: &Arc<dyn BulkWrite>,
    stamp: &Stamp,
) -> Result<u64, Error> {
    let plan = Arc::new(world.plan(customer, number, world.total(customer, number)));
    let mut counts = vec![BucketCounts::default(); usize::from(plan.seats.buckets)];
    let (mut writing, mut from) = (JoinSet::new(), 0);
    loop {
        while from < world.licenses && writing.len() < PARALLEL {
            let to = world.licenses.min(from + BLOCK);
            writing.spawn(write_block((*world, customer, number), from..to, plan.clone(), bulk.clone(), stamp.clone()));
            from = to;
        }
        let Some(written) = writing.join_next().await else { break };
        let written = written
            .map_err(|error| StoreError::Unavailable { operation: "manufacture data", cause: error.to_string() })?;
        for (sum, more) in counts.iter_mut().zip(written?) {
            sum.add(more);
        }
    }
    bulk.import_plan(&plan, &counts, stamp).await?;
    Ok(world.licenses)
}

async fn write_block(
    (world, customer, number): (World, u32, u32),
    numbers: std::ops::Range<u64>,
    plan: Arc<SubscriptionPlan>,
    bulk: Arc<dyn BulkWrite>,
    stamp: Stamp,
) -> Result<Vec<BucketCounts>, StoreError> {
    let enterprise = world.agreement(customer).enterprise_customer_uuid;
    let mut counts = vec![BucketCounts::default(); usize::from(plan.seats.buckets)];
    let imported = |license: License| {
        let is_free = license.status == LicenseStatus::Unassigned;
        let placement = if is_free { Placement::FreeSeat } else { Placement::Slot };
        let (agreement, layout) = (plan.customer_agreement, plan.seats);
        let placed = PlacedLicense { license, placement };
        ImportedLicense { placed, enterprise, agreement, layout, events: Vec::new() }
    };
    let licenses: Vec<ImportedLicense> = numbers.map(|n| imported(world.license(customer, number, n))).collect();
    for license in &licenses {
        let license = &license.placed.license;
        counts[usize::from(bucket_of(license.uuid, &plan.seats))].count(license);
    }
    bulk.put_licenses(&licenses, &stamp).await?;
    Ok(counts)
}

async fn make_agreement(
    context: &Context<'_>,
    agreement: &CustomerAgreement,
    bulk: &dyn BulkWrite,
    stamp: &Stamp,
) -> Result<(), Error> {
    if context.store.portfolio(agreement.uuid).await?.is_none() {
        bulk.import_agreement(agreement, stamp).await?;
    }
    Ok(())
}

/// The renewals between a customer's plans that are not there yet.
async fn make_renewals(
    context: &Context<'_>,
    world: &World,
    customer: u32,
    bulk: &dyn BulkWrite,
    stamp: &Stamp,
) -> Result<(), Error> {
    let stored = context.store.portfolio(world.agreement(customer).uuid).await?;
    let stored = stored.map(|portfolio| portfolio.renewals).unwrap_or_default();
    for renewal in (0..world.plans).filter_map(|plan| world.renewal(customer, plan)) {
        if !stored.iter().any(|known| known.id == renewal.id) {
            bulk.import_renewal(&renewal, stamp).await?;
            bulk.raise_renewal_number(renewal.id).await?;
        }
    }
    Ok(())
}
