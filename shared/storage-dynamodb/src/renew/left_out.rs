//! Learners of the prior plan for whom the future plan had no free seat.

use license_domain::{EmailAddress, EmailKey, LicenseStatus, Portfolio, SubscriptionPlanRenewal};
use license_storage::StoreError;

use crate::{Store, keys};

/// How many licenses are read at a time, so that memory does not grow with the plan.
const PAGE: usize = 1_000;

impl Store {
    /// Reads the prior plan's list page by page, activated licenses first, and leaves out those that have a copy.
    pub(super) async fn learners_left_out(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        limit: usize,
    ) -> Result<Vec<EmailKey>, StoreError> {
        let mut found: Vec<EmailKey> = Vec::new();
        let Some(prior) = portfolio.plan(renewal.prior_subscription_plan) else { return Ok(found) };
        let types = renewal.license_types_to_copy.statuses();
        for status in [LicenseStatus::Activated, LicenseStatus::Assigned].into_iter().filter(|one| types.contains(one))
        {
            let mut after: Option<String> = None;
            while found.len() < limit {
                let page = self.listed_range(prior, (status, status), after.as_deref(), false, PAGE).await?;
                let without = page.iter().filter(|license| license.renewed_to.is_none());
                found.extend(without.filter_map(|license| license.user_email.as_ref().map(EmailAddress::key)));
                let Some(last) = page.last().filter(|_| page.len() == PAGE) else { break };
                after = Some(keys::list_key(last));
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}
