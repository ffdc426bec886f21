//! Puts a job on record that a form asks for; a worker begins it.

use license_api::{ApiError, Requester};
use license_domain::{Job, JobId, JobKind, Portfolio, Row};

use crate::Context;

/// A job and its rows in chunks.
pub type NewJob = (Job, Vec<Vec<Row>>);

/// Puts the job on record that `complete` makes of an empty one. A form that is sent twice begins one job.
pub async fn begin(
    context: &Context,
    portfolio: &Portfolio,
    kind: JobKind,
    requester: Requester,
    complete: &(impl Fn(Job) -> NewJob + Sync),
) -> Result<JobId, ApiError> {
    if let Some(id) = requester.recorded().await? {
        return Ok(id);
    }
    let id = context.app.random().job_id();
    let job = Job::new(id, kind, &portfolio.agreement, requester.requester(), context.app.now());
    let (job, chunks) = complete(job);
    let change = requester.change("job").await?.recording(&id);
    context.jobs.create_job(portfolio, &job, &chunks, &change).await?;
    Ok(id)
}
