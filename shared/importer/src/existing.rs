//! Compares the files with what is stored already: equal rows are kept, others are conflicts.

use std::collections::BTreeSet;

use license_domain::{AgreementId, License, LicenseStatus, PlanId, ProductCatalog, RenewalId};
use license_storage::{Claim, ImportedLicense};

use crate::{
    Importer, Progress,
    dump::Dump,
    fields,
    report::{BadRow, ImportError},
    survey::{STEP, Survey},
};

/// What is stored already and equal to the files.
#[derive(Debug, Default)]
pub struct Existing {
    pub agreements: BTreeSet<AgreementId>,
    pub plans: BTreeSet<PlanId>,
    pub renewals: BTreeSet<RenewalId>,
    /// The stored products and plan types; the default if there are none.
    pub products: ProductCatalog,
}

/// Compares all rows.
pub async fn compare(
    importer: &Importer,
    dumps: &[Dump],
    survey: &mut Survey,
    progress: Progress<'_>,
) -> Result<Existing, ImportError> {
    let mut existing = Existing::default();
    portfolios(importer, survey, &mut existing).await?;
    names(importer, survey, &existing).await?;
    products(importer, survey, &mut existing).await?;
    // Licenses of other plans cannot be found, even if an interrupted import has written some.
    if !existing.plans.is_empty() {
        for dump in dumps {
            licenses(importer, dump, survey, &existing, progress).await?;
        }
    }
    Ok(existing)
}

async fn portfolios(importer: &Importer, survey: &mut Survey, existing: &mut Existing) -> Result<(), ImportError> {
    let ids: Vec<AgreementId> = survey.agreements.keys().copied().collect();
    for portfolio in importer.portfolios.portfolios(&ids).await? {
        let id = portfolio.agreement.uuid;
        if survey.agreements.get(&id) == Some(&portfolio.agreement) {
            existing.agreements.insert(id);
        } else {
            survey.complain(&id.to_string(), "agreement", "the table has it otherwise");
        }
        for plan in portfolio.plans {
            let Some(mut wanted) = survey.plans.get(&plan.uuid).cloned() else { continue };
            wanted.seats = plan.seats;
            // No file has it.
            wanted.auto_apply_since = plan.auto_apply_since;
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

/// Names that only one thing may have: what is claimed, by which row, and the message if it is refused.
type Claims = Vec<(Claim, (String, &'static str, &'static str))>;

async fn names(importer: &Importer, survey: &mut Survey, existing: &Existing) -> Result<(), ImportError> {
    let claims = claims(survey, existing);
    let names: Vec<Claim> = claims.iter().map(|(claim, _)| claim.clone()).collect();
    let refused = importer.bulk.refused(&names).await?;
    let refused = claims.into_iter().filter(|(claim, _)| refused.contains(claim));
    let mut complaints: Vec<(String, &str, &str)> = refused.map(|(_, complaint)| complaint).collect();
    complaints.sort();
    for (id, what, reason) in complaints {
        survey.complain(&id, what, reason);
    }
    Ok(())
}

/// All claims of rows that are not stored yet; stored ones were compared.
fn claims(survey: &Survey, existing: &Existing) -> Claims {
    let mut claims = Claims::new();
    let mut claim = |claim, id: &dyn ToString, what, reason| claims.push((claim, (id.to_string(), what, reason)));
    for agreement in survey.agreements.values().filter(|agreement| !existing.agreements.contains(&agreement.uuid)) {
        let (id, what) = (agreement.uuid, "agreement");
        let customer = Claim::Customer(agreement.enterprise_customer_uuid, id);
        claim(customer, &id, what, "its customer has another agreement in the table");
        if let Some(slug) = &agreement.enterprise_customer_slug {
            claim(Claim::Slug(slug.clone(), id), &id, what, "its slug is another customer's in the table");
        }
    }
    for plan in survey.plans.values().filter(|plan| !existing.plans.contains(&plan.uuid)) {
        let (id, what, agreement) = (plan.uuid, "plan", plan.customer_agreement);
        claim(Claim::Plan(id, agreement), &id, what, "the table has a plan of that id in another agreement");
        let title = Claim::Title(agreement, plan.title.clone(), id);
        claim(title, &id, what, "its agreement has another plan of that title in the table");
        claim(Claim::Seats(plan.seats.prefix, id), &id, what, "its seats' prefix is another plan's in the table");
    }
    for renewal in survey.renewals.values().filter(|renewal| !existing.renewals.contains(&renewal.id)) {
        let (id, what, agreement) = (renewal.id, "renewal", renewal.customer_agreement);
        claim(Claim::Renewal(id, agreement), &id.0, what, "the table has another renewal of that number");
        let prior = Claim::PriorPlan(agreement, renewal.prior_subscription_plan, id);
        claim(prior, &id.0, what, "its prior plan has another renewal in the table");
        if let Some(plan) = renewal.renewed_subscription_plan {
            let future = Claim::FuturePlan(agreement, plan, id);
            claim(future, &id.0, what, "another renewal in the table leads to its renewed plan");
        }
    }
    claims
}

async fn products(importer: &Importer, survey: &mut Survey, existing: &mut Existing) -> Result<(), ImportError> {
    if let Some(products) = importer.bulk.stored_products().await? {
        existing.products = products;
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

/// Licenses of plans that are stored.
async fn licenses(
    importer: &Importer,
    dump: &Dump,
    survey: &mut Survey,
    existing: &Existing,
    progress: Progress<'_>,
) -> Result<(), ImportError> {
    let mut blocks = dump.rows();
    while let Some(block) = blocks.recv().await {
        let mut wanted: Vec<(ImportedLicense, BadRow)> = Vec::new();
        for row in block? {
            if row.number.is_multiple_of(STEP) {
                progress(&format!("{}: {} rows compared", dump.name(), row.number));
            }
            let license = match row.model.as_str() {
                fields::model::LICENSE => fields::license(&row).ok(),
                _ => None,
            };
            // The first pass has reported rows that cannot be read.
            let Some(license) = license.filter(|license| existing.plans.contains(&license.subscription_plan)) else {
                continue;
            };
            let complaint = dump.bad(&row, "the table has it otherwise, or not at all");
            wanted.extend(survey.placed(license).map(|license| (license, complaint)));
        }
        let licenses: Vec<ImportedLicense> = wanted.iter().map(|(license, _)| license.clone()).collect();
        let stored = importer.bulk.stored(&licenses).await?;
        let is_same = |wanted: &License| stored.get(&wanted.uuid).is_some_and(|stored| is_same(stored, wanted));
        let complaints = wanted.into_iter().filter(|(license, _)| !is_same(&license.placed.license));
        survey.bad.extend(complaints.map(|(_, complaint)| complaint));
    }
    Ok(())
}

/// A free seat's modification time is not compared, because any use of the plan moves seats.
fn is_same(stored: &License, wanted: &License) -> bool {
    match wanted.status {
        LicenseStatus::Unassigned => stored.uuid == wanted.uuid && stored.status == wanted.status,
        _ => stored == wanted,
    }
}
