//! Revokes and reminds.

use license_domain::{EmailAddress, EmailKey, LicenseStatus, RowOutcome};
use license_storage::{Change, JobRows, Prefetch, RemindRequest, RevokeRequest, RowOutcomes};

use super::{Acted, ChunkRows, LicenseKinds, learners::addresses};
use crate::WorkError;

impl LicenseKinds {
    pub(super) async fn revoke(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let of_rows = JobRows::new(chunk.rows);
        let change = change.for_rows(&of_rows);
        let request = RevokeRequest { emails: addresses(chunk.rows), prefetch: Prefetch::default(), change };
        let revoked = self.revoke.revoke(chunk.portfolio, chunk.plan_id()?, request).await?;
        Ok(Acted::Recorded(revoked.of_rows(&of_rows)))
    }

    pub(super) async fn remind(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (run, plan) = (chunk.run, chunk.plan_id()?);
        let emails = addresses(chunk.rows);
        let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
        let prefetch = self.prefetches.prefetch(plan, &keys).await?;
        let pending = prefetch.held(plan, &keys, LicenseStatus::Assigned)?;
        let results = JobRows::new(chunk.rows).each(|row, email| {
            let is_pending = pending.contains(&email.key());
            row.result(if is_pending { RowOutcome::Reminded } else { RowOutcome::NotFound }, None)
        });
        if emails.is_empty() {
            return Ok(Acted::ToRecord(results));
        }
        let request = RemindRequest {
            emails,
            greeting: run.params.greeting.clone(),
            closing: run.params.closing.clone(),
            prefetch,
            change: change.recording(&results),
        };
        self.remind.remind(chunk.portfolio, plan, request).await?;
        Ok(Acted::Recorded(results))
    }
}
