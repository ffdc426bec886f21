//! One chunk of a job.

use std::{collections::HashSet, sync::Arc};

use license_domain::{
    EmailAddress, EmailKey, Job, JobCounts, JobKind, LicenseStatus, PlanId, Portfolio, Row, RowOutcome, RowResult,
    SubscriptionPlan, plan::MAX_LICENSES,
};
use license_storage::{
    AssignError, AssignRequest, Assigned, Assignment, Change, Idempotency, IdempotencyKey, IdempotencyRecord, JobRows,
    Prefetch, RecordContent, RemindRequest, RevokeRequest, RowOutcomes, StoreError, TransferRequest,
};

use crate::{Engine, JobError};

impl Engine {
    /// What became of a chunk's rows: now, or before.
    pub(crate) async fn chunk(&self, job: &Job, chunk: u64, so_far: JobCounts) -> Result<Vec<RowResult>, JobError> {
        let rows = self.jobs.chunk(job, chunk).await?;
        self.rows(job, (chunk, 0), rows, so_far).await
    }

    /// The results of these rows of a chunk.
    ///
    /// 1. They are on record: these.
    /// 2. Do what the job is about. The record commits with it, on condition that no other attempt has written it. What
    ///    an earlier attempt had begun (a batch) is finished.
    /// 3. Nothing was to be written: the record is written by itself.
    /// 4. Another attempt was faster: its record.
    pub(crate) async fn rows(
        &self,
        job: &Job,
        (chunk, round): (u64, u64),
        rows: Vec<Row>,
        so_far: JobCounts,
    ) -> Result<Vec<RowResult>, JobError> {
        let key = IdempotencyKey::Chunk { job: job.uuid, chunk, round };
        let mut idempotency = Idempotency::new(key.clone(), String::new(), self.random.uuid());
        if let Some(seen) = self.records.find(&key).await? {
            if let Some(results) = outcome_of(&seen)? {
                return Ok(results);
            }
            if !self.records.take_over(&idempotency, &seen, self.clock.now()).await? {
                return self.recorded(&key).await;
            }
            idempotency.resume = match seen.content {
                RecordContent::Run(from) => Some(from),
                RecordContent::Outcome(_) => None,
            };
        }
        let change = Change { stamp: self.stamp(job), idempotency: Some(Box::new(idempotency)) };
        match self.act(job, &rows, so_far, change).await {
            Err(JobError::Store(StoreError::AlreadyApplied)) => self.recorded(&key).await,
            results => results,
        }
    }

    /// The results that another attempt has recorded.
    async fn recorded(&self, key: &IdempotencyKey) -> Result<Vec<RowResult>, JobError> {
        let record = self.records.find(key).await?;
        let results = record.as_ref().map(outcome_of).transpose()?.flatten();
        Ok(results.ok_or(StoreError::AlreadyApplied)?)
    }

    /// Records results for which nothing else was written.
    async fn settle(&self, change: Change, results: Vec<RowResult>) -> Result<Vec<RowResult>, JobError> {
        self.records.record(&change.recording(&results)).await?;
        Ok(results)
    }

    async fn act(
        &self,
        job: &Job,
        rows: &[Row],
        so_far: JobCounts,
        change: Change,
    ) -> Result<Vec<RowResult>, JobError> {
        let portfolio = self.portfolio_of(job).await?;
        if job.kind == JobKind::Enroll {
            let results = self.enroll(job, &portfolio, rows).await?;
            return self.settle(change, results).await;
        }
        let plan = job.subscription_plan.and_then(|plan| portfolio.plan(plan)).ok_or(JobError::Gone("plan"))?;
        match (job.kind, job.dry_run) {
            (JobKind::Grow, _) => self.grow(job, &portfolio, plan, change).await,
            (_, true) => {
                let results = self.foresee(job, plan, rows, so_far).await?;
                self.settle(change, results).await
            }
            (JobKind::Assign, false) => self.assign(job, &portfolio, plan, rows, change).await,
            (JobKind::Revoke, false) => self.revoke(&portfolio, plan.uuid, rows, change).await,
            (JobKind::Remind, false) => self.remind(job, &portfolio, plan.uuid, rows, change).await,
            (JobKind::Transfer | JobKind::Enroll, false) => self.move_over(job, &portfolio, rows, change).await,
        }
    }

    /// Assigns to as many learners as there are seats for, in the order of the rows.
    ///
    /// 1. Try all of them. There are enough seats: done.
    /// 2. There are fewer: learners who hold a license need none; of the others the first ones are tried, as many as
    ///    there are seats. Other requests took some meanwhile: again with fewer, so that it ends.
    async fn assign(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        rows: &[Row],
        change: Change,
    ) -> Result<Vec<RowResult>, JobError> {
        let good: Vec<Row> = rows.iter().filter(|row| row.problem.is_none()).cloned().collect();
        let without_seat = if job.params.wait { RowOutcome::Waiting } else { RowOutcome::NoSeat };
        let is_resumed = change.resume().is_some();
        let mut seats = good.len();
        // Of a batch that an earlier attempt has opened only the batch knows whom it left out.
        let mut held = if is_resumed { Some(Arc::new(self.live(plan.uuid, &good).await?)) } else { None };
        loop {
            let mut left = seats;
            let tried = good.iter().filter(|row| match (&held, &row.user_email) {
                (Some(held), Some(email)) if !held.contains(&email.key()) && !is_resumed => {
                    let has_seat = left > 0;
                    left = left.saturating_sub(1);
                    has_seat
                }
                _ => true,
            });
            let assignments: Vec<Assignment> = tried.filter_map(assignment).collect();
            let of_rows = JobRows { held: held.clone(), without_seat, ..JobRows::new(rows) };
            if assignments.is_empty() {
                return self.settle(change, Assigned::default().of_rows(&of_rows)).await;
            }
            let request = AssignRequest {
                assignments,
                notify: job.params.notify,
                greeting: job.params.greeting.clone(),
                closing: job.params.closing.clone(),
                prefetch: Prefetch::default(),
                change: change.clone().for_rows(&of_rows),
            };
            match self.assign.assign(portfolio, plan.uuid, request).await {
                Ok(assigned) => return Ok(assigned.of_rows(&of_rows)),
                Err(AssignError::NotEnough { available, .. }) => {
                    // Fewer with each attempt.
                    seats = usize::try_from(available).unwrap_or(seats).min(seats.saturating_sub(1));
                    held = Some(Arc::new(self.live(plan.uuid, &good).await?));
                }
                Err(AssignError::Store(error)) => return Err(error.into()),
            }
        }
    }

    async fn revoke(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        rows: &[Row],
        change: Change,
    ) -> Result<Vec<RowResult>, JobError> {
        let of_rows = JobRows::new(rows);
        let change = change.for_rows(&of_rows);
        let request = RevokeRequest { emails: addresses(rows), prefetch: Prefetch::default(), change };
        Ok(self.revoke.revoke(portfolio, plan, request).await?.of_rows(&of_rows))
    }

    async fn remind(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        plan: PlanId,
        rows: &[Row],
        change: Change,
    ) -> Result<Vec<RowResult>, JobError> {
        let emails = addresses(rows);
        let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
        let prefetch = self.prefetches.prefetch(plan, &keys).await?;
        let pending = prefetch.held(plan, &keys, LicenseStatus::Assigned)?;
        let results = JobRows::new(rows).each(|row, email| {
            let is_pending = pending.contains(&email.key());
            row.result(if is_pending { RowOutcome::Reminded } else { RowOutcome::NotFound }, None)
        });
        if emails.is_empty() {
            return self.settle(change, results).await;
        }
        let request = RemindRequest {
            emails,
            greeting: job.params.greeting.clone(),
            closing: job.params.closing.clone(),
            prefetch,
            change: change.recording(&results),
        };
        self.remind.remind(portfolio, plan, request).await?;
        Ok(results)
    }

    async fn move_over(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        rows: &[Row],
        change: Change,
    ) -> Result<Vec<RowResult>, JobError> {
        let (Some(from), Some(to)) = (job.subscription_plan, job.params.to_plan) else {
            return Err(JobError::Gone("plan"));
        };
        let of_rows = JobRows::new(rows);
        let request = TransferRequest { emails: addresses(rows), from, to, change: change.for_rows(&of_rows) };
        Ok(self.transfer.transfer(portfolio, request).await?.of_rows(&of_rows))
    }

    /// Gives the plan as many licenses as are wanted, if it has fewer.
    async fn grow(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        change: Change,
    ) -> Result<Vec<RowResult>, JobError> {
        let wanted = job.params.desired_num_licenses.unwrap_or_default();
        let result = |outcome, detail: Option<&str>| RowResult {
            row: 0,
            user_email: None,
            course_run_key: None,
            license: None,
            outcome,
            detail: detail.map(str::to_owned),
        };
        if plan.last_freeze_timestamp.is_some() {
            let results = vec![result(RowOutcome::Refused, Some("The plan is frozen."))];
            return self.settle(change, results).await;
        }
        if wanted > MAX_LICENSES && !plan.for_internal_use_only {
            let results = vec![result(RowOutcome::Refused, Some("The plan would have too many licenses."))];
            return self.settle(change, results).await;
        }
        let results = vec![result(RowOutcome::Grown, None)];
        if wanted <= plan.seats.total || job.dry_run {
            return self.settle(change, results).await;
        }
        let mut after = plan.clone();
        after.seats = after.seats.grown_to(wanted);
        after.desired_num_licenses = Some(wanted);
        after.modified = change.at;
        self.update.update_plan(portfolio, plan, &after, &change.recording(&results)).await?;
        Ok(results)
    }

    /// What would become of the rows, without doing it.
    async fn foresee(
        &self,
        job: &Job,
        plan: &SubscriptionPlan,
        rows: &[Row],
        so_far: JobCounts,
    ) -> Result<Vec<RowResult>, JobError> {
        let keys: Vec<EmailKey> = addresses(rows).iter().map(EmailAddress::key).collect();
        let prefetch = self.prefetches.prefetch(plan.uuid, &keys).await?;
        let assigned = prefetch.held(plan.uuid, &keys, LicenseStatus::Assigned)?;
        let activated = prefetch.held(plan.uuid, &keys, LicenseStatus::Activated)?;
        let taken = match (job.kind, job.params.to_plan) {
            (JobKind::Transfer, Some(to)) => self.live(to, rows).await?,
            _ => HashSet::new(),
        };
        let counts = self.portfolios.seat_counts(&[plan]).await?;
        let seats = counts.get(&plan.uuid).map_or(0, |counts| counts.of(LicenseStatus::Unassigned));
        let mut left = seats.saturating_sub(so_far.succeeded);
        let without = if job.params.wait { RowOutcome::Waiting } else { RowOutcome::NoSeat };
        let is_live = |key: &EmailKey| assigned.contains(key) || activated.contains(key);
        Ok(JobRows::new(rows).each(|row, email| {
            let key = email.key();
            let outcome = match job.kind {
                JobKind::Assign if is_live(&key) => RowOutcome::AlreadyAssociated,
                JobKind::Assign if left == 0 => without,
                JobKind::Assign => {
                    left -= 1;
                    RowOutcome::Assigned
                }
                JobKind::Remind if assigned.contains(&key) => RowOutcome::Reminded,
                JobKind::Revoke if is_live(&key) => RowOutcome::Revoked,
                JobKind::Transfer if is_live(&key) && taken.contains(&key) => RowOutcome::Refused,
                JobKind::Transfer if is_live(&key) => RowOutcome::Transferred,
                _ => RowOutcome::NotFound,
            };
            row.result(outcome, None)
        }))
    }

    /// Those of the rows' learners who hold a live license of the plan.
    async fn live(&self, plan: PlanId, rows: &[Row]) -> Result<HashSet<EmailKey>, JobError> {
        let keys: Vec<EmailKey> = addresses(rows).iter().map(EmailAddress::key).collect();
        let prefetch = self.prefetches.prefetch(plan, &keys).await?;
        let mut live = prefetch.held(plan, &keys, LicenseStatus::Assigned)?;
        live.extend(prefetch.held(plan, &keys, LicenseStatus::Activated)?);
        Ok(live)
    }
}

/// The results in a record; `None` if it is of work under way.
fn outcome_of(record: &IdempotencyRecord) -> Result<Option<Vec<RowResult>>, JobError> {
    record.outcome().transpose().map_err(|_| JobError::Gone("outcome"))
}

/// The learners of the rows that can be read.
pub(crate) fn addresses(rows: &[Row]) -> Vec<EmailAddress> {
    rows.iter().filter(|row| row.problem.is_none()).filter_map(|row| row.user_email.clone()).collect()
}

fn assignment(row: &Row) -> Option<Assignment> {
    let email = EmailAddress::on_record(row.user_email.as_ref()?.key().as_str());
    Some(Assignment { email, source_id: row.source_id.clone() })
}
