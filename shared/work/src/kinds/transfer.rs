//! Transfers licenses to another plan, with their seats.

use license_storage::{Change, JobRows, RowOutcomes, TransferRequest};

use super::{Acted, AllKinds, ChunkRows, learners::addresses};
use crate::WorkError;

impl AllKinds {
    pub(super) async fn transfer(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let ChunkRows { run, portfolio, rows, .. } = chunk;
        let (Some(from), Some(to)) = (run.subscription_plan, run.params.to_plan) else {
            return Err(WorkError::Gone("plan"));
        };
        let of_rows = JobRows::new(rows);
        let request = TransferRequest { emails: addresses(rows), from, to, change: change.for_rows(&of_rows) };
        Ok(Acted::Recorded(self.transfer.transfer(portfolio, request).await?.of_rows(&of_rows)))
    }
}
