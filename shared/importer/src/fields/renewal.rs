use license_domain::{
    AgreementId, PlanId, RenewalId, SubscriptionPlanRenewal, Timestamp, clock::to_micros, renewal::LicenseTypesToCopy,
};
use serde::{Deserialize, Serialize};

use super::{Reading, WrittenRow, fields, key, model, text};
use crate::dump::Row;

#[derive(Deserialize, Serialize)]
struct RenewalFields {
    prior_subscription_plan: PlanId,
    renewed_subscription_plan: Option<PlanId>,
    salesforce_opportunity_id: Option<String>,
    number_of_licenses: u64,
    effective_date: Timestamp,
    renewed_expiration_date: Timestamp,
    #[serde(default)]
    processed: bool,
    processed_datetime: Option<Timestamp>,
    renewed_plan_title: Option<String>,
    #[serde(default)]
    license_types_to_copy: LicenseTypesToCopy,
    #[serde(default)]
    disable_auto_apply_licenses: bool,
    #[serde(default)]
    exempt_from_batch_processing: bool,
    created: Timestamp,
    modified: Timestamp,
}

/// Reads a renewal; its agreement is that of its plans.
pub fn renewal(row: &Row, agreement_of: impl Fn(PlanId) -> Option<AgreementId>) -> Reading<SubscriptionPlanRenewal> {
    let fields: RenewalFields = fields(row)?;
    let missing = |plan: PlanId| format!("its plan {plan} is not in the files");
    let prior = fields.prior_subscription_plan;
    let customer_agreement = agreement_of(prior).ok_or_else(|| missing(prior))?;
    if let Some(plan) = fields.renewed_subscription_plan {
        agreement_of(plan).ok_or_else(|| missing(plan))?;
    }
    Ok(SubscriptionPlanRenewal {
        id: key::<RenewalId>(&row.pk)?,
        customer_agreement,
        prior_subscription_plan: prior,
        renewed_subscription_plan: fields.renewed_subscription_plan,
        salesforce_opportunity_id: text(fields.salesforce_opportunity_id),
        number_of_licenses: fields.number_of_licenses,
        effective_date: to_micros(fields.effective_date),
        renewed_expiration_date: to_micros(fields.renewed_expiration_date),
        processed: fields.processed,
        processed_datetime: fields.processed_datetime.map(to_micros),
        renewed_plan_title: text(fields.renewed_plan_title),
        license_types_to_copy: fields.license_types_to_copy,
        disable_auto_apply_licenses: fields.disable_auto_apply_licenses,
        exempt_from_batch_processing: fields.exempt_from_batch_processing,
        created: to_micros(fields.created),
        modified: to_micros(fields.modified),
    })
}

pub fn renewal_row(renewal: &SubscriptionPlanRenewal) -> WrittenRow<RenewalId, impl Serialize + use<>> {
    let fields = RenewalFields {
        prior_subscription_plan: renewal.prior_subscription_plan,
        renewed_subscription_plan: renewal.renewed_subscription_plan,
        salesforce_opportunity_id: renewal.salesforce_opportunity_id.clone(),
        number_of_licenses: renewal.number_of_licenses,
        effective_date: renewal.effective_date,
        renewed_expiration_date: renewal.renewed_expiration_date,
        processed: renewal.processed,
        processed_datetime: renewal.processed_datetime,
        renewed_plan_title: renewal.renewed_plan_title.clone(),
        license_types_to_copy: renewal.license_types_to_copy,
        disable_auto_apply_licenses: renewal.disable_auto_apply_licenses,
        exempt_from_batch_processing: renewal.exempt_from_batch_processing,
        created: renewal.created,
        modified: renewal.modified,
    };
    WrittenRow { model: model::RENEWAL, pk: renewal.id, fields }
}
