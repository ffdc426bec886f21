//! The second pass: licenses first, and last what makes them visible.

use std::{collections::HashMap, sync::Arc};

use license_domain::{PlanId, ProductCatalog, RenewalId, Stamp, SubscriptionPlan, SubscriptionPlanRenewal};
use license_storage::StoreError;
use license_storage_dynamodb::{
    Store,
    keys::{self, AgreementKeys, BucketKeys, Key, UserKeys},
    rows::{self, Bucket, attributes},
    table::{Canceled, Expression, Write},
};
use tokio::task::JoinSet;

use super::{
    Progress,
    bulk::Bulk,
    dump::{Dump, Row},
    existing::Existing,
    fields,
    placed::{VERSION, place},
    report::{ImportError, Report},
    survey::{STEP, Survey},
};

/// How many heaps of rows are written at once.
const PARALLEL: usize = 4;

/// What every imported item is stamped with.
fn stamp(store: &Store) -> Stamp {
    Stamp {
        actor: "import".to_owned(),
        actor_lms_user_id: None,
        reason: "import".to_owned(),
        request_id: "import".to_owned(),
        at: store.clock().now(),
        once: None,
    }
}

/// Why a transaction did not go through, as the import sees it: somebody else wrote the same at the same time.
pub fn failed(canceled: Canceled) -> ImportError {
    ImportError::Store(match canceled {
        Canceled::Store(error) => error,
        Canceled::Conflict | Canceled::Conditions(_) => StoreError::Contention { operation: "import", attempts: 1 },
    })
}

/// What the heaps have written so far.
type Counts = HashMap<BucketKeys, Bucket>;

/// Writes everything.
pub async fn all(
    store: &Arc<Store>,
    bulk: &Arc<dyn Bulk>,
    dumps: &[Dump],
    survey: Survey,
    existing: &Existing,
    report: &mut Report,
    progress: Progress<'_>,
) -> Result<(), ImportError> {
    let stamp = stamp(store);
    let survey = Arc::new(survey);
    let mut counts = Counts::new();
    for dump in dumps {
        licenses(store, bulk, dump, &survey, existing, &mut counts, progress).await?;
    }
    products(store, &survey, existing, &stamp, report).await?;
    users(store, &survey, report).await?;
    agreements(store, &survey, existing, &stamp, report).await?;
    for plan in survey.plans.values() {
        if existing.plans.contains(&plan.uuid) {
            *report.unchanged.entry("plans").or_default() += 1;
        } else {
            write_plan(store, plan, &counts, &stamp, report).await?;
        }
    }
    for renewal in survey.renewals.values() {
        if existing.renewals.contains(&renewal.id) {
            *report.unchanged.entry("renewals").or_default() += 1;
            continue;
        }
        write_renewal(store, renewal, &stamp).await?;
        report.count("renewals");
    }
    if let Some(last) = survey.renewals.keys().next_back() {
        raise_sequence(store, *last).await?;
    }
    report.skipped.clone_from(&survey.skipped);
    report.warnings.clone_from(&survey.warnings);
    Ok(())
}

/// One transaction: the renewal, the pointer from its number, and those from its plans, all new.
async fn write_renewal(store: &Store, renewal: &SubscriptionPlanRenewal, stamp: &Stamp) -> Result<(), ImportError> {
    let of_agreement = AgreementKeys(renewal.customer_agreement);
    let pointer = |key| Write::create(rows::pointer(&key, renewal.id.0));
    let mut writes = vec![
        Write::create(rows::renewal(renewal, VERSION, stamp)?),
        Write::create(rows::pointer(&keys::renewal(renewal.id), renewal.customer_agreement)),
        pointer(of_agreement.leaving(renewal.prior_subscription_plan)),
    ];
    writes.extend(renewal.renewed_subscription_plan.map(|plan| pointer(of_agreement.entering(plan))));
    store.table().transact(writes, token(store)).await.map_err(failed)
}

/// New renewals get numbers above the imported ones.
async fn raise_sequence(store: &Store, last: RenewalId) -> Result<(), ImportError> {
    let terms = Expression::default().name(attributes::LAST).value("last", rows::number(last.0));
    let raise = Write::Update {
        key: keys::renewal_sequence(),
        update: "SET #last = :last".to_owned(),
        condition: Some("attribute_not_exists(#last) OR #last < :last".to_owned()),
        terms,
    };
    match store.table().transact(vec![raise], token(store)).await {
        Ok(()) | Err(Canceled::Conditions(_)) => Ok(()),
        Err(canceled) => Err(failed(canceled)),
    }
}

fn token(store: &Store) -> String {
    store.random().uuid().to_string()
}

async fn licenses(
    store: &Arc<Store>,
    bulk: &Arc<dyn Bulk>,
    dump: &Dump,
    survey: &Arc<Survey>,
    existing: &Existing,
    counts: &mut Counts,
    progress: Progress<'_>,
) -> Result<(), ImportError> {
    let (mut heaps, mut writing, mut done) = (dump.rows(), JoinSet::new(), 0_u64);
    let settled: Arc<std::collections::BTreeSet<PlanId>> = Arc::new(existing.plans.clone());
    loop {
        let heap = heaps.recv().await.transpose()?;
        let is_last = heap.is_none();
        if let Some(heap) = heap {
            let rows = u64::try_from(heap.len()).unwrap_or_default();
            if (done + rows) / STEP > done / STEP {
                progress(&format!("{}: {} rows written", dump.name(), (done + rows) / STEP * STEP));
            }
            done += rows;
            writing.spawn(write_heap(bulk.clone(), stamp(store), survey.clone(), settled.clone(), heap));
        }
        while writing.len() >= PARALLEL || (is_last && !writing.is_empty()) {
            let Some(written) = writing.join_next().await else { break };
            let written =
                written.map_err(|error| StoreError::Unavailable { operation: "import", cause: error.to_string() });
            for (at, more) in written?? {
                let bucket = counts.entry(at).or_default();
                bucket.free += more.free;
                bucket.assigned += more.assigned;
                bucket.activated += more.activated;
                bucket.revoked += more.revoked;
                bucket.revoked_without_person += more.revoked_without_person;
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn write_heap(
    bulk: Arc<dyn Bulk>,
    stamp: Stamp,
    survey: Arc<Survey>,
    settled: Arc<std::collections::BTreeSet<PlanId>>,
    heap: Vec<Row>,
) -> Result<Counts, ImportError> {
    let (mut counts, mut items) = (Counts::new(), HashMap::new());
    for row in heap.iter().filter(|row| row.model == "subscriptions.license") {
        // Nobody but the first pass has to explain what is wrong with a row.
        let Ok(license) = fields::license(row) else { continue };
        if settled.contains(&license.subscription_plan) {
            continue;
        }
        let placed = place(&survey, license)?;
        placed.count(counts.entry(placed.bucket).or_default());
        for item in [Some(placed.item(&stamp)?), placed.alias(&stamp)].into_iter().flatten() {
            // A learner of two plans has one alias, and one call may not write an item twice.
            items.insert(Key::of(&item), item);
        }
    }
    bulk.write(items.into_values().collect()).await?;
    Ok(counts)
}

async fn products(
    store: &Store,
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
        let item = rows::product_catalog(&catalog, stamp)?;
        store.table().transact(vec![Write::put(item)], token(store)).await.map_err(failed)?;
    }
    Ok(())
}

async fn users(store: &Store, survey: &Survey, report: &mut Report) -> Result<(), ImportError> {
    let mut items = HashMap::new();
    for (user, grant) in &survey.grants {
        let key = UserKeys(user).role(*grant);
        let mut item = rows::to_item(grant)?;
        item.extend(key.attributes());
        items.insert(key, item);
        report.count("role assignments");
    }
    for user in &survey.superusers {
        let key = UserKeys(user).user();
        let mut item = key.attributes();
        item.insert("is_superuser".to_owned(), rows::flag(true));
        items.insert(key, item);
        report.count("superusers");
    }
    store.table().write_all(items.into_values().collect()).await?;
    Ok(())
}

async fn agreements(
    store: &Store,
    survey: &Survey,
    existing: &Existing,
    stamp: &Stamp,
    report: &mut Report,
) -> Result<(), ImportError> {
    for agreement in survey.agreements.values() {
        if existing.agreements.contains(&agreement.uuid) {
            *report.unchanged.entry("agreements").or_default() += 1;
            continue;
        }
        let pointer = |key: &Key| Write::create(rows::pointer(key, agreement.uuid));
        let mut writes = vec![
            Write::create(rows::agreement(agreement, VERSION, stamp)?),
            pointer(&keys::enterprise(agreement.enterprise_customer_uuid)),
        ];
        writes.extend(agreement.enterprise_customer_slug.as_deref().map(|slug| pointer(&keys::slug(slug))));
        store.table().transact(writes, token(store)).await.map_err(failed)?;
        report.count("agreements");
    }
    Ok(())
}

/// One transaction, all of it on condition that nothing is there yet: the plan, the pointers from its id, its
/// seats' prefix and its title, its buckets with their exact counts. From here on its licenses can be found.
async fn write_plan(
    store: &Store,
    plan: &SubscriptionPlan,
    counts: &Counts,
    stamp: &Stamp,
    report: &mut Report,
) -> Result<(), ImportError> {
    let mut writes = vec![
        Write::create(rows::plan(plan, VERSION, stamp)?),
        Write::create(rows::pointer(&keys::plan(plan.uuid), plan.customer_agreement)),
        Write::create(rows::pointer(&keys::seats(plan.seats.prefix), plan.uuid)),
        Write::create(rows::pointer(&AgreementKeys(plan.customer_agreement).title(&plan.title), plan.uuid)),
    ];
    for at in rows::buckets_of(plan.uuid, &plan.seats) {
        let bucket = counts.get(&at).copied().unwrap_or_default();
        writes.push(Write::create(bucket.item(at)?));
        for (status, count) in [
            ("unassigned", i64::try_from(bucket.free).unwrap_or_default()),
            ("assigned", bucket.assigned),
            ("activated", bucket.activated),
            ("revoked", bucket.revoked),
        ] {
            let count = u64::try_from(count).unwrap_or_default();
            *report.licenses.entry(status).or_default() += count;
            *report.imported.entry("licenses").or_default() += count;
        }
    }
    store.table().transact(writes, token(store)).await.map_err(failed)?;
    report.count("plans");
    Ok(())
}
