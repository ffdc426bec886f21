//! Jobs on record.

use async_trait::async_trait;
use license_domain::{
    AgreementId, Consequence, EmailAddress, EventKind, Job, JobId, Lane, LicenseId, PlanId, Portfolio, Row, RowResult,
};
use serde::{Deserialize, Serialize};

use crate::{Change, StoreError};

/// Jobs on record, their rows and what became of them.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Puts a new job on record, with its rows where they are known, and asks for it to be carried out.
    async fn create_job(
        &self,
        portfolio: &Portfolio,
        job: &Job,
        chunks: &[Vec<Row>],
        change: &Change,
    ) -> Result<(), StoreError>;

    /// The job of that id.
    async fn job(&self, job: JobId) -> Result<Option<Job>, StoreError>;

    /// The jobs of an agreement, the newest first; `after`: older than that one.
    async fn jobs_of(&self, agreement: AgreementId, after: Option<&Job>, limit: usize) -> Result<Vec<Job>, StoreError>;

    /// Puts rows on record, from that chunk on, of the job's generation. They mean nothing until the job says that this is
    /// its generation, and how many chunks it has.
    async fn put_chunks(&self, job: &Job, from: u64, chunks: &[Vec<Row>]) -> Result<(), StoreError>;

    /// The rows of a chunk.
    async fn chunk(&self, job: &Job, chunk: u64) -> Result<Vec<Row>, StoreError>;

    /// Puts `after` in the place of the job that was seen, if it is still that one, with an event of that kind;
    /// whether it was.
    async fn change_job(
        &self,
        portfolio: &Portfolio,
        (seen, after): (&Job, &Job),
        (kind, consequences): (EventKind, Vec<Consequence>),
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// The lanes that have begun.
    async fn lanes(&self, job: JobId) -> Result<Vec<Lane>, StoreError>;

    /// Puts `after` in the place of the lane that was seen (none where it had not begun); whether it was still that one.
    async fn advance(&self, job: JobId, seen: Option<&Lane>, after: &Lane) -> Result<bool, StoreError>;

    /// What became of the rows of these chunks, as far as that is known: the chunk, how many times rows of it were
    /// tried again, the rows.
    async fn results(&self, job: JobId, from: u64, to: u64) -> Result<Vec<(u64, u64, Vec<RowResult>)>, StoreError>;

    /// Jobs that are under way, what is looked at next first: of so many pieces of work.
    async fn open_jobs(&self, limit: usize) -> Result<Vec<JobId>, StoreError>;
}

/// What became of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transferred {
    /// The license went over.
    Moved(LicenseId),
    /// The learner holds no license of the plan.
    NotFound,
    /// The learner holds a license of the other plan.
    Taken,
}

/// What became of each learner of a transfer.
pub type Transfers = Vec<(EmailAddress, Transferred)>;

/// A request to let licenses go over to another plan of the same agreement, with their seats.
#[derive(Clone, Debug)]
pub struct TransferRequest {
    /// The learners, each once, 30 at most.
    pub emails: Vec<EmailAddress>,
    /// Where from.
    pub from: PlanId,
    /// Where to.
    pub to: PlanId,
    /// Who, why, when.
    pub change: Change,
}

/// Letting licenses go over to another plan.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Lets the live licenses of these learners go over, each with its seat: the one plan has as many fewer as the
    /// other has more.
    async fn transfer(&self, portfolio: &Portfolio, request: TransferRequest) -> Result<Transfers, StoreError>;
}
