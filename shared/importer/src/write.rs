//! The second pass: licenses first, and last what makes them visible.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use license_domain::{PlanId, ProductCatalog, Stamp, SubscriptionPlan, importing::bucket_of, number::to_u64};
use license_storage::{BucketCounts, BulkWrite, StoreError, StoredUser};
use tokio::task::JoinSet;

use crate::{
    Importer, Progress,
    dump::{Dump, Row},
    existing::Existing,
    fields,
    report::{ImportError, Report},
    survey::{STEP, Survey},
};

/// How many blocks of rows are written at the same time.
const PARALLEL: usize = 4;

/// The counts of written licenses, by plan and bucket.
type Counts = HashMap<(PlanId, u16), BucketCounts>;

/// Writes everything.
pub async fn all(
    importer: &Importer,
    dumps: &[Dump],
    survey: Survey,
    existing: &Existing,
    report: &mut Report,
    progress: Progress<'_>,
) -> Result<(), ImportError> {
    let stamp = importer.stamp();
    let survey = Arc::new(survey);
    let (mut counts, mut events) = (Counts::new(), 0);
    for dump in dumps {
        events += licenses(importer, dump, &survey, existing, &mut counts, progress).await?;
    }
    if events > 0 {
        report.imported.insert("license events", events);
    }
    products(importer, &survey, existing, &stamp, report).await?;
    users(importer, &survey, report).await?;
    for agreement in survey.agreements.values() {
        if existing.agreements.contains(&agreement.uuid) {
            report.leave("agreements");
        } else {
            importer.bulk.import_agreement(agreement, &stamp).await?;
            report.count("agreements");
        }
    }
    for plan in survey.plans.values() {
        if existing.plans.contains(&plan.uuid) {
            report.leave("plans");
        } else {
            write_plan(importer, plan, &counts, &stamp, report).await?;
        }
    }
    for renewal in survey.renewals.values() {
        if existing.renewals.contains(&renewal.id) {
            report.leave("renewals");
        } else {
            importer.bulk.import_renewal(renewal, &stamp).await?;
            report.count("renewals");
        }
    }
    if let Some(last) = survey.renewals.keys().next_back() {
        importer.bulk.raise_renewal_number(*last).await?;
    }
    report.skipped.clone_from(&survey.skipped);
    report.warnings.clone_from(&survey.warnings);
    Ok(())
}

/// Writes the licenses of a file; how many license events they have.
async fn licenses(
    importer: &Importer,
    dump: &Dump,
    survey: &Arc<Survey>,
    existing: &Existing,
    counts: &mut Counts,
    progress: Progress<'_>,
) -> Result<u64, ImportError> {
    let (mut blocks, mut writing, mut done, mut events) = (dump.rows(), JoinSet::new(), 0_u64, 0_u64);
    let stored: Arc<BTreeSet<PlanId>> = Arc::new(existing.plans.clone());
    loop {
        let block = blocks.recv().await.transpose()?;
        let is_last = block.is_none();
        if let Some(block) = block {
            let rows = u64::try_from(block.len()).expect("a block has a few thousand rows");
            if (done + rows) / STEP > done / STEP {
                progress(&format!("{}: {} rows written", dump.name(), (done + rows) / STEP * STEP));
            }
            done += rows;
            let (bulk, stamp, dump) = (importer.bulk.clone(), importer.stamp(), dump.clone());
            writing.spawn(write_block(bulk, stamp, survey.clone(), stored.clone(), (dump, block)));
        }
        while writing.len() >= PARALLEL || (is_last && !writing.is_empty()) {
            let Some(written) = writing.join_next().await else { break };
            let written =
                written.map_err(|error| StoreError::Unavailable { operation: "import", cause: error.to_string() });
            let (written, with) = written??;
            events += with;
            for (bucket, more) in written {
                counts.entry(bucket).or_default().add(more);
            }
        }
        if is_last {
            return Ok(events);
        }
    }
}

async fn write_block(
    bulk: Arc<dyn BulkWrite>,
    stamp: Stamp,
    survey: Arc<Survey>,
    stored: Arc<BTreeSet<PlanId>>,
    (dump, block): (Dump, Vec<Row>),
) -> Result<(Counts, u64), ImportError> {
    // The first pass has read every row and found its plan; otherwise nothing would be written.
    let changed = || ImportError::Changed { file: dump.name().to_owned() };
    let (mut counts, mut licenses) = (Counts::new(), Vec::with_capacity(block.len()));
    for row in block.iter().filter(|row| row.model == fields::model::LICENSE) {
        let license = fields::license(row).map_err(|_| changed())?;
        if stored.contains(&license.subscription_plan) {
            continue;
        }
        let license = survey.placed(license).ok_or_else(changed)?;
        let placed = &license.placed.license;
        let bucket = (placed.subscription_plan, bucket_of(placed.uuid, &license.layout));
        counts.entry(bucket).or_default().count(placed);
        licenses.push(license);
    }
    bulk.put_licenses(&licenses, &stamp).await?;
    let events = licenses.iter().map(|license| to_u64(license.events.len())).sum();
    Ok((counts, events))
}

async fn products(
    importer: &Importer,
    survey: &Survey,
    existing: &Existing,
    stamp: &Stamp,
    report: &mut Report,
) -> Result<(), ImportError> {
    let mut catalog: ProductCatalog = existing.products.clone();
    for product in survey.products.values() {
        if catalog.product(product.id).is_none() {
            catalog.products.push(product.clone());
            report.count("products");
        }
    }
    for kind in survey.plan_types.values() {
        if !catalog.plan_types.iter().any(|known| known.id == kind.id) {
            catalog.plan_types.push(kind.clone());
            report.count("plan types");
        }
    }
    if catalog != existing.products {
        importer.bulk.put_products(&catalog, stamp).await?;
    }
    Ok(())
}

async fn users(importer: &Importer, survey: &Survey, report: &mut Report) -> Result<(), ImportError> {
    let mut users: BTreeMap<String, StoredUser> = BTreeMap::new();
    for (user, grant) in &survey.grants {
        users.entry(user.clone()).or_default().grants.push(*grant);
        report.count("role assignments");
    }
    for user in &survey.superusers {
        users.entry(user.clone()).or_default().is_superuser = true;
        report.count("superusers");
    }
    importer.bulk.put_users(&users).await?;
    Ok(())
}

async fn write_plan(
    importer: &Importer,
    plan: &SubscriptionPlan,
    counts: &Counts,
    stamp: &Stamp,
    report: &mut Report,
) -> Result<(), ImportError> {
    let of_bucket = |bucket| counts.get(&(plan.uuid, bucket)).copied().unwrap_or_default();
    let buckets: Vec<BucketCounts> = (0..plan.seats.buckets).map(of_bucket).collect();
    importer.bulk.import_plan(plan, &buckets, stamp).await?;
    for bucket in buckets {
        for (status, count) in [
            ("unassigned", bucket.free),
            ("assigned", bucket.assigned),
            ("activated", bucket.activated),
            ("revoked", bucket.revoked),
        ] {
            *report.licenses.entry(status).or_default() += count;
            *report.imported.entry("licenses").or_default() += count;
        }
    }
    report.count("plans");
    Ok(())
}
