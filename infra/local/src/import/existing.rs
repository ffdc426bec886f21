//! Holds the files against what is in the table already: equal rows are left as they are, others are conflicts.

use std::collections::{BTreeSet, HashMap};

use license_domain::{AgreementId, License, LicenseStatus, PlanId, ProductCatalog, RenewalId};
use license_storage::Portfolios;
use license_storage_dynamodb::{
    Store,
    keys::{self, AgreementKeys, Item, Key},
    rows,
};

use super::{
    Progress,
    dump::Dump,
    fields,
    placed::{Placed, place},
    report::{BadRow, ImportError},
    survey::{STEP, Survey},
};

/// What is there already, exactly as in the files.
#[derive(Debug, Default)]
pub struct Existing {
    pub agreements: BTreeSet<AgreementId>,
    pub plans: BTreeSet<PlanId>,
    pub renewals: BTreeSet<RenewalId>,
    /// The products and plan types on record; the default where none are.
    pub products: ProductCatalog,
}

/// Compares everything.
pub async fn compare(
    store: &Store,
    dumps: &[Dump],
    survey: &mut Survey,
    progress: Progress<'_>,
) -> Result<Existing, ImportError> {
    let mut existing = Existing::default();
    portfolios(store, survey, &mut existing).await?;
    names(store, survey, &existing).await?;
    products(store, survey, &mut existing).await?;
    // Licenses are in the table only where their plans are.
    if !existing.plans.is_empty() {
        for dump in dumps {
            licenses(store, dump, survey, &existing, progress).await?;
        }
    }
    Ok(existing)
}

async fn portfolios(store: &Store, survey: &mut Survey, existing: &mut Existing) -> Result<(), ImportError> {
    let ids: Vec<AgreementId> = survey.agreements.keys().copied().collect();
    for portfolio in store.portfolios(&ids).await? {
        let id = portfolio.agreement.uuid;
        if survey.agreements.get(&id) == Some(&portfolio.agreement) {
            existing.agreements.insert(id);
        } else {
            survey.complain(&id.to_string(), "agreement", "the table has it otherwise");
        }
        for plan in portfolio.plans {
            let Some(mut wanted) = survey.plans.get(&plan.uuid).cloned() else { continue };
            wanted.seats = plan.seats;
            if wanted == plan {
                existing.plans.insert(plan.uuid);
                survey.plans.insert(plan.uuid, plan);
            } else {
                survey.complain(&plan.uuid.to_string(), "plan", "the table has it otherwise");
            }
        }
        for renewal in portfolio.renewals {
            let id = renewal.id;
            match survey.renewals.get(&id) {
                Some(wanted) if *wanted == renewal => drop(existing.renewals.insert(id)),
                Some(_) => survey.complain(&id.0.to_string(), "renewal", "the table has it otherwise"),
                None => {}
            }
        }
    }
    Ok(())
}

/// A pointer that an agreement, plan or renewal needs.
struct Wanted {
    id: String,
    what: &'static str,
    /// Where it is to lead; whatever leads there already was compared.
    target: String,
    reason: &'static str,
}

/// Ids and names that must be nobody else's.
async fn names(store: &Store, survey: &mut Survey, existing: &Existing) -> Result<(), ImportError> {
    let mut wanted: HashMap<Key, Wanted> = HashMap::new();
    let mut want = |key: Key, what, id: &dyn ToString, target: &dyn ToString, reason| {
        wanted.insert(key, Wanted { id: id.to_string(), what, target: target.to_string(), reason });
    };
    for agreement in survey.agreements.values().filter(|agreement| !existing.agreements.contains(&agreement.uuid)) {
        let (id, what) = (&agreement.uuid, "agreement");
        let customer = keys::enterprise(agreement.enterprise_customer_uuid);
        want(customer, what, id, id, "its customer has another agreement in the table");
        if let Some(slug) = &agreement.enterprise_customer_slug {
            want(keys::slug(slug), what, id, id, "its slug is another customer's in the table");
        }
    }
    for plan in survey.plans.values().filter(|plan| !existing.plans.contains(&plan.uuid)) {
        let (id, what, agreement) = (&plan.uuid, "plan", &plan.customer_agreement);
        want(keys::plan(plan.uuid), what, id, agreement, "the table has a plan of that id in another agreement");
        let title = AgreementKeys(plan.customer_agreement).title(&plan.title);
        want(title, what, id, id, "its agreement has another plan of that title in the table");
        want(keys::seats(plan.seats.prefix), what, id, id, "its seats' prefix is another plan's in the table");
    }
    for renewal in survey.renewals.values().filter(|renewal| !existing.renewals.contains(&renewal.id)) {
        let agreement = &renewal.customer_agreement;
        let key = keys::renewal(renewal.id);
        let (id, what) = (&renewal.id.0, "renewal");
        want(key, what, id, agreement, "the table has another renewal of that number");
        let of_agreement = AgreementKeys(renewal.customer_agreement);
        let leaving = of_agreement.leaving(renewal.prior_subscription_plan);
        want(leaving, what, id, id, "its prior plan has another renewal in the table");
        if let Some(plan) = renewal.renewed_subscription_plan {
            want(of_agreement.entering(plan), what, id, id, "another renewal in the table leads to its renewed plan");
        }
    }
    let all: Vec<Key> = wanted.keys().cloned().collect();
    let mut complaints = Vec::new();
    for (key, item) in store.table().batch_get(&all).await? {
        let Some(wanted) = wanted.get(&key) else { continue };
        if rows::target::<String>(&item).as_ref() != Some(&wanted.target) {
            complaints.push((wanted.id.clone(), wanted.what, wanted.reason));
        }
    }
    complaints.sort();
    for (id, what, reason) in complaints {
        survey.complain(&id, what, reason);
    }
    Ok(())
}

async fn products(store: &Store, survey: &mut Survey, existing: &mut Existing) -> Result<(), ImportError> {
    if let Some(item) = store.table().get(&keys::catalog()).await? {
        existing.products = rows::from_item(item)?;
    }
    let mut complaints = Vec::new();
    for product in &existing.products.products {
        if survey.products.get(&product.id.0).is_some_and(|wanted| wanted != product) {
            complaints.push((product.id.to_string(), "product"));
        }
    }
    for kind in &existing.products.plan_types {
        if survey.plan_types.get(&kind.id).is_some_and(|wanted| wanted != kind) {
            complaints.push((kind.id.to_string(), "plan type"));
        }
    }
    for (id, what) in complaints {
        survey.complain(&id, what, "the table has it otherwise");
    }
    Ok(())
}

/// Licenses of plans that are there.
async fn licenses(
    store: &Store,
    dump: &Dump,
    survey: &mut Survey,
    existing: &Existing,
    progress: Progress<'_>,
) -> Result<(), ImportError> {
    let mut heaps = dump.rows();
    while let Some(heap) = heaps.recv().await {
        let mut wanted: HashMap<Key, (Placed, BadRow)> = HashMap::new();
        for row in heap? {
            if row.number.is_multiple_of(STEP) {
                progress(&format!("{}: {} rows compared", dump.name(), row.number));
            }
            let license = match row.model.as_str() {
                "subscriptions.license" => fields::license(&row).ok(),
                _ => None,
            };
            let Some(license) = license.filter(|license| existing.plans.contains(&license.subscription_plan)) else {
                continue;
            };
            let placed = place(survey, license)?;
            let complaint = dump.bad(&row, "the table has it otherwise, or not at all");
            wanted.insert(placed.key()?, (placed, complaint));
        }
        let keys: Vec<Key> = wanted.keys().cloned().collect();
        let mut found = store.table().batch_get(&keys).await?;
        let mut complaints: Vec<BadRow> = wanted
            .into_iter()
            .filter(|(key, (placed, _))| !is_same(found.remove(key), &placed.license))
            .map(|(_, (_, complaint))| complaint)
            .collect();
        complaints.sort_by_key(|complaint| complaint.row);
        survey.bad.extend(complaints);
    }
    Ok(())
}

fn is_same(found: Option<Item>, wanted: &License) -> bool {
    let found: Option<License> = found.and_then(|item| rows::from_item(item).ok());
    // A free seat's own moment of change is of no account.
    found.is_some_and(|found| match wanted.status {
        LicenseStatus::Unassigned => found.uuid == wanted.uuid && found.status == wanted.status,
        _ => found == *wanted,
    })
}
