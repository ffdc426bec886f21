use std::collections::HashMap;

use license_domain::{AgreementId, CatalogId, EnterpriseId, PlanId, Portfolio, ProductCatalog, SeatCounts, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::Plan;

/// An agreement as it is shown beside a license.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MinimalAgreement {
    uuid: AgreementId,
    enterprise_customer_uuid: EnterpriseId,
    enterprise_customer_slug: Option<String>,
    default_enterprise_catalog_uuid: Option<CatalogId>,
    disable_expiration_notifications: bool,
    net_days_until_expiration: i64,
    subscription_for_auto_applied_licenses: Option<PlanId>,
    available_subscription_catalogs: Vec<CatalogId>,
    enable_auto_applied_subscriptions_with_universal_link: bool,
    has_custom_license_expiration_messaging_v2: Option<bool>,
    modal_header_text_v2: Option<String>,
    expired_subscription_modal_messaging_v2: Option<String>,
    button_label_in_modal_v2: Option<String>,
    url_for_button_in_modal_v2: Option<String>,
}

impl MinimalAgreement {
    pub fn new(portfolio: &Portfolio, now: Timestamp) -> Self {
        let agreement = &portfolio.agreement;
        let messaging = agreement.messaging_v2.as_ref();
        Self {
            uuid: agreement.uuid,
            enterprise_customer_uuid: agreement.enterprise_customer_uuid,
            enterprise_customer_slug: agreement.enterprise_customer_slug.clone(),
            default_enterprise_catalog_uuid: agreement.default_enterprise_catalog_uuid,
            disable_expiration_notifications: agreement.disable_expiration_notifications,
            net_days_until_expiration: portfolio.net_days_until_expiration(now),
            subscription_for_auto_applied_licenses: portfolio.plan_for_auto_applied_licenses(now).map(|plan| plan.uuid),
            available_subscription_catalogs: portfolio.available_subscription_catalogs(now),
            enable_auto_applied_subscriptions_with_universal_link: agreement
                .enable_auto_applied_subscriptions_with_universal_link,
            has_custom_license_expiration_messaging_v2: messaging
                .map(|messaging| messaging.has_custom_license_expiration_messaging),
            modal_header_text_v2: messaging.and_then(|messaging| messaging.modal_header_text.clone()),
            expired_subscription_modal_messaging_v2: messaging
                .and_then(|messaging| messaging.expired_subscription_modal_messaging.clone()),
            button_label_in_modal_v2: messaging.and_then(|messaging| messaging.button_label_in_modal.clone()),
            url_for_button_in_modal_v2: messaging.and_then(|messaging| messaging.url_for_button_in_modal.clone()),
        }
    }
}

/// An agreement with its plans.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Agreement {
    #[serde(flatten)]
    agreement: MinimalAgreement,
    subscriptions: Vec<Plan>,
}

/// An agreement as those who provision plans see it: with the terms that no other client needs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProvisionedAgreement {
    #[serde(flatten)]
    agreement: Agreement,
    enable_weekly_utilization_mails: bool,
    enable_auto_scaling_of_current_plan: bool,
    auto_scaling_max_licenses: Option<u64>,
    auto_scaling_threshold_percentage: Option<u32>,
    auto_scaling_increment_percentage: Option<u32>,
}

impl ProvisionedAgreement {
    pub fn new(
        portfolio: &Portfolio,
        counts: &HashMap<PlanId, SeatCounts>,
        products: &ProductCatalog,
        now: Timestamp,
    ) -> Self {
        let terms = &portfolio.agreement;
        Self {
            agreement: Agreement::new(portfolio, counts, products, false, now),
            enable_weekly_utilization_mails: terms.enable_weekly_utilization_mails,
            enable_auto_scaling_of_current_plan: terms.enable_auto_scaling_of_current_plan,
            auto_scaling_max_licenses: terms.auto_scaling_max_licenses,
            auto_scaling_threshold_percentage: terms.auto_scaling_threshold_percentage,
            auto_scaling_increment_percentage: terms.auto_scaling_increment_percentage,
        }
    }
}

impl Agreement {
    pub fn new(
        portfolio: &Portfolio,
        counts: &HashMap<PlanId, SeatCounts>,
        products: &ProductCatalog,
        active_only: bool,
        now: Timestamp,
    ) -> Self {
        let plans = portfolio.plans.iter().filter(|plan| plan.is_active || !active_only);
        let counts_of = |plan: PlanId| counts.get(&plan).copied().unwrap_or_default();
        Self {
            agreement: MinimalAgreement::new(portfolio, now),
            subscriptions: plans.map(|plan| Plan::new(portfolio, plan, counts_of(plan.uuid), products, now)).collect(),
        }
    }
}
