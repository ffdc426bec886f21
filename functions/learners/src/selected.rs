//! Which of the learner's licenses a request means, and in which order.

use std::cmp::Reverse;

use license_api::{ApiError, Params, selection};
use license_domain::{License, LicenseStatus, Portfolio, SubscriptionPlan, Timestamp};
use license_storage::{LicenseFilter, OrderBy};

/// What the parameters ask for. A flag is on where it says `true`, in any case, and off where it says anything
/// else; the defaults count where it is absent.
#[derive(Debug)]
pub struct LearnerLicenseFilter {
    active_plans_only: bool,
    current_plans_only: bool,
    include_revoked: bool,
    filter: LicenseFilter,
    order: Vec<OrderBy>,
}

impl LearnerLicenseFilter {
    /// Reads the parameters.
    pub fn parse(params: &Params) -> Result<Self, ApiError> {
        let flag = |name, default| params.get(name).map_or(default, |text| text.eq_ignore_ascii_case("true"));
        Ok(Self {
            active_plans_only: flag("active_plans_only", true),
            current_plans_only: flag("current_plans_only", true),
            include_revoked: flag("include_revoked", false),
            filter: selection::filter(params)?,
            order: selection::order(params),
        })
    }

    /// Those of `held` that are meant, of the plans of this customer, in order: by status, the plan that ends
    /// last first, by id.
    pub fn of(&self, held: Vec<License>, portfolio: &Portfolio, now: Timestamp) -> Vec<License> {
        let mut found: Vec<(&SubscriptionPlan, License)> = held
            .into_iter()
            .filter_map(|license| Some((portfolio.plan(license.subscription_plan)?, license)))
            .filter(|(plan, license)| self.admits(plan, license, now))
            .collect();
        found.sort_by(|(plan, license), (other_plan, other)| {
            let own = (license.status, Reverse(plan.expiration_date));
            let by_default = own.cmp(&(other.status, Reverse(other_plan.expiration_date)));
            let by_request =
                if self.order.is_empty() { by_default } else { selection::compare(&self.order, license, other) };
            by_request.then(license.uuid.cmp(&other.uuid))
        });
        found.into_iter().map(|(_, license)| license).collect()
    }

    fn admits(&self, plan: &SubscriptionPlan, license: &License, now: Timestamp) -> bool {
        (plan.is_active || !self.active_plans_only)
            && (plan.is_current(now) || !self.current_plans_only)
            && (license.status != LicenseStatus::Revoked || self.include_revoked)
            && self.filter.matches(license)
    }
}
