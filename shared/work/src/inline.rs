//! Requests about more learners than one transaction can hold: each is an internal run that is worked on inline.

use std::time::Duration;

use chrono::TimeDelta;
use license_domain::{
    EmailAddress, Job, JobId, JobKind, JobParams, JobState, Portfolio, Row, RowOutcome, RowResult, SubscriptionPlan,
};
use license_storage::{
    AssignError, AssignRequest, Assigned, Change, MAX_REMINDED, MAX_REVOKED, RemindRequest, ResumeFrom, Revocation,
    Revocations, RevokeRequest, StoreError,
};
use serde::Serialize;

use crate::{LicenseKinds, Runs, Turn, WorkError, results};

/// How long a request works on its run; the API's functions time out after 30 seconds.
const REQUEST_TIME: TimeDelta = TimeDelta::seconds(20);

/// The pause before another attempt's progress is read again, and the most such reads.
const PAUSE: Duration = Duration::from_millis(200);
const MAX_WAITS: u32 = 100;

/// Why a request about many learners is not done at its response.
#[derive(Debug, thiserror::Error)]
pub enum InlineError {
    /// Nothing was changed: the plan has too few seats.
    #[error("{wanted} licenses wanted, {available} available")]
    NotEnough {
        /// How many learners of the request hold no license.
        wanted: u64,
        /// How many seats are free.
        available: u64,
    },
    /// It failed. A worker finishes what was begun.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The time of the request ended. A worker finishes the run.
    #[error("the request is not finished yet")]
    Unfinished,
}

impl From<StoreError> for InlineError {
    fn from(error: StoreError) -> Self {
        Self::Work(error.into())
    }
}

impl Runs<LicenseKinds> {
    /// Assigns a license to every given learner who has none, or to none of them if there are too few seats.
    ///
    /// 1. If an earlier attempt at the request has opened a run: continue at 4 with that run.
    /// 2. If they fit into one transaction: that is all.
    /// 3. Reserve seats for all and open a run, or refuse.
    /// 4. Work on the run inline. Its chunks' outcomes contain the new assignments; all other given learners held a
    ///    license.
    pub async fn assign(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        request: AssignRequest,
    ) -> Result<Assigned, InlineError> {
        let change = request.change.clone();
        let wanted = request.assignments.len();
        let run = if let Some(run) = resumed(&change) {
            self.opened(run).await?
        } else {
            let (params, assignments) = (assign_params(&request), request.assignments.clone());
            match self.kinds.assign.assign(portfolio, plan.uuid, request).await {
                Ok(assigned) => return Ok(assigned),
                Err(AssignError::NotEnough { wanted, available }) => {
                    return Err(InlineError::NotEnough { wanted, available });
                }
                Err(AssignError::Store(error)) => return Err(error.into()),
                Err(AssignError::TooMany) => {}
            }
            let run = Job { params, ..self.internal(JobKind::Assign, portfolio, plan, &change) };
            match self.kinds.reserve.reserve(portfolio, &run, &assignments, &change).await {
                Ok(Some(run)) => run,
                Ok(None) => {
                    let assigned = Assigned { assigned: Vec::new(), already_associated: to_u64(wanted) };
                    self.idempotency.record(&change.recording(&assigned)).await?;
                    return Ok(assigned);
                }
                Err(AssignError::NotEnough { wanted, available }) => {
                    return Err(InlineError::NotEnough { wanted, available });
                }
                Err(AssignError::Store(error)) => return Err(error.into()),
                Err(AssignError::TooMany) => return Err(WorkError::OtherKind.into()),
            }
        };
        let results = self.work_inline(&run).await?.ok_or(InlineError::Unfinished)?;
        let assigned: Vec<_> = results
            .into_iter()
            .filter(|row| row.outcome == RowOutcome::Assigned)
            .filter_map(|row| Some((row.user_email?, row.license?)))
            .collect();
        let already_associated = to_u64(wanted.saturating_sub(assigned.len()));
        let assigned = Assigned { assigned, already_associated };
        self.record_end(&change, &run, &assigned).await?;
        Ok(assigned)
    }

    /// Revokes the live license of every given learner; returns the outcome of each, in the order of the request.
    ///
    /// 1. If an earlier attempt at the request has opened a run: continue at 5 with that run.
    /// 2. If they fit into one transaction: that is all.
    /// 3. If the plan's cap does not allow all of them: none is revoked.
    /// 4. Open a run. Under a cap it has one lane, and each chunk takes its own part of the cap, so that a crash wastes
    ///    no part of it. If other requests use up the cap meanwhile, the run may end early, but never exceeds the cap.
    /// 5. Work on the run inline. The outcomes of its chunks are the response.
    pub async fn revoke(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        request: RevokeRequest,
    ) -> Result<Revocations, InlineError> {
        let change = request.change.clone();
        let run = if let Some(run) = resumed(&change) {
            self.opened(run).await?
        } else {
            if request.emails.len() <= MAX_REVOKED {
                return Ok(self.kinds.revoke.revoke(portfolio, plan.uuid, request).await?);
            }
            if let Some(refused) = self.kinds.revoke.beyond_cap(plan, &request.emails).await? {
                return Ok(refused);
            }
            let run = self.internal(JobKind::Revoke, portfolio, plan, &change);
            self.open(portfolio, run, &request.emails, &change).await?
        };
        let results = self.work_inline(&run).await?.ok_or(InlineError::Unfinished)?;
        let revocations: Revocations =
            results.into_iter().filter_map(|row| Some((row.user_email.clone()?, revocation(&row)))).collect();
        self.record_end(&change, &run, &revocations).await?;
        Ok(revocations)
    }

    /// Reminds the given learners who have an assigned license. The response does not wait for all of them: a worker
    /// does what the request has no time for.
    pub async fn remind(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        request: RemindRequest,
    ) -> Result<(), InlineError> {
        let change = request.change.clone();
        let run = if let Some(run) = resumed(&change) {
            self.opened(run).await?
        } else {
            if request.emails.len() <= MAX_REMINDED {
                self.kinds.remind.remind(portfolio, plan.uuid, request).await?;
                return Ok(());
            }
            let params = JobParams { greeting: request.greeting, closing: request.closing, ..JobParams::default() };
            let run = Job { params, ..self.internal(JobKind::Remind, portfolio, plan, &change) };
            self.open(portfolio, run, &request.emails, &change).await?
        };
        if self.work_inline(&run).await?.is_some() {
            self.record_end(&change, &run, &()).await?;
        }
        Ok(())
    }

    fn internal(&self, kind: JobKind, portfolio: &Portfolio, plan: &SubscriptionPlan, change: &Change) -> Job {
        let run = Job::internal(self.random.job_id(), kind, &portfolio.agreement, change);
        Job { subscription_plan: Some(plan.uuid), ..run }
    }

    async fn open(
        &self,
        portfolio: &Portfolio,
        run: Job,
        emails: &[EmailAddress],
        change: &Change,
    ) -> Result<Job, InlineError> {
        let row = |(row, email): (u64, &EmailAddress)| Row { row, user_email: Some(email.clone()), ..Row::default() };
        let rows: Vec<Row> = (0..).zip(emails).map(row).collect();
        let (run, chunks) = run.with_rows(&rows);
        let plan = run.subscription_plan.and_then(|plan| portfolio.plan(plan));
        let is_capped = run.kind == JobKind::Revoke && plan.is_some_and(|plan| plan.is_revocation_cap_enabled);
        let lanes = if is_capped { 1 } else { run.kind.lanes(run.chunks) };
        let run = Job { lanes, ..run };
        self.jobs.create_job(portfolio, &run, &chunks, change).await?;
        Ok(Job { version: 1, ..run })
    }

    /// The run that an earlier attempt at the same request opened.
    async fn opened(&self, run: JobId) -> Result<Job, InlineError> {
        Ok(self.jobs.job(run).await?.ok_or(WorkError::Gone("run"))?)
    }

    /// Records the end of a request's run. An outcome that is too large for the record is read from the run's chunks.
    async fn record_end<T: Serialize>(&self, change: &Change, run: &Job, outcome: &T) -> Result<(), InlineError> {
        Ok(self.idempotency.record_run_end(&change.clone().recording(outcome), run.uuid).await?)
    }
}

impl<K: crate::Kinds> Runs<K> {
    /// Works on all lanes of a run at the same time, for the time that a request has; returns the results of all rows,
    /// `None` if the time ended first. If another attempt works on a lane (a worker, or the same request repeated),
    /// this one waits for it, and continues with the rest.
    pub(crate) async fn work_inline(&self, run: &Job) -> Result<Option<Vec<RowResult>>, WorkError> {
        let until = self.clock.now() + REQUEST_TIME;
        let mut state = run.state;
        for attempt in 0..MAX_WAITS {
            if state == JobState::Done {
                return Ok(Some(results(self.jobs.as_ref(), run, 0, run.chunks).await?));
            }
            if self.clock.now() >= until {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            self.run_lanes(run.uuid, Turn { chunks: usize::MAX, time: until - self.clock.now() }).await?;
            state = self.jobs.job(run.uuid).await?.ok_or(WorkError::Gone("run"))?.state;
        }
        Ok(None)
    }
}

fn assign_params(request: &AssignRequest) -> JobParams {
    JobParams {
        notify: request.notify,
        greeting: request.greeting.clone(),
        closing: request.closing.clone(),
        ..JobParams::default()
    }
}

fn resumed(change: &Change) -> Option<JobId> {
    match change.resume()? {
        ResumeFrom::Run(run) => Some(run),
        ResumeFrom::Effect => None,
    }
}

fn revocation(row: &RowResult) -> Revocation {
    match (row.outcome, row.license, row.original_status) {
        (RowOutcome::Revoked, Some(license), Some(original_status)) => Revocation::Revoked { license, original_status },
        (RowOutcome::CapReached, ..) => Revocation::CapReached,
        _ => Revocation::NotFound,
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).expect("it fits 64 bits")
}
