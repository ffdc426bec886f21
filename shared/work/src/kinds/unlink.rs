//! Unlinking the learners of a plan that ended long ago: they are learners of the customer no more.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{EmailAddress, EmailKey, License, LicenseId, PlanId, Portfolio, RowOutcome};
use license_storage::Change;

use super::{Acted, AllKinds, ChunkRows};
use crate::{PARALLEL, WorkError};

impl AllKinds {
    /// Unlinks the learners of a chunk's licenses, in one call, then puts it on record. A learner with another license of
    /// a current plan of the customer is left out, and examined again another day. It may be done twice, because an
    /// unlinked learner stays unlinked.
    pub(super) async fn unlink(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (portfolio, plan) = (chunk.portfolio, chunk.plan()?);
        let wanted = licenses_of(&chunk);
        let ids: Vec<LicenseId> = wanted.iter().map(|(_, license)| *license).collect();
        let done = self.unlink.unlinked(plan.uuid, &ids).await?;
        let named: Vec<_> = wanted.into_iter().map(|(email, license)| (Some(email), license)).collect();
        let mut licenses = self.expire.find_licenses(plan.uuid, &named).await?;
        licenses.retain(|license| {
            license.status.is_live() && license.renewed_to.is_none() && !done.contains(&license.uuid)
        });
        let current = current_plans(portfolio, change.at);
        let asked = licenses.into_iter().map(|license| self.unless_held(license, &current));
        let asked: Vec<_> = asked.collect();
        let found: Vec<Option<License>> = stream::iter(asked).buffered(PARALLEL).try_collect().await?;
        let leaving: Vec<License> = found.into_iter().flatten().collect();
        let left: HashSet<LicenseId> = leaving.iter().map(|license| license.uuid).collect();
        let results: Vec<_> = chunk
            .rows
            .iter()
            .map(|row| {
                let is_unlinked = row.license.is_some_and(|license| left.contains(&license));
                row.result(if is_unlinked { RowOutcome::Unlinked } else { RowOutcome::NotFound }, row.license)
            })
            .collect();
        if leaving.is_empty() {
            return Ok(Acted::ToRecord(results));
        }
        let emails: Vec<EmailAddress> = leaving.iter().filter_map(|license| license.user_email.clone()).collect();
        self.services.enterprises.unlink(chunk.run.enterprise_customer_uuid, &emails, true).await?;
        self.unlink.record_unlinked(portfolio, plan, &leaving, &change.recording(&results)).await?;
        Ok(Acted::Recorded(results))
    }

    /// The license, unless its learner holds another one in one of these plans, under this address or another one.
    async fn unless_held(&self, license: License, current: &HashSet<PlanId>) -> Result<Option<License>, WorkError> {
        let Some(email) = license.user_email.as_ref().map(EmailAddress::key) else { return Ok(None) };
        let mut addresses: HashSet<EmailKey> = HashSet::from([email]);
        if let Some(user) = license.lms_user_id {
            addresses.extend(self.learners.addresses_of(user).await?.iter().map(EmailAddress::key));
        }
        for address in addresses {
            let held = self.learners.licenses_of(&address).await?;
            if held.iter().any(|held| held.status.is_live() && current.contains(&held.subscription_plan)) {
                return Ok(None);
            }
        }
        Ok(Some(license))
    }

    /// Purges the personal data of a chunk's licenses.
    pub(super) async fn purge(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let plan = chunk.plan()?;
        let wanted = licenses_of(&chunk);
        // What is on record of the chunk names no one either.
        let purged = |row: &license_domain::Row| license_domain::RowResult {
            user_email: None,
            ..row.result(RowOutcome::Purged, row.license)
        };
        let results: Vec<_> = chunk.rows.iter().map(purged).collect();
        self.purge.purge(chunk.portfolio, plan, &wanted, &change.recording(&results)).await?;
        Ok(Acted::Recorded(results))
    }
}

fn licenses_of(chunk: &ChunkRows<'_>) -> Vec<(EmailKey, LicenseId)> {
    let of = |row: &license_domain::Row| Some((row.user_email.as_ref().map(EmailAddress::key)?, row.license?));
    chunk.rows.iter().filter_map(of).collect()
}

fn current_plans(portfolio: &Portfolio, now: license_domain::Timestamp) -> HashSet<PlanId> {
    let current = portfolio.plans.iter().filter(|plan| plan.is_active && plan.is_current(now));
    current.map(|plan| plan.uuid).collect()
}
