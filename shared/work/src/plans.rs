//! Plans by the clock: a plan that is due is looked at, and what is to happen to it is begun as a run.

use std::{fmt, sync::Arc};

use license_domain::{
    AgreementId, Clock, DuePlan, Job, JobKind, JobParams, JobState, LicenseStatus, PlanId, PlanWork, PlanWorkKind,
    Portfolio, Prospect, Random, RowFilter, SeatCounts, Stamp, SubscriptionPlan, Timestamp,
    plan_work::{self, Facts, Rules},
};
use license_messaging::Outgoing;
use license_storage::{Jobs, PlanWorks, Portfolios};

use crate::{ALL_LANES, WorkError, lane_message};

/// Who does what the clock does.
const ACTOR: &str = "license-manager";

/// Plans by the clock.
#[derive(Clone)]
pub struct Plans {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    portfolios: Arc<dyn Portfolios>,
    jobs: Arc<dyn Jobs>,
    works: Arc<dyn PlanWorks>,
    rules: Arc<Rules>,
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plans")
    }
}

/// What looking at a plan came to.
#[derive(Debug)]
pub struct Looked {
    /// What was begun, with the messages that let it start.
    pub begun: Option<(PlanWorkKind, Vec<Outgoing>)>,
    /// When the plan is looked at next; `None`: nothing more will happen to it until it is changed.
    pub next: Option<Timestamp>,
}

impl Plans {
    /// Those in that store.
    pub fn new<S>(store: &Arc<S>, clock: Arc<dyn Clock>, random: Arc<dyn Random>, rules: Rules) -> Self
    where
        S: Portfolios + Jobs + PlanWorks + 'static,
    {
        Self { clock, random, portfolios: store.clone(), jobs: store.clone(), works: store.clone(), rules: Arc::new(rules) }
    }

    /// What may happen to a plan, without doing anything: the dry run of [`Self::look`]. `None`: there is no such plan.
    pub async fn prospects(&self, agreement: AgreementId, plan: PlanId) -> Result<Option<Vec<Prospect>>, WorkError> {
        let Some(portfolio) = self.portfolios.portfolio(agreement).await? else { return Ok(None) };
        let Some(plan) = portfolio.plan(plan) else { return Ok(None) };
        let last = self.works.plan_work(agreement, plan.uuid).await?;
        let counts = self.counts(plan).await?;
        let facts = Facts { portfolio: &portfolio, plan, counts: &counts, last: last.as_ref(), rules: &self.rules };
        Ok(Some(plan_work::prospects(facts, self.clock.now())))
    }

    /// The plans on which something is due, and what, without doing anything: of the first `limit` that are due to be
    /// looked at.
    pub async fn due(&self, limit: usize) -> Result<Vec<(DuePlan, Prospect)>, WorkError> {
        let mut found = Vec::new();
        for due in self.works.due_plans(limit).await? {
            let prospects = self.prospects(due.agreement, due.plan).await?.unwrap_or_default();
            found.extend(plan_work::due(&prospects).map(|prospect| (due, prospect.clone())));
        }
        Ok(found)
    }

    /// Looks at a plan that is due.
    ///
    /// 1. Work on it is under way: it is looked at again soon.
    /// 2. Nothing is due: it is looked at when something will be.
    /// 3. The first thing that is due is begun: its run is put on record as the plan's work, on condition that no other
    ///    sweeper has begun anything.
    pub async fn look(&self, due: &DuePlan, request_id: &str) -> Result<Looked, WorkError> {
        let now = self.clock.now();
        let later = |begun| Looked { begun, next: Some(now + plan_work::WORK_WAIT) };
        let Some(portfolio) = self.portfolios.portfolio(due.agreement).await? else {
            return Ok(Looked { begun: None, next: None });
        };
        let Some(plan) = portfolio.plan(due.plan) else { return Ok(Looked { begun: None, next: None }) };
        let last = self.works.plan_work(due.agreement, due.plan).await?;
        if let Some(last) = &last
            && self.jobs.job(last.run).await?.is_some_and(|run| run.state.is_open())
        {
            return Ok(later(None));
        }
        let counts = self.counts(plan).await?;
        let facts = Facts { portfolio: &portfolio, plan, counts: &counts, last: last.as_ref(), rules: &self.rules };
        let prospects = plan_work::prospects(facts, now);
        let Some(prospect) = plan_work::due(&prospects) else {
            return Ok(Looked { begun: None, next: plan_work::next_look(&prospects, now) });
        };
        let run = self.run(prospect.work, &portfolio, due.plan, request_id);
        let work = PlanWork::begun(plan, last.as_ref(), &run);
        if !self.works.begin_plan_work(last.as_ref(), &work, &run).await? {
            return Ok(later(None));
        }
        tracing::info!(plan = %due.plan, run = %run.uuid, work = work.kind.as_str(), why = prospect.why, "work begins");
        Ok(later(Some((prospect.work, vec![lane_message(&run, ALL_LANES, 0)]))))
    }

    async fn counts(&self, plan: &SubscriptionPlan) -> Result<SeatCounts, WorkError> {
        Ok(self.portfolios.seat_counts(&[plan]).await?.remove(&plan.uuid).unwrap_or_default())
    }

    /// The run that does it. It belongs to no requester, and is never given up.
    fn run(&self, work: PlanWorkKind, portfolio: &Portfolio, plan: PlanId, request_id: &str) -> Job {
        let stamp = Stamp {
            actor: ACTOR.to_owned(),
            actor_lms_user_id: None,
            reason: work.as_str().to_owned(),
            request_id: request_id.to_owned(),
            at: self.clock.now(),
        };
        let run = Job::internal(self.random.job_id(), work.run(), &portfolio.agreement, &stamp);
        let params = JobParams { filter: Some(filter(run.kind)), ..JobParams::default() };
        Job { state: JobState::Pending, subscription_plan: Some(plan), params, ..run }
    }
}

/// Which licenses the work is about.
fn filter(kind: JobKind) -> RowFilter {
    let statuses = match kind {
        JobKind::Unlink => vec![LicenseStatus::Assigned, LicenseStatus::Activated],
        JobKind::Expire | JobKind::Purge => vec![LicenseStatus::Assigned, LicenseStatus::Activated, LicenseStatus::Revoked],
        _ => Vec::new(),
    };
    RowFilter { statuses, search: Vec::new() }
}
