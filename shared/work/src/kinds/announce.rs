//! Announcements about licenses, each made once: that their plan ends or has ended, by mail, and that they are long in use, on the bus.

use std::collections::HashSet;

use license_domain::{EmailAddress, EmailKey, LicenseId, RowOutcome, RowResult, plan_work::LicenseNotice};
use license_storage::Change;

use super::{Acted, AllKinds, ChunkRows};
use crate::WorkError;

impl AllKinds {
    /// Announces a chunk's licenses that were not announced before. The mails are consequences of the event that commits
    /// with the marks.
    pub(super) async fn announce(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (portfolio, plan) = (chunk.portfolio, chunk.plan()?);
        let notice = LicenseNotice::of(chunk.run.kind, plan).ok_or(WorkError::OtherKind)?;
        if let Some(why) = notice.refused(portfolio, plan, change.at) {
            let refused = |row: &license_domain::Row| RowResult {
                detail: Some(why.to_owned()),
                ..row.result(RowOutcome::Refused, row.license)
            };
            return Ok(Acted::ToRecord(chunk.rows.iter().map(refused).collect()));
        }
        let wanted: Vec<(Option<EmailKey>, LicenseId)> = chunk
            .rows
            .iter()
            .filter_map(|row| Some((row.user_email.as_ref().map(EmailAddress::key), row.license?)))
            .collect();
        let mut licenses = self.expire.find_licenses(plan.uuid, &wanted).await?;
        licenses.retain(|license| notice.concerns(license, change.at));
        // Without a number in the LMS the event would reach no one: the license is looked at again once it has one.
        licenses.retain(|license| notice != LicenseNotice::LongActivated || license.lms_user_id.is_some());
        let unannounced = self.announce.unannounced(plan.uuid, licenses, &notice).await?;
        let announced: HashSet<LicenseId> = unannounced.iter().map(|license| license.uuid).collect();
        let result = |row: &license_domain::Row| {
            let is_announced = row.license.is_some_and(|license| announced.contains(&license));
            row.result(if is_announced { RowOutcome::Notified } else { RowOutcome::NotFound }, row.license)
        };
        let results: Vec<RowResult> = chunk.rows.iter().map(result).collect();
        if unannounced.is_empty() {
            return Ok(Acted::ToRecord(results));
        }
        self.announce.announce_once(portfolio, plan, &unannounced, &notice, &change.recording(&results)).await?;
        Ok(Acted::Recorded(results))
    }
}
