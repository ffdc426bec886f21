//! Stopping a job, letting it go on, and undoing a transfer.

use axum::http::StatusCode;
use license_api::{ApiError, AppState, Requester};
use license_domain::{Consequence, EventKind, Job, JobKind, JobParams, JobState, Lane, Row, Timestamp};
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

/// A new job as its idempotency record holds it: without parameters, which no response shows and which may be long.
pub fn recorded(job: &Job) -> Job {
    Job { params: JobParams::default(), ..job.clone() }
}

/// 409 unless the job can be undone. Nothing is changed.
pub fn check_reversible(job: &Job) -> Result<(), ApiError> {
    let is_over = matches!(job.state, JobState::Done | JobState::Canceled | JobState::Failed);
    if job.kind == JobKind::Transfer && !job.dry_run && is_over {
        return Ok(());
    }
    Err(ApiError::detail(StatusCode::CONFLICT, "Only a transfer that is over can be undone."))
}

/// Creates a job that undoes a transfer; the same job if it was requested before. `moved` reads the learners whose licenses
/// the transfer moved.
pub async fn reverse(
    app: &AppState,
    (jobs, portfolios): (&dyn Jobs, &dyn Portfolios),
    (requester, reason): (&Requester, Option<&str>),
    job: &Job,
    moved: impl Future<Output = Result<Vec<Row>, ApiError>>,
) -> Result<Job, ApiError> {
    if let Some(job) = requester.recorded::<Job>().await? {
        return Ok(job);
    }
    check_reversible(job)?;
    let portfolio = portfolios.portfolio(job.customer_agreement).await?;
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let change = requester.change("job reverse").await?;
    // The new job's id is stored first. If the process ends before the job is created, the next request finds the id
    // and creates it.
    let id = if let Some(id) = job.reversed_by {
        id
    } else {
        let id = app.random().job_id();
        let after = Job { reversed_by: Some(id), modified: app.now(), ..job.clone() };
        let event = (EventKind::JobChanged, Vec::new());
        if !jobs.change_job(&portfolio, (job, &after), event, &change.stamp.clone().into()).await? {
            let detail = "The job was changed at the same time; look again.";
            return Err(ApiError::detail(StatusCode::CONFLICT, detail));
        }
        id
    };
    if let Some(there) = jobs.job(id).await? {
        requester.record(&change.recording(&recorded(&there))).await?;
        return Ok(there);
    }
    let back = Job {
        subscription_plan: job.params.to_plan,
        params: JobParams { to_plan: job.subscription_plan, ..JobParams::default() },
        reverses: Some(job.uuid),
        reason: reason.map(str::to_owned),
        ..Job::new(id, job.kind, &portfolio.agreement, requester.requester(), app.now())
    };
    let (back, chunks) = back.with_rows(&moved.await?);
    let change = change.recording(&recorded(&back));
    jobs.create_job(&portfolio, &back, &chunks, &change).await?;
    Ok(back)
}
