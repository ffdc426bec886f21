//! Learners of the prior plan for whom the future plan had no free seat.

use license_domain::{EmailAddress, LicenseStatus, Portfolio, SubscriptionPlanRenewal};
use license_storage::{LeftOut, LeftOutPage, StoreError};

use crate::{Store, keys};

/// How many licenses a page has, so that memory does not grow with the plan.
const PAGE: usize = 1_000;

/// Those who study come first.
const ORDER: [LicenseStatus; 2] = [LicenseStatus::Activated, LicenseStatus::Assigned];

impl Store {
    /// Reads a page of the prior plan's list, and leaves out the licenses that have a copy.
    pub(super) async fn learners_left_out(
        &self,
        portfolio: &Portfolio,
        renewal: &SubscriptionPlanRenewal,
        from: Option<LeftOutPage>,
    ) -> Result<LeftOut, StoreError> {
        let types = renewal.license_types_to_copy.statuses();
        let statuses: Vec<LicenseStatus> = ORDER.into_iter().filter(|status| types.contains(status)).collect();
        let begin = |status: Option<&LicenseStatus>| status.map(|status| LeftOutPage { status: *status, after: None });
        let (Some(prior), Some(LeftOutPage { status, after })) =
            (portfolio.plan(renewal.prior_subscription_plan), from.or_else(|| begin(statuses.first())))
        else {
            return Ok(LeftOut { learners: Vec::new(), next: None });
        };
        let page = self.listed_range(prior, (status, status), after.as_deref(), false, PAGE).await?;
        let without = page.iter().filter(|license| license.renewed_to.is_none());
        let learners = without.filter_map(|license| license.user_email.as_ref().map(EmailAddress::key)).collect();
        let next = match page.last().filter(|_| page.len() == PAGE) {
            Some(last) => Some(LeftOutPage { status, after: Some(keys::list_key(last)) }),
            None => begin(statuses.iter().skip_while(|one| **one != status).nth(1)),
        };
        Ok(LeftOut { learners, next })
    }
}
