//! Stored jobs.

use async_trait::async_trait;
use license_domain::{
    AgreementId, Consequence, Due, EmailAddress, EventKind, Job, JobId, Lane, LicenseId, PlanId, Portfolio, Row,
    RowResult, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{Change, StoreError};

/// Stores jobs, their rows and the outcomes of their rows.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Creates a job, with its rows if they are known, and requests its execution.
    async fn create_job(
        &self,
        portfolio: &Portfolio,
        job: &Job,
        chunks: &[Vec<Row>],
        change: &Change,
    ) -> Result<(), StoreError>;

    /// The job of that id.
    async fn job(&self, job: JobId) -> Result<Option<Job>, StoreError>;

    /// The jobs of an agreement, the newest first; `after` limits them to older ones.
    async fn jobs_of(&self, agreement: AgreementId, after: Option<&Job>, limit: usize) -> Result<Vec<Job>, StoreError>;

    /// Writes rows of the job's generation, from that chunk on. They are not used until the job names this generation
    /// and the number of its chunks.
    async fn put_chunks(&self, job: &Job, from: u64, chunks: &[Vec<Row>]) -> Result<(), StoreError>;

    /// The rows of a chunk.
    async fn chunk(&self, job: &Job, chunk: u64) -> Result<Vec<Row>, StoreError>;

    /// Replaces the seen job by `after`, with an event of that kind. `false` if the job has changed since it was seen.
    async fn change_job(
        &self,
        portfolio: &Portfolio,
        (seen, after): (&Job, &Job),
        (kind, consequences): (EventKind, Vec<Consequence>),
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// The lanes that have begun.
    async fn lanes(&self, job: JobId) -> Result<Vec<Lane>, StoreError>;

    /// Replaces the seen lane by `after` (`None`: the lane had not begun). `false` if the lane has changed since.
    async fn advance(&self, job: JobId, seen: Option<&Lane>, after: &Lane) -> Result<bool, StoreError>;

    /// The known outcomes of the rows of these chunks: the chunk, how many times rows of it were retried, and the rows.
    async fn results(&self, job: JobId, from: u64, to: u64) -> Result<Vec<(u64, u64, Vec<RowResult>)>, StoreError>;

    /// Open runs by the time at which they are examined next, the one that is due next first; at most `limit`.
    async fn open_runs(&self, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// The same, without their times.
    async fn open_jobs(&self, limit: usize) -> Result<Vec<JobId>, StoreError> {
        Ok(self.open_runs(limit).await?.into_iter().map(|due| due.run).collect())
    }

    /// The jobs that have failed since then and were not resumed, the newest first; at most `limit`.
    async fn failed_jobs(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, StoreError>;
}

/// The outcome of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transferred {
    /// The license went over.
    Moved(LicenseId),
    /// The learner holds no license of the first plan.
    NotFound,
    /// The learner holds a license of the other plan already.
    Taken,
}

/// The outcome for each learner of a transfer.
pub type Transfers = Vec<(EmailAddress, Transferred)>;

/// A request to transfer licenses to another plan of the same agreement, with their seats.
#[derive(Clone, Debug)]
pub struct TransferRequest {
    /// The learners, without duplicates, 30 at most.
    pub emails: Vec<EmailAddress>,
    /// The plan that the licenses leave.
    pub from: PlanId,
    /// The plan that gets them.
    pub to: PlanId,
    pub change: Change,
}

/// Transfers licenses to another plan.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Transfers the live licenses of these learners, each with its seat: the total of the one plan decreases by as
    /// many as that of the other increases.
    async fn transfer(&self, portfolio: &Portfolio, request: TransferRequest) -> Result<Transfers, StoreError>;
}
