//! Deletes revoked licenses.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{EmailAddress, EmailKey, LicenseId, Row, RowOutcome, RowResult};
use license_storage::Change;

use super::{Acted, AllKinds, ChunkRows};
use crate::{PARALLEL, WorkError};

const KEPT: &str = "A license of the plan before leads to it.";

impl AllKinds {
    /// Deletes the chunk's licenses, except those that a license of the prior plan names as its renewed copy.
    pub(super) async fn delete_revoked(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let (portfolio, plan) = (chunk.portfolio, chunk.plan()?);
        let is_a_copy = portfolio.prior_renewals_of(plan.uuid).any(|renewal| renewal.processed);
        let kept = if is_a_copy { self.copies(chunk.rows).await? } else { HashSet::new() };
        let is_kept = |row: &Row| row.license.is_some_and(|license| kept.contains(&license));
        // What is on record of the chunk names no learner, because their licenses are gone.
        let result = |row: &Row| {
            let (outcome, detail) =
                if is_kept(row) { (RowOutcome::Refused, Some(KEPT)) } else { (RowOutcome::Deleted, None) };
            RowResult { user_email: None, detail: detail.map(str::to_owned), ..row.result(outcome, row.license) }
        };
        let results: Vec<RowResult> = chunk.rows.iter().map(result).collect();
        let wanted: Vec<(Option<EmailKey>, LicenseId)> =
            chunk.rows.iter().filter(|row| !is_kept(row)).filter_map(|row| Some((key(row), row.license?))).collect();
        if chunk.run.dry_run || wanted.is_empty() {
            return Ok(Acted::ToRecord(results));
        }
        self.operations.delete_revoked(portfolio, plan, &wanted, &change.recording(&results)).await?;
        Ok(Acted::Recorded(results))
    }

    /// Those of the rows' licenses that are renewed copies. Of a license that names no learner the original cannot be
    /// found, so that it counts as a copy.
    async fn copies(&self, rows: &[Row]) -> Result<HashSet<LicenseId>, WorkError> {
        let nameless = rows.iter().filter(|row| row.user_email.is_none()).filter_map(|row| row.license);
        let mut copies: HashSet<LicenseId> = nameless.collect();
        let learners: HashSet<EmailKey> = rows.iter().filter_map(key).collect();
        let reads: Vec<_> = learners.iter().map(|learner| self.learners.licenses_of(learner)).collect();
        let mut held = stream::iter(reads).buffered(PARALLEL);
        while let Some(licenses) = held.try_next().await? {
            copies.extend(licenses.into_iter().filter_map(|license| license.renewed_to));
        }
        Ok(copies)
    }
}

fn key(row: &Row) -> Option<EmailKey> {
    row.user_email.as_ref().map(EmailAddress::key)
}
