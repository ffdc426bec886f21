//! Stopping a job, and letting it go on.

use axum::http::StatusCode;
use license_api::{ApiError, Requester};
use license_domain::{Consequence, EventKind, Job, Lane, Timestamp};
use license_storage::{Jobs, Portfolios};
use serde::{Deserialize, Serialize};

/// What is done to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// It stops: rows that are done stay done.
    Cancel,
    /// It goes on, or begins with the rows that were uploaded.
    Resume,
}

/// A job that was changed, as far as its lanes had come.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChangedJob {
    pub job: Job,
    pub lanes: Vec<Lane>,
}

/// The job as it is then; 409 where that makes no sense. Nothing is changed.
pub fn decide(job: &Job, control: Control, now: Timestamp) -> Result<Job, ApiError> {
    match control {
        Control::Cancel => job.canceled(now).ok_or_else(|| {
            let detail = format!("A job that is {} cannot be stopped.", job.state.as_str());
            ApiError::detail(StatusCode::CONFLICT, detail)
        }),
        Control::Resume => job.resumed(now).map_err(|why| ApiError::detail(StatusCode::CONFLICT, why.to_string())),
    }
}

/// Stops a job, or lets it go on.
pub async fn control(
    (jobs, portfolios): (&dyn Jobs, &dyn Portfolios),
    requester: &Requester,
    seen: &Job,
    control: Control,
    now: Timestamp,
) -> Result<ChangedJob, ApiError> {
    if let Some(outcome) = requester.recorded::<ChangedJob>().await? {
        return Ok(outcome);
    }
    let after = decide(seen, control, now)?;
    let consequences = match control {
        Control::Cancel => Vec::new(),
        Control::Resume => vec![Consequence::RunJob { job: after.uuid, after_seconds: 0 }],
    };
    let portfolio = portfolios.portfolio(seen.customer_agreement).await?;
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let lanes = jobs.lanes(seen.uuid).await?;
    let outcome = ChangedJob { job: after, lanes };
    let change = requester.change(outcome.job.state.as_str()).await?.recording(&outcome);
    let event = (EventKind::JobChanged, consequences);
    if !jobs.change_job(&portfolio, (seen, &outcome.job), event, &change).await? {
        let detail = "The job was changed at the same time; look again.";
        return Err(ApiError::detail(StatusCode::CONFLICT, detail));
    }
    Ok(outcome)
}
