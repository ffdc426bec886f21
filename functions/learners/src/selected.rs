//! The filter and the order of a request for a learner's licenses.

use std::cmp::Reverse;

use license_api::{ApiError, Field, Params, doc::flag as parameter, selection};
use license_domain::{License, LicenseStatus, Portfolio, SubscriptionPlan, Timestamp};
use license_storage::{LicenseFilter, OrderBy};

/// Whether inactive plans are left out.
pub const ACTIVE_PLANS_ONLY: Field = parameter("active_plans_only", true, "Whether inactive plans are left out.");
/// Whether plans that are not current are left out.
pub const CURRENT_PLANS_ONLY: Field =
    parameter("current_plans_only", true, "Whether plans that are not current are left out.");
/// Whether revoked licenses are included.
pub const INCLUDE_REVOKED: Field = parameter("include_revoked", false, "Whether revoked licenses are included.");

/// The filter in the parameters. A flag is true if its value is `true`, in any case, and false for any other value; if
/// it is missing, the default applies.
#[derive(Debug)]
pub struct LearnerLicenseFilter {
    active_plans_only: bool,
    current_plans_only: bool,
    include_revoked: bool,
    filter: LicenseFilter,
    order: Vec<OrderBy>,
}

impl LearnerLicenseFilter {
    pub fn parse(params: &Params) -> Result<Self, ApiError> {
        // Unlike in other routes, `1` is not true here.
        let flag = |parameter: &Field| match params.get(parameter) {
            Some(text) => text.eq_ignore_ascii_case("true"),
            None => params.flag(parameter),
        };
        Ok(Self {
            active_plans_only: flag(&ACTIVE_PLANS_ONLY),
            current_plans_only: flag(&CURRENT_PLANS_ONLY),
            include_revoked: flag(&INCLUDE_REVOKED),
            filter: selection::filter(params)?,
            order: selection::order(params),
        })
    }

    /// The licenses of `held` that match, of this customer's plans, in order: by status, the plan that ends last first,
    /// by id.
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
