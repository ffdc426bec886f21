//! Reverts licenses to what they were at an earlier time.

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{Row, RowResult, SubscriptionPlan};
use license_storage::{Change, RevertRequest};

use super::{Acted, AllKinds, ChunkRows};
use crate::{PARALLEL, WorkError};

impl AllKinds {
    /// Reverts the chunk's licenses, each of which has an outcome of its own.
    pub(super) async fn revert(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let ChunkRows { run, portfolio, rows, .. } = chunk;
        let (plan, to) = (chunk.plan()?, run.params.revert_to.ok_or(WorkError::Gone("time"))?);
        let rows = &self.with_learners(plan, rows).await?;
        let (is_forced, is_dry_run) = (run.params.force, run.dry_run);
        let request = RevertRequest { rows, to, is_forced, is_dry_run, change };
        let results: Vec<RowResult> = self.operations.revert(portfolio, plan, request).await?;
        Ok(if is_dry_run { Acted::ToRecord(results) } else { Acted::Recorded(results) })
    }

    /// The rows with the addresses of their licenses' learners. A request names licenses only by their ids.
    async fn with_learners(&self, plan: &SubscriptionPlan, rows: &[Row]) -> Result<Vec<Row>, WorkError> {
        let named = rows.iter().map(async |row| match (row.license, &row.user_email) {
            (Some(license), None) => {
                let license = self.licenses.licenses.license(plan, license).await?;
                Ok::<_, WorkError>(Row { user_email: license.and_then(|license| license.user_email), ..row.clone() })
            }
            _ => Ok(row.clone()),
        });
        stream::iter(named.collect::<Vec<_>>()).buffered(PARALLEL).try_collect().await
    }
}
