//! Plans.

use license_domain::{
    CatalogId, EnterpriseId, PlanId, Portfolio, ProductCatalog, ProductId, RevocationCap, SeatCounts, SubscriptionPlan,
    SubscriptionPlanRenewal, Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::time;

/// A plan's terms.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's fields")]
struct Terms {
    title: String,
    uuid: PlanId,
    #[serde(serialize_with = "time::serialize")]
    start_date: Timestamp,
    #[serde(serialize_with = "time::serialize")]
    expiration_date: Timestamp,
    enterprise_customer_uuid: EnterpriseId,
    enterprise_catalog_uuid: Option<CatalogId>,
    is_active: bool,
    is_current: bool,
    is_revocation_cap_enabled: bool,
    days_until_expiration: i64,
    days_until_expiration_including_renewals: i64,
    is_locked_for_renewal_processing: bool,
    should_auto_apply_licenses: Option<bool>,
    #[serde(serialize_with = "time::serialize")]
    created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_type: Option<String>,
    salesforce_opportunity_line_item: Option<String>,
}

impl Terms {
    fn new(portfolio: &Portfolio, plan: &SubscriptionPlan, products: &ProductCatalog, now: Timestamp) -> Self {
        let plan_type = plan.product.and_then(|product| products.plan_type(product));
        Self {
            title: plan.title.clone(),
            uuid: plan.uuid,
            start_date: plan.start_date,
            expiration_date: plan.expiration_date,
            enterprise_customer_uuid: portfolio.agreement.enterprise_customer_uuid,
            enterprise_catalog_uuid: portfolio.catalog_of(plan),
            is_active: plan.is_active,
            is_current: plan.is_current(now),
            is_revocation_cap_enabled: plan.is_revocation_cap_enabled,
            days_until_expiration: plan.days_until_expiration(now),
            days_until_expiration_including_renewals: portfolio.days_until_expiration_including_renewals(plan, now),
            is_locked_for_renewal_processing: portfolio.is_locked_for_renewal_processing(plan.uuid, now),
            should_auto_apply_licenses: plan.should_auto_apply_licenses,
            created: plan.created,
            plan_type: plan_type.map(|plan_type| plan_type.label.clone()),
            salesforce_opportunity_line_item: plan.salesforce_opportunity_line_item.clone(),
        }
    }
}

/// A plan as it is shown beside a license.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MinimalPlan {
    #[serde(flatten)]
    terms: Terms,
    product: Option<ProductId>,
}

impl MinimalPlan {
    pub fn new(portfolio: &Portfolio, plan: &SubscriptionPlan, products: &ProductCatalog, now: Timestamp) -> Self {
        Self { terms: Terms::new(portfolio, plan, products, now), product: plan.product }
    }
}

/// A plan with its counts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Plan {
    #[serde(flatten)]
    terms: Terms,
    licenses: Licenses,
    revocations: Option<Revocations>,
    prior_renewals: Vec<PriorRenewal>,
    product: Option<ProductId>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SeatCounts")]
struct Licenses {
    activated: u64,
    assigned: u64,
    unassigned: u64,
    revoked: u64,
    total: u64,
    allocated: u64,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "RevocationCap")]
struct Revocations {
    applied: u64,
    remaining: i64,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct PriorRenewal {
    prior_subscription_plan_id: PlanId,
    prior_subscription_plan_start_date: Option<String>,
    renewed_subscription_plan_id: PlanId,
    renewed_subscription_plan_start_date: String,
}

impl PriorRenewal {
    fn new(portfolio: &Portfolio, renewal: &SubscriptionPlanRenewal, plan: &SubscriptionPlan) -> Self {
        let prior = portfolio.plan(renewal.prior_subscription_plan);
        Self {
            prior_subscription_plan_id: renewal.prior_subscription_plan,
            prior_subscription_plan_start_date: prior.map(|prior| time::with_space(prior.start_date)),
            renewed_subscription_plan_id: plan.uuid,
            renewed_subscription_plan_start_date: time::with_space(plan.start_date),
        }
    }
}

impl Plan {
    pub fn new(
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        counts: SeatCounts,
        products: &ProductCatalog,
        now: Timestamp,
    ) -> Self {
        let revocations = plan.is_revocation_cap_enabled.then(|| {
            let cap = RevocationCap::new(counts.total, plan.revoke_max_percentage, plan.num_revocations_applied);
            Revocations { applied: cap.applied, remaining: cap.remaining() }
        });
        Self {
            terms: Terms::new(portfolio, plan, products, now),
            licenses: Licenses {
                activated: counts.activated,
                assigned: counts.assigned,
                unassigned: counts.unassigned(),
                revoked: counts.revoked,
                total: counts.total,
                allocated: counts.allocated(),
            },
            revocations,
            prior_renewals: portfolio
                .prior_renewals_of(plan.uuid)
                .map(|renewal| PriorRenewal::new(portfolio, renewal, plan))
                .collect(),
            product: plan.product,
        }
    }
}
