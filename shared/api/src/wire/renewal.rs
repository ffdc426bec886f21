//! Renewals.

use license_domain::{
    EnterpriseId, PlanId, Portfolio, RenewalId, SubscriptionPlanRenewal, Timestamp, renewal::LicenseTypesToCopy,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::time;

/// A renewal.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Renewal {
    id: RenewalId,
    #[serde(serialize_with = "time::serialize")]
    created: Timestamp,
    #[serde(serialize_with = "time::serialize")]
    modified: Timestamp,
    prior_subscription_plan: PlanId,
    prior_subscription_plan_title: Option<String>,
    renewed_subscription_plan: Option<PlanId>,
    renewed_subscription_plan_title: Option<String>,
    salesforce_opportunity_id: Option<String>,
    number_of_licenses: u64,
    #[serde(serialize_with = "time::serialize")]
    effective_date: Timestamp,
    #[serde(serialize_with = "time::serialize")]
    renewed_expiration_date: Timestamp,
    processed: bool,
    #[serde(serialize_with = "time::serialize_option")]
    processed_datetime: Option<Timestamp>,
    renewed_plan_title: Option<String>,
    license_types_to_copy: LicenseTypesToCopy,
    disable_auto_apply_licenses: bool,
    exempt_from_batch_processing: bool,
    enterprise_customer_uuid: EnterpriseId,
}

impl Renewal {
    pub fn new(portfolio: &Portfolio, renewal: &SubscriptionPlanRenewal) -> Self {
        let title = |plan: PlanId| portfolio.plan(plan).map(|plan| plan.title.clone());
        Self {
            id: renewal.id,
            created: renewal.created,
            modified: renewal.modified,
            prior_subscription_plan: renewal.prior_subscription_plan,
            prior_subscription_plan_title: title(renewal.prior_subscription_plan),
            renewed_subscription_plan: renewal.renewed_subscription_plan,
            renewed_subscription_plan_title: renewal.renewed_subscription_plan.and_then(title),
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
            enterprise_customer_uuid: portfolio.agreement.enterprise_customer_uuid,
        }
    }
}
