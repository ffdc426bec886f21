//! Expiring a plan: the enrollments that its licenses pay for end, each license that no later plan continues gets an event,
//! and last the plan is marked.

use chrono::TimeDelta;
use license_domain::{
    EmailAddress, EmailKey, Job, License, LicenseId, Portfolio, ProspectState, RowOutcome, SubscriptionPlan, plan_work,
};
use license_storage::Change;

use super::{Acted, AllKinds, ChunkRows};
use crate::WorkError;

/// A plan that ended longer ago than this leaves enrollments alone that were changed after its end.
const LATE: TimeDelta = TimeDelta::days(1);

impl AllKinds {
    /// Ends the enrollments of a chunk's licenses, in one call, then writes the event. It may be done twice: an ended
    /// enrollment stays ended, and the event commits with the outcome.
    pub(super) async fn expire(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let say = |outcome, detail: Option<&str>| {
            let rows = chunk.rows.iter().map(|row| {
                let result = row.result(outcome, row.license);
                license_domain::RowResult { detail: detail.map(str::to_owned), ..result }
            });
            rows.collect::<Vec<_>>()
        };
        let Some(plan) = self.expiring(chunk.run, chunk.portfolio) else {
            return Ok(Acted::ToRecord(say(RowOutcome::Refused, Some("The plan does not expire any more."))));
        };
        let results = say(RowOutcome::Expired, None);
        let wanted: Vec<(Option<EmailKey>, LicenseId)> = chunk
            .rows
            .iter()
            .filter_map(|row| Some((row.user_email.as_ref().map(EmailAddress::key), row.license?)))
            .collect();
        let licenses = self.expire.find_licenses(plan.uuid, &wanted).await?;
        // Of a plan that was renewed personal data may be purged long before the last plan of its chain expires.
        let is_purged = |license: &License| license.user_email.is_none() && license.renewed_to.is_some();
        let is_paying = |license: &&License| license.status.is_live() || is_purged(license);
        let paying: Vec<LicenseId> = licenses.iter().filter(is_paying).map(|license| license.uuid).collect();
        if !paying.is_empty() {
            let is_late = self.clock.now() > plan.expiration_date + LATE;
            let changed_after = is_late.then_some(plan.expiration_date);
            self.services.enterprises.expire_enrollments(&paying, changed_after).await?;
        }
        let has_event = |license: &License| license.renewed_to.is_none() && license.user_email.is_some();
        let expired: Vec<License> = licenses.into_iter().filter(has_event).collect();
        if expired.is_empty() {
            return Ok(Acted::ToRecord(results));
        }
        self.expire.record_expired(chunk.portfolio, plan, &expired, &change.recording(&results)).await?;
        Ok(Acted::Recorded(results))
    }

    /// Marks the plan, now that all of its licenses are dealt with. The plans that were renewed into it are looked at.
    pub(super) async fn mark_expired(&self, run: &Job, portfolio: &Portfolio, change: Change) -> Result<(), WorkError> {
        let Some(plan) = self.expiring(run, portfolio) else { return Ok(()) };
        let after = SubscriptionPlan { expiration_processed: true, modified: change.at, ..plan.clone() };
        self.update.update_plan(portfolio, plan, &after, &change).await?;
        for prior in plan_work::prior_plans(portfolio, plan.uuid) {
            self.plan_works.look_at_plan(plan.customer_agreement, prior, change.at).await?;
        }
        tracing::info!(run = %run.uuid, plan = %plan.uuid, "plan {} has expired", plan.uuid);
        Ok(())
    }

    /// The plan, if it is to expire: its end may have been moved since the run was begun.
    fn expiring<'a>(&self, run: &Job, portfolio: &'a Portfolio) -> Option<&'a SubscriptionPlan> {
        let plan = portfolio.plan(run.subscription_plan?)?;
        let is_due = plan_work::expiry(portfolio, plan, self.clock.now()).state == ProspectState::Due;
        is_due.then_some(plan)
    }
}
