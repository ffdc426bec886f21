//! The licenses of an address with their agreements, in the order of both routes' responses: by status, the plan that
//! ends last first, by id.

use std::{cmp::Reverse, collections::BTreeSet};

use license_domain::{EmailKey, License, PlanId, Portfolio, SubscriptionPlan};
use license_storage::StoreError;

use crate::Context;

/// Licenses, and the agreements of their plans.
#[derive(Debug, Default)]
pub struct Found {
    licenses: Vec<License>,
    portfolios: Vec<Portfolio>,
}

impl Found {
    /// All licenses of that address, of any status.
    pub async fn by_email(context: &Context, email: &EmailKey) -> Result<Self, StoreError> {
        let licenses = context.learners.licenses_of(email).await?;
        let mut wanted: BTreeSet<PlanId> = licenses.iter().map(|license| license.subscription_plan).collect();
        let mut portfolios: Vec<Portfolio> = Vec::new();
        // Most learners have one customer: its agreement contains all of their plans.
        while let Some(plan) = wanted.pop_first() {
            let Some(portfolio) = context.portfolios.portfolio_of_plan(plan).await? else { continue };
            wanted.retain(|plan| portfolio.plan(*plan).is_none());
            portfolios.push(portfolio);
        }
        Ok(Self { licenses, portfolios })
    }

    /// Each license with its agreement and plan, in order.
    pub fn rows(&self) -> Vec<(&License, &Portfolio, &SubscriptionPlan)> {
        let row = |license| {
            let find = |portfolio: &'_ Portfolio| portfolio.plan(plan_of(license)).is_some();
            let portfolio = self.portfolios.iter().find(|portfolio| find(portfolio))?;
            Some((license, portfolio, portfolio.plan(plan_of(license))?))
        };
        let mut rows: Vec<_> = self.licenses.iter().filter_map(row).collect();
        rows.sort_by_key(|(license, _, plan)| (license.status, Reverse(plan.expiration_date), license.uuid));
        rows
    }
}

const fn plan_of(license: &License) -> PlanId {
    license.subscription_plan
}
