//! Licenses.

use license_domain::{ActivationKey, LicenseId, LicenseStatus, PlanId, Portfolio, ProductCatalog, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::{MinimalAgreement, MinimalPlan, time};

/// A license.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct License {
    uuid: LicenseId,
    status: LicenseStatus,
    user_email: Option<String>,
    #[serde(serialize_with = "time::serialize_option")]
    activation_date: Option<Timestamp>,
    #[serde(serialize_with = "time::serialize_option")]
    last_remind_date: Option<Timestamp>,
    subscription_plan_uuid: PlanId,
    #[serde(serialize_with = "time::serialize_option")]
    revoked_date: Option<Timestamp>,
    activation_key: Option<ActivationKey>,
}

impl License {
    pub fn new(license: &license_domain::License) -> Self {
        Self {
            uuid: license.uuid,
            status: license.status,
            user_email: license.user_email.as_ref().map(|email| email.as_given().to_owned()),
            activation_date: license.activation_date,
            last_remind_date: license.last_remind_date,
            subscription_plan_uuid: license.subscription_plan,
            revoked_date: license.revoked_date,
            activation_key: license.activation_key,
        }
    }
}

/// The URL where the learner activates the license; none if the customer has no slug or the license no key.
pub fn activation_link(portal: &str, portfolio: &Portfolio, license: &license_domain::License) -> Option<String> {
    portfolio.agreement.activation_link(portal, license.activation_key?)
}

/// A license with its plan and agreement, as its learner sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LearnerLicense {
    #[serde(flatten)]
    license: License,
    customer_agreement: MinimalAgreement,
    subscription_plan: Option<MinimalPlan>,
}

impl LearnerLicense {
    pub fn new(
        license: &license_domain::License,
        portfolio: &Portfolio,
        products: &ProductCatalog,
        now: Timestamp,
    ) -> Self {
        let plan = portfolio.plan(license.subscription_plan);
        Self {
            license: License::new(license),
            customer_agreement: MinimalAgreement::new(portfolio, now),
            subscription_plan: plan.map(|plan| MinimalPlan::new(portfolio, plan, products, now)),
        }
    }
}
