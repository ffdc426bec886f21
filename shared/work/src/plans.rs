//! Plans by the clock: a plan that is due is looked at, and what is to happen to it is begun as a run.

use std::{borrow::Cow, fmt, sync::Arc};

use license_domain::{
    AgreementId, Clock, DuePlan, Job, JobId, JobKind, JobParams, JobState, LicenseStatus, PlanId, PlanWork,
    PlanWorkKind, Prospect, Random, RowFilter, Stamp, Timestamp,
    plan_work::{self, Concerns, Facts, Rules},
};
use license_messaging::Outgoing;
use license_storage::{AuditTrails, Change, Jobs, OpenedRenewal, PlanDays, PlanWorks, Portfolios, Renew, RenewError};

use crate::{ALL_LANES, WorkError, lane_message};

/// Who does what the clock does, unless an operator does it by hand.
const ACTOR: &str = "license-manager";

/// Plans by the clock.
#[derive(Clone)]
pub struct Plans {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pub(crate) portfolios: Arc<dyn Portfolios>,
    jobs: Arc<dyn Jobs>,
    works: Arc<dyn PlanWorks>,
    renew: Arc<dyn Renew>,
    pub(crate) days: Arc<dyn PlanDays>,
    pub(crate) trails: Arc<dyn AuditTrails>,
    rules: Arc<Rules>,
    actor: Cow<'static, str>,
    reason: Option<String>,
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plans")
    }
}

/// What looking at a plan came to.
#[derive(Debug)]
pub struct Looked {
    /// What was begun.
    pub begun: Option<Begun>,
    /// When the plan is looked at next; `None`: nothing more will happen to it until it is changed.
    pub next: Option<Timestamp>,
    /// How often something that is due was refused since.
    pub attempts: u32,
    /// Why its renewal would be refused, or was, if operators are to hear of it by now.
    pub refused: Option<String>,
    /// Why an operator is to look at it; `None`: that was not looked at.
    pub concerns: Option<Concerns>,
}

/// Work that was begun.
#[derive(Debug)]
pub struct Begun {
    /// What.
    pub work: PlanWorkKind,
    /// Its run.
    pub run: JobId,
    /// The messages that let it start at once.
    pub messages: Vec<Outgoing>,
}

impl Looked {
    /// The work was begun; the plan is looked at again soon.
    fn begun(work: PlanWorkKind, run: &Job, now: Timestamp) -> Self {
        let begun = Begun { work, run: run.uuid, messages: vec![lane_message(run, ALL_LANES, 0)] };
        Self { begun: Some(begun), ..Self::later(now) }
    }

    /// Other work is under way, or another process was faster: the plan is looked at again soon.
    fn later(now: Timestamp) -> Self {
        Self { next: Some(now + plan_work::WORK_WAIT), ..Self::GONE }
    }

    /// There is no such plan.
    const GONE: Self = Self { begun: None, next: None, attempts: 0, refused: None, concerns: None };
}

/// What asking for work on a plan came to.
#[derive(Debug)]
pub enum Asked {
    /// Its run is on record; the sweeper lets it start within a minute or two.
    Begun(JobId),
    /// This run works on the plan.
    UnderWay(JobId),
    /// It is not due, or something else is done first.
    Waits(String),
    /// It is refused.
    Refused(String),
}

impl Plans {
    /// Those in that store.
    pub fn new<S>(store: &Arc<S>, clock: Arc<dyn Clock>, random: Arc<dyn Random>, rules: Rules) -> Self
    where
        S: Portfolios + Jobs + PlanWorks + Renew + PlanDays + AuditTrails + 'static,
    {
        Self {
            clock,
            random,
            portfolios: store.clone(),
            jobs: store.clone(),
            works: store.clone(),
            renew: store.clone(),
            days: store.clone(),
            trails: store.clone(),
            rules: Arc::new(rules),
            actor: Cow::Borrowed(ACTOR),
            reason: None,
        }
    }

    /// The same, for another actor.
    #[must_use]
    pub fn by(self, actor: impl Into<Cow<'static, str>>) -> Self {
        Self { actor: actor.into(), ..self }
    }

    /// The same, with that reason of what is begun in place of the work's name.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// What may happen to a plan, without doing anything: the dry run of [`Self::look`]. `None`: there is no such plan.
    pub async fn prospects(&self, agreement: AgreementId, plan: PlanId) -> Result<Option<Vec<Prospect>>, WorkError> {
        let Some(portfolio) = self.portfolios.portfolio(agreement).await? else { return Ok(None) };
        let Some(plan) = portfolio.plan(plan) else { return Ok(None) };
        let last = self.works.plan_work(agreement, plan.uuid).await?;
        let counts = self.portfolios.seat_counts(&plan_work::counted(&portfolio, plan)).await?;
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
    /// 2. Nothing is due: it is looked at when something will be. What was refused waits longer each time.
    /// 3. The first thing that is due is begun: its run is put on record as the plan's work, on condition that no other
    ///    sweeper has begun anything. The run of a renewal is opened as by a request, and then put on record.
    pub async fn look(&self, due: &DuePlan, request_id: &str) -> Result<Looked, WorkError> {
        let now = self.clock.now();
        let Some(portfolio) = self.portfolios.portfolio(due.agreement).await? else { return Ok(Looked::GONE) };
        let Some(plan) = portfolio.plan(due.plan) else { return Ok(Looked::GONE) };
        self.take_day(plan, now).await;
        let last = self.works.plan_work(due.agreement, due.plan).await?;
        if let Some(last) = &last
            && self.jobs.job(last.run).await?.is_some_and(|run| run.state.is_open())
        {
            return Ok(Looked::later(now));
        }
        let counts = self.portfolios.seat_counts(&plan_work::counted(&portfolio, plan)).await?;
        let facts = Facts { portfolio: &portfolio, plan, counts: &counts, last: last.as_ref(), rules: &self.rules };
        let prospects = plan_work::prospects(facts, now);
        let refused = plan_work::refused(&prospects, now);
        let looked = match plan_work::due(&prospects) {
            Some(prospect) => self.begin(facts, prospect, due.attempts, request_id).await?,
            None => Looked {
                next: plan_work::next_look(&prospects, due.attempts, now),
                attempts: refused.filter(|refused| refused.at <= Some(now)).map_or(0, |_| due.attempts + 1),
                ..Looked::GONE
            },
        };
        let refused = looked.refused.or_else(|| refused.map(|refused| refused.why.clone()));
        Ok(Looked { refused, concerns: Some(plan_work::concerns(facts, &prospects, now)), ..looked })
    }

    /// Begins that work on a plan, if it is the first that is due of it.
    pub async fn ask(
        &self,
        agreement: AgreementId,
        plan: PlanId,
        work: PlanWorkKind,
        request_id: &str,
    ) -> Result<Asked, WorkError> {
        let portfolio = self.portfolios.portfolio(agreement).await?.ok_or(WorkError::Gone("agreement"))?;
        let plan = portfolio.plan(plan).ok_or(WorkError::Gone("plan"))?;
        let last = self.works.plan_work(agreement, plan.uuid).await?;
        if let Some(last) = &last
            && self.jobs.job(last.run).await?.is_some_and(|run| run.state.is_open())
        {
            return Ok(Asked::UnderWay(last.run));
        }
        let counts = self.portfolios.seat_counts(&plan_work::counted(&portfolio, plan)).await?;
        let facts = Facts { portfolio: &portfolio, plan, counts: &counts, last: last.as_ref(), rules: &self.rules };
        let prospects = plan_work::prospects(facts, self.clock.now());
        match plan_work::due(&prospects) {
            Some(prospect) if prospect.work == work => {
                let looked = self.begin(facts, prospect, 0, request_id).await?;
                Ok(match (looked.refused, looked.begun) {
                    (Some(why), _) => Asked::Refused(why),
                    (None, Some(begun)) => Asked::Begun(begun.run),
                    (None, None) => Asked::Waits("Another process was faster.".to_owned()),
                })
            }
            Some(prospect) => Ok(Asked::Waits(format!("{} comes first.", prospect.work.as_str()))),
            None => Ok(Asked::Waits("It is not due any more.".to_owned())),
        }
    }

    /// Begins what is due.
    async fn begin(
        &self,
        facts: Facts<'_>,
        prospect: &Prospect,
        attempts: u32,
        request_id: &str,
    ) -> Result<Looked, WorkError> {
        let now = self.clock.now();
        let Facts { portfolio, plan, last, .. } = facts;
        let stamp = self.stamp(prospect.work, request_id);
        let run = if prospect.work == PlanWorkKind::ProcessRenewal {
            let Some(renewal) = portfolio.renewal_of(plan.uuid) else { return Ok(Looked::later(now)) };
            match self.renew.open_renewal(renewal.id, &Change::from(stamp)).await {
                Ok(OpenedRenewal::UnderWay(run)) => run,
                Ok(OpenedRenewal::Processed(_)) | Err(RenewError::Missing) => return Ok(Looked::later(now)),
                Err(RenewError::Refused(refusal)) => {
                    // Something changed since the rules were asked.
                    let refused = Some(format!("Renewal {} was refused. {refusal}", renewal.id));
                    let next = Some(now + plan_work::REFUSED.after(attempts));
                    return Ok(Looked { next, attempts: attempts.saturating_add(1), refused, ..Looked::GONE });
                }
                Err(RenewError::Store(error)) => return Err(error.into()),
            }
        } else {
            self.run(prospect.work, facts, &stamp)
        };
        let work = PlanWork::begun(plan, last, &run);
        let is_first = if prospect.work == PlanWorkKind::ProcessRenewal {
            self.works.note_plan_work(last, &work).await?
        } else {
            self.works.begin_plan_work(last, &work, &run).await?
        };
        if !is_first {
            return Ok(Looked::later(now));
        }
        tracing::info!(plan = %plan.uuid, run = %run.uuid, work = work.kind.as_str(), why = prospect.why, "work begins");
        Ok(Looked::begun(prospect.work, &run, now))
    }

    fn stamp(&self, work: PlanWorkKind, request_id: &str) -> Stamp {
        Stamp {
            actor: self.actor.clone().into_owned(),
            actor_lms_user_id: None,
            reason: self.reason.as_deref().unwrap_or(work.as_str()).to_owned(),
            request_id: request_id.to_owned(),
            at: self.clock.now(),
        }
    }

    /// The run that does it. It belongs to no requester, and is never given up.
    fn run(&self, work: PlanWorkKind, facts: Facts<'_>, stamp: &Stamp) -> Job {
        let run = Job::internal(self.random.job_id(), work.run(), &facts.portfolio.agreement, stamp);
        let since = plan_work::since(facts, work);
        let params = JobParams { filter: Some(filter(run.kind)), since, ..JobParams::default() };
        Job { state: JobState::Pending, subscription_plan: Some(facts.plan.uuid), params, ..run }
    }
}

/// Which licenses the work is about.
fn filter(kind: JobKind) -> RowFilter {
    let statuses = match kind {
        JobKind::Unlink => vec![LicenseStatus::Assigned, LicenseStatus::Activated],
        kind if kind.is_announcement() => vec![LicenseStatus::Activated],
        JobKind::Expire | JobKind::Purge => {
            vec![LicenseStatus::Assigned, LicenseStatus::Activated, LicenseStatus::Revoked]
        }
        _ => Vec::new(),
    };
    RowFilter { statuses, search: Vec::new() }
}
