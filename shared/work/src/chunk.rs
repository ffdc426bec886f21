//! One chunk of a job.

use std::{collections::HashSet, sync::Arc};

use license_domain::{
    Begun, EmailAddress, EmailKey, Job, JobCounts, JobKind, LicenseId, LicenseStatus, Once, PlanId, Portfolio, Row,
    RowOutcome, RowResult, Stamp, StoredAnswer, SubscriptionPlan, plan::MAX_LICENSES,
};
use license_storage::{
    Answering, AssignError, AssignRequest, Assigned, Assignment, Earlier, Prefetch, RemindRequest, Revocation,
    Revocations, RevokeRequest, StoreError, TransferRequest, Transferred, Transfers,
};
use license_storage_dynamodb::JobKeys;

use crate::{Engine, JobError};

impl Engine {
    /// What became of a chunk's rows: now, or before.
    pub(crate) async fn chunk(&self, job: &Job, chunk: u64, so_far: JobCounts) -> Result<Vec<RowResult>, JobError> {
        let rows = self.jobs.chunk(job, chunk).await?;
        self.rows(job, (chunk, 0), rows, so_far).await
    }

    /// What became of these rows of a chunk.
    ///
    /// 1. Their outcome is on record: that.
    /// 2. Do what the job is about. The record commits with it, on condition that nobody else has written it. What an
    ///    earlier attempt had begun (a batch) is finished.
    /// 3. Nothing was to be written: the record is written by itself.
    /// 4. Somebody else was faster: from 1.
    pub(crate) async fn rows(
        &self,
        job: &Job,
        (chunk, round): (u64, u64),
        rows: Vec<Row>,
        so_far: JobCounts,
    ) -> Result<Vec<RowResult>, JobError> {
        let mut once = Once {
            key: JobKeys(job.uuid).once(chunk, round),
            fingerprint: String::new(),
            attempt: self.random.uuid(),
            answer: None,
            begun: None,
            is_answered: license_domain::idempotency::Flag::default(),
        };
        if let Some(earlier) = self.onces.earlier(&once.key).await? {
            if let Some(answer) = &earlier.answer {
                return read(answer);
            }
            self.onces.take_over(&once, &earlier, self.clock.now()).await?;
            once.begun = begun(&earlier);
        }
        let stamp = Stamp { once: Some(Box::new(once.clone())), ..self.stamp(job) };
        let results = match self.act(job, &rows, so_far, stamp).await {
            Ok(results) => results,
            Err(JobError::Store(StoreError::Repeated)) => {
                let earlier = self.onces.earlier(&once.key).await?;
                let answer = earlier.and_then(|earlier| earlier.answer);
                return read(&answer.ok_or(StoreError::Repeated)?);
            }
            Err(error) => return Err(error),
        };
        let is_known = once.is_answered.is_raised() && once.begun.is_none();
        if !is_known && !self.onces.answered(&once, Some(&answer(&results)), self.clock.now()).await? {
            let earlier = self.onces.earlier(&once.key).await?;
            return read(&earlier.and_then(|earlier| earlier.answer).ok_or(StoreError::Repeated)?);
        }
        Ok(results)
    }

    async fn act(&self, job: &Job, rows: &[Row], so_far: JobCounts, stamp: Stamp) -> Result<Vec<RowResult>, JobError> {
        let portfolio = self.portfolio_of(job).await?;
        if job.kind == JobKind::Enroll {
            return self.enroll(job, &portfolio, rows).await;
        }
        let plan = job.subscription_plan.and_then(|plan| portfolio.plan(plan)).ok_or(JobError::Gone("plan"))?;
        match (job.kind, job.dry_run) {
            (JobKind::Grow, _) => self.grow(job, &portfolio, plan, stamp).await,
            (_, true) => self.foresee(job, plan, rows, so_far).await,
            (JobKind::Assign, false) => self.assign(job, &portfolio, plan, rows, stamp).await,
            (JobKind::Revoke, false) => self.revoke(&portfolio, plan.uuid, rows, stamp).await,
            (JobKind::Remind, false) => self.remind(job, &portfolio, plan.uuid, rows, stamp).await,
            (JobKind::Transfer | JobKind::Enroll, false) => self.move_over(job, &portfolio, rows, stamp).await,
        }
    }

    /// Assigns to as many learners as there are seats for, in the order of the rows.
    ///
    /// 1. Try all of them. There are enough seats: done.
    /// 2. There are fewer: learners who hold a license need none; of the others the first ones are tried, as many as
    ///    there are seats. Others took some meanwhile: again with fewer, so that it ends.
    async fn assign(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        rows: &[Row],
        stamp: Stamp,
    ) -> Result<Vec<RowResult>, JobError> {
        let good: Vec<Row> = rows.iter().filter(|row| row.problem.is_none()).cloned().collect();
        let without = if job.params.wait { RowOutcome::Waiting } else { RowOutcome::NoSeat };
        let all: Arc<[Row]> = rows.into();
        let mut seats = good.len();
        // Of a batch that an earlier attempt has opened only the batch knows whom it left out.
        let mut held = if stamp.begun().is_some() { Some(Arc::new(self.live(plan.uuid, &good).await?)) } else { None };
        loop {
            let mut left = seats;
            let tried = good.iter().filter(|row| match (&held, &row.user_email) {
                (Some(held), Some(email)) if !held.contains(&email.key()) && stamp.begun().is_none() => {
                    let has_seat = left > 0;
                    left = left.saturating_sub(1);
                    has_seat
                }
                _ => true,
            });
            let assignments: Vec<Assignment> = tried.filter_map(assignment).collect();
            let (all, known) = (all.clone(), held.clone());
            let say = move |assigned: &Assigned| assignments_of(&all, known.as_deref(), without, assigned);
            if assignments.is_empty() {
                return Ok(say(&Assigned::default()));
            }
            let answering = {
                let say = say.clone();
                Answering::by(move |assigned| answer(&say(assigned)))
            };
            let request = AssignRequest {
                assignments,
                notify: job.params.notify,
                greeting: job.params.greeting.clone(),
                closing: job.params.closing.clone(),
                prefetch: Prefetch::default(),
                answering,
                stamp: stamp.clone(),
            };
            match self.assign.assign(portfolio, plan.uuid, request).await {
                Ok(assigned) => return Ok(say(&assigned)),
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
        stamp: Stamp,
    ) -> Result<Vec<RowResult>, JobError> {
        let all: Arc<[Row]> = rows.into();
        let say = move |revoked: &Revocations| revocations(&all, revoked);
        let answering = {
            let say = say.clone();
            Answering::by(move |revoked| answer(&say(revoked)))
        };
        let request = RevokeRequest { emails: addresses(rows), prefetch: Prefetch::default(), answering, stamp };
        Ok(say(&self.revoke.revoke(portfolio, plan, request).await?))
    }

    async fn remind(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        plan: PlanId,
        rows: &[Row],
        stamp: Stamp,
    ) -> Result<Vec<RowResult>, JobError> {
        let emails = addresses(rows);
        let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
        let prefetch = self.prefetches.prefetch(plan, &keys).await?;
        let pending = prefetch.held(plan, &keys, LicenseStatus::Assigned)?;
        let results =
            each(
                rows,
                |email| {
                    if pending.contains(&email.key()) { RowOutcome::Reminded } else { RowOutcome::NotFound }
                },
            );
        let stamp = stamp.answering(|| answer(&results));
        let request = RemindRequest {
            emails,
            greeting: job.params.greeting.clone(),
            closing: job.params.closing.clone(),
            prefetch,
            stamp,
        };
        self.remind.remind(portfolio, plan, request).await?;
        Ok(results)
    }

    async fn move_over(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        rows: &[Row],
        stamp: Stamp,
    ) -> Result<Vec<RowResult>, JobError> {
        let (Some(from), Some(to)) = (job.subscription_plan, job.params.to_plan) else {
            return Err(JobError::Gone("plan"));
        };
        let all: Arc<[Row]> = rows.into();
        let say = move |moved: &Transfers| transfers(&all, moved);
        let answering = {
            let say = say.clone();
            Answering::by(move |moved| answer(&say(moved)))
        };
        let request = TransferRequest { emails: addresses(rows), from, to, answering, stamp };
        Ok(say(&self.transfer.transfer(portfolio, request).await?))
    }

    /// Gives the plan as many licenses as are wanted, if it has fewer.
    async fn grow(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        stamp: Stamp,
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
            return Ok(vec![result(RowOutcome::Refused, Some("The plan is frozen."))]);
        }
        if wanted > MAX_LICENSES && !plan.for_internal_use_only {
            return Ok(vec![result(RowOutcome::Refused, Some("The plan would have too many licenses."))]);
        }
        let results = vec![result(RowOutcome::Grown, None)];
        if wanted <= plan.seats.total || job.dry_run {
            return Ok(results);
        }
        let mut after = plan.clone();
        after.seats = after.seats.grown_to(wanted);
        after.desired_num_licenses = Some(wanted);
        after.modified = stamp.at;
        let stamp = stamp.answering(|| answer(&results));
        self.update.update_plan(portfolio, plan, &after, &stamp).await?;
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
        Ok(each(rows, |email| {
            let key = email.key();
            match job.kind {
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
            }
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

fn begun(earlier: &Earlier) -> Option<Begun> {
    earlier.batch.map(Begun::Batch)
}

fn answer(results: &[RowResult]) -> StoredAnswer {
    // Rows are texts and numbers.
    StoredAnswer { status: 200, body: serde_json::to_string(results).unwrap_or_default() }
}

fn read(answer: &StoredAnswer) -> Result<Vec<RowResult>, JobError> {
    serde_json::from_str(&answer.body)
        .map_err(|error| StoreError::Corrupt { key: "a chunk's outcome".to_owned(), cause: error.to_string() }.into())
}

/// The learners of the rows that can be read.
pub(crate) fn addresses(rows: &[Row]) -> Vec<EmailAddress> {
    rows.iter().filter(|row| row.problem.is_none()).filter_map(|row| row.user_email.clone()).collect()
}

pub(crate) fn result(row: &Row, outcome: RowOutcome, license: Option<LicenseId>) -> RowResult {
    RowResult {
        row: row.row,
        user_email: row.user_email.clone(),
        course_run_key: None,
        license,
        outcome,
        detail: row.problem.clone(),
    }
}

/// A result for each row: what cannot be read is invalid, the others as `outcome` says.
fn each(rows: &[Row], mut outcome: impl FnMut(&EmailAddress) -> RowOutcome) -> Vec<RowResult> {
    rows.iter()
        .map(|row| match (&row.user_email, &row.problem) {
            (Some(email), None) => result(row, outcome(email), None),
            _ => result(row, RowOutcome::Invalid, None),
        })
        .collect()
}

fn assignment(row: &Row) -> Option<Assignment> {
    let email = EmailAddress::on_record(row.user_email.as_ref()?.key().as_str());
    Some(Assignment { email, source_id: row.source_id.clone() })
}

/// The results of an assignment. `held`: learners who had a license before; all that were not assigned, if `None`.
fn assignments_of(
    rows: &[Row],
    held: Option<&HashSet<EmailKey>>,
    without: RowOutcome,
    assigned: &Assigned,
) -> Vec<RowResult> {
    let licenses: std::collections::HashMap<EmailKey, LicenseId> =
        assigned.assigned.iter().map(|(email, license)| (email.key(), *license)).collect();
    rows.iter()
        .map(|row| match (&row.user_email, &row.problem) {
            (Some(email), None) => match licenses.get(&email.key()) {
                Some(license) => result(row, RowOutcome::Assigned, Some(*license)),
                None if held.is_some_and(|held| !held.contains(&email.key())) => result(row, without, None),
                None => result(row, RowOutcome::AlreadyAssociated, None),
            },
            _ => result(row, RowOutcome::Invalid, None),
        })
        .collect()
}

fn revocations(rows: &[Row], revoked: &Revocations) -> Vec<RowResult> {
    let of: std::collections::HashMap<EmailKey, &Revocation> =
        revoked.iter().map(|(email, revocation)| (email.key(), revocation)).collect();
    rows.iter()
        .map(|row| match (&row.user_email, &row.problem) {
            (Some(email), None) => match of.get(&email.key()) {
                Some(Revocation::Revoked { license, .. }) => result(row, RowOutcome::Revoked, Some(*license)),
                Some(Revocation::CapReached) => result(row, RowOutcome::CapReached, None),
                Some(Revocation::NotFound) | None => result(row, RowOutcome::NotFound, None),
            },
            _ => result(row, RowOutcome::Invalid, None),
        })
        .collect()
}

fn transfers(rows: &[Row], moved: &Transfers) -> Vec<RowResult> {
    let of: std::collections::HashMap<EmailKey, &Transferred> =
        moved.iter().map(|(email, moved)| (email.key(), moved)).collect();
    rows.iter()
        .map(|row| match (&row.user_email, &row.problem) {
            (Some(email), None) => match of.get(&email.key()) {
                Some(Transferred::Moved(license)) => result(row, RowOutcome::Transferred, Some(*license)),
                Some(Transferred::Taken) => RowResult {
                    detail: Some("The learner holds a license of the other plan.".to_owned()),
                    ..result(row, RowOutcome::Refused, None)
                },
                Some(Transferred::NotFound) | None => result(row, RowOutcome::NotFound, None),
            },
            _ => result(row, RowOutcome::Invalid, None),
        })
        .collect()
}
