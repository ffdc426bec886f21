//! Examines due runs: interrupted requests, renewals, jobs without progress for any reason, jobs with rows that wait
//! for seats. A run without progress gets its messages again; workers do the work.
//!
//! It also looks at due plans and begins their work as runs.
//!
//! Every minute all due runs are examined, each customer in turn. A run is postponed before it is examined, longer each
//! time, so that it cannot block others, even if it ends this process.
//!
//! It also updates the rosters of larger plans (docs/decisions/0039-the-roster.md).

mod compose;
mod plans;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::TimeDelta;
use lambda_runtime::LambdaEvent;
use license_domain::{
    Clock, Due, DuePlan, JobId, PlanWorkKind, Timestamp, Waits,
    due::in_turns,
    sweep::{LastSweep, LastWork},
};
use license_messaging::Queues;
use license_storage::{Erasure, PlanWorks, RosterOutcome, Rosters, StoreError, Sweep, SweepRecords};
use license_telemetry::metrics::{self, Unit};
use license_work::{Examined, Looked, Plans, RunRecords, RunStatus, WorkError};
use serde::Serialize;
use serde_json::Value;

pub use self::compose::{SETTINGS, compose};

/// The most due runs that one invocation examines; the next one, a minute later, examines the others.
const MAX_DUE: usize = 1_000;

/// For how long one invocation begins examinations.
const TIME: TimeDelta = TimeDelta::seconds(180);

/// For how long one invocation rewrites items that name retired persons. Runs come first: the function has 300 seconds.
const ERASURE_TIME: TimeDelta = TimeDelta::seconds(60);
/// The most rosters that one invocation updates.
const MAX_ROSTERS: usize = 100;

/// The most open runs that are searched for those without progress.
const MAX_EXAMINED: usize = 300;

/// How long a run may make no progress before it is counted. One turn of it takes a minute at most.
const MAX_WITHOUT_PROGRESS: TimeDelta = TimeDelta::minutes(15);

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub clock: Arc<dyn Clock>,
    /// Finds and postpones due runs.
    pub sweep: Arc<dyn Sweep>,
    /// The record of the last run.
    pub records: Arc<dyn SweepRecords>,
    /// Erases retired persons from items that stay.
    pub erasure: Arc<dyn Erasure>,
    /// The records of runs.
    pub runs: Arc<dyn Runs>,
    /// Rosters that are due.
    pub rosters: Arc<dyn Rosters>,
    /// Plans by the time at which they are looked at.
    pub plan_works: Arc<dyn PlanWorks>,
    /// What is to happen to a plan.
    pub plans: Arc<dyn LooksAtPlans>,
    /// The queue of the workers.
    pub queues: Arc<dyn Queues>,
}

/// The examination of runs.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Examines a run that was postponed so many times since its last progress.
    async fn examine(&self, run: JobId, attempts: u32) -> Result<Examined, WorkError>;

    /// Pending or running runs whose record and lanes have not changed since then.
    async fn without_progress(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, WorkError>;
}

#[async_trait]
impl Runs for RunRecords {
    async fn examine(&self, run: JobId, attempts: u32) -> Result<Examined, WorkError> {
        Self::examine(self, run, attempts).await
    }

    async fn without_progress(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, WorkError> {
        Self::without_progress(self, since, limit).await
    }
}

/// What is to happen to plans.
#[async_trait]
pub trait LooksAtPlans: Send + Sync {
    /// Looks at a plan that is due, and begins what is due of it.
    async fn look(&self, due: &DuePlan, request_id: &str) -> Result<Looked, WorkError>;
}

#[async_trait]
impl LooksAtPlans for Plans {
    async fn look(&self, due: &DuePlan, request_id: &str) -> Result<Looked, WorkError> {
        Self::look(self, due, request_id).await
    }
}

/// The result of one invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Runs that made no progress, or wait for seats that are free now, and got their messages.
    pub resumed: usize,
    /// Runs that could not be examined; they are postponed.
    pub failed: usize,
    /// Rosters that were built or updated.
    pub rosters: usize,
    /// Rosters that could not be updated; they are postponed.
    pub rosters_failed: usize,
    /// Plans on which work was begun.
    pub begun: usize,
    /// Plans that could not be looked at; they are postponed.
    pub plans_failed: usize,
    /// Plans whose renewal is, or would be, refused.
    pub refused: usize,
    /// Runs that have made no progress for too long. `None`: they could not be read.
    pub without_progress: Option<usize>,
}

/// Handles the schedule's event. One bad run does not stop the others; an error is returned only if the list of due
/// runs could not be read.
pub async fn handle(context: &Context, event: LambdaEvent<EventBridgeEvent<Value>>) -> Result<Report, StoreError> {
    let request_id = event.context.request_id.as_str();
    let began = context.clock.now();
    let until = began + TIME;
    let mut report = Report::default();
    for due in in_turns(context.sweep.due(MAX_DUE).await?) {
        if context.clock.now() >= until {
            break;
        }
        if let Err(error) = take_up(context, due, &mut report).await {
            let (run, attempts) = (due.run, due.attempts);
            tracing::error!(request_id, %run, attempts, %error, "run {run} could not be examined, it is postponed");
            metrics::failure("SweepFailed", error.metric());
            report.failed += 1;
        }
    }
    let works = plans::look(context, request_id, until, &mut report).await;
    if report != Report::default() {
        let Report { resumed, failed, begun, plans_failed, .. } = report;
        tracing::info!(request_id, resumed, failed, begun, plans_failed, "due runs and plans were examined");
    }
    erase(context, request_id).await;
    report.without_progress = count_without_progress(context, request_id).await;
    update_rosters(context, request_id, &mut report).await;
    record(context, request_id, (began, works), report).await;
    Ok(report)
}

/// Puts the run on record for operators. Nothing depends on it, so that a failure is no reason to fail.
async fn record(context: &Context, request_id: &str, (began, works): (Timestamp, Vec<PlanWorkKind>), report: Report) {
    let works: BTreeSet<PlanWorkKind> = works.into_iter().collect();
    let sweep = LastSweep {
        began,
        ended: context.clock.now(),
        resumed: report.resumed,
        begun: report.begun,
        failed: report.failed + report.plans_failed + report.rosters_failed,
        works: works.into_iter().map(|work| LastWork { work, at: began }).collect(),
    };
    let recorded = async {
        let before = context.records.last_sweep().await?;
        context.records.record_sweep(&sweep.after(before.as_ref())).await
    };
    if let Err(error) = recorded.await {
        tracing::error!(request_id, %error, "the run is not on record");
    }
}

/// Updates due rosters, after all runs: only the speed of lists depends on rosters.
async fn update_rosters(context: &Context, request_id: &str, report: &mut Report) {
    let until = context.clock.now() + TIME;
    let due = match context.rosters.due_rosters(MAX_ROSTERS).await {
        Ok(due) => due,
        Err(error) => {
            tracing::error!(request_id, %error, "due rosters could not be read");
            return;
        }
    };
    for due in due {
        if context.clock.now() >= until {
            break;
        }
        let plan = due.plan;
        match context.rosters.update_roster(&due).await {
            Ok(RosterOutcome::Built | RosterOutcome::Compacted) => report.rosters += 1,
            Ok(RosterOutcome::Refused) => report.rosters_failed += 1,
            Ok(RosterOutcome::Taken | RosterOutcome::Removed | RosterOutcome::Kept) => {}
            Err(error) => {
                tracing::error!(request_id, %plan, %error, "the roster of plan {plan} is not up to date, will retry");
                metrics::failure("RosterFailed", error.metric());
                report.rosters_failed += 1;
            }
        }
    }
}

/// Continues the erasure of retired persons. Reads leave them out in the meantime, so that a failure can wait for the
/// next minute.
async fn erase(context: &Context, request_id: &str) {
    match context.erasure.erase_retired(context.clock.now() + ERASURE_TIME).await {
        Ok(0) => {}
        Ok(items) => tracing::info!(request_id, items, "items were rewritten without those who retired"),
        Err(error) => {
            tracing::error!(request_id, %error, "the retired are not erased yet");
            metrics::failure("ErasureFailed", error.metric());
        }
    }
}

/// Counts the runs that have made no progress for too long, after the examination of all. A run with progress is not
/// counted, however long it takes. The metric is written each time, so that its alarm ends by itself; if the table does
/// not respond, it is missing.
async fn count_without_progress(context: &Context, request_id: &str) -> Option<usize> {
    let since = context.clock.now() - MAX_WITHOUT_PROGRESS;
    let runs = match context.runs.without_progress(since, MAX_EXAMINED).await {
        Ok(runs) => runs,
        Err(error) => {
            tracing::error!(request_id, %error, "runs without progress could not be read");
            return None;
        }
    };
    for run in &runs {
        tracing::error!(request_id, %run, "run {run} makes no progress");
    }
    let count = f64::from(u32::try_from(runs.len()).expect("it is MAX_EXAMINED at most"));
    metrics::record("RunsWithoutProgress", count, Unit::Count, &[]);
    Some(runs.len())
}

/// 1. Postpone the run, by a time that grows with each attempt. If another sweeper did: that one has the run.
/// 2. Examine it. If it makes no progress: send the messages that resume it.
/// 3. If it makes progress, or waits for seats: it is examined again after its own time.
async fn take_up(context: &Context, due: Due, report: &mut Report) -> Result<(), WorkError> {
    let postpone = async |seen: &Due, waits: Waits, (wait, attempts): (u32, u32)| {
        context.sweep.postpone(seen, context.clock.now() + waits.after(wait), attempts).await
    };
    let next = due.attempts.saturating_add(1);
    // Its own wait is known only after it is read; until then the shortest wait applies.
    let Some(taken) = postpone(&due, Waits::INTERNAL, (due.attempts, next)).await? else { return Ok(()) };
    let run = due.run;
    let Examined { status, waits } = context.runs.examine(run, due.attempts).await?;
    match status {
        RunStatus::StandsStill(messages) => {
            tracing::info!(%run, attempts = due.attempts, "run {run} made no progress and is resumed");
            context.queues.send(messages).await?;
            report.resumed += 1;
            if waits != Waits::INTERNAL {
                postpone(&taken, waits, (due.attempts, next)).await?;
            }
        }
        RunStatus::Moving => {
            postpone(&taken, waits, (0, 0)).await?;
        }
        RunStatus::WaitsForSeats => {
            postpone(&taken, Waits::SEATS, (due.attempts, next)).await?;
        }
        RunStatus::GivenUp => tracing::error!(%run, "run {run} made no progress for too long and is given up"),
        RunStatus::Ended => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use license_domain::{
        AgreementId, Job, PlanId, PlanWork,
        plan_work::{Concern, ConcerningPlan, Concerns},
    };
    use license_messaging::{MessagingError, Outgoing, Queue};
    use license_storage::DueRoster;
    use license_work::Begun;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const GOOD: JobId = JobId(Uuid::from_u128(1));
    const BAD: JobId = JobId(Uuid::from_u128(2));
    const ENDED: JobId = JobId(Uuid::from_u128(3));

    #[derive(Default)]
    struct Fake {
        is_down: bool,
        examined: Mutex<Vec<JobId>>,
        postponed: Mutex<Vec<(Timestamp, u32)>>,
        plans: Mutex<Vec<(u128, u32)>>,
        settled: Mutex<Vec<u128>>,
        sweeps: Mutex<Vec<LastSweep>>,
    }

    impl Clock for Fake {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    #[async_trait]
    impl Sweep for Fake {
        async fn due(&self, limit: usize) -> Result<Vec<Due>, StoreError> {
            if self.is_down {
                return Err(StoreError::Unavailable { operation: "due", cause: "down".to_owned() });
            }
            let due = |run| Due { run, agreement: AgreementId(Uuid::nil()), at: Timestamp::UNIX_EPOCH, attempts: 2 };
            Ok([GOOD, BAD, ENDED].into_iter().map(due).take(limit).collect())
        }

        async fn postpone(&self, seen: &Due, at: Timestamp, attempts: u32) -> Result<Option<Due>, StoreError> {
            self.postponed.lock().expect("not poisoned").push((at, attempts));
            Ok(Some(Due { at, attempts, ..*seen }))
        }
    }

    #[async_trait]
    impl SweepRecords for Fake {
        async fn record_sweep(&self, sweep: &LastSweep) -> Result<(), StoreError> {
            self.sweeps.lock().expect("not poisoned").push(sweep.clone());
            Ok(())
        }

        async fn last_sweep(&self) -> Result<Option<LastSweep>, StoreError> {
            Ok(None)
        }
    }

    #[async_trait]
    impl Erasure for Fake {
        async fn erase_retired(&self, until: Timestamp) -> Result<usize, StoreError> {
            assert_eq!(until, Timestamp::UNIX_EPOCH + ERASURE_TIME);
            Err(StoreError::Unavailable { operation: "erasure", cause: "down".to_owned() })
        }
    }

    #[async_trait]
    impl Runs for Fake {
        async fn examine(&self, run: JobId, _: u32) -> Result<Examined, WorkError> {
            self.examined.lock().expect("not poisoned").push(run);
            let status = match run {
                BAD => return Err(WorkError::Gone("agreement")),
                GOOD => RunStatus::StandsStill(Vec::new()),
                _ => RunStatus::Ended,
            };
            Ok(Examined { status, waits: Waits::INTERNAL })
        }

        async fn without_progress(&self, since: Timestamp, _: usize) -> Result<Vec<JobId>, WorkError> {
            assert_eq!(since, Timestamp::UNIX_EPOCH - TimeDelta::minutes(15));
            Ok(vec![JobId(Uuid::from_u128(4)), JobId(Uuid::from_u128(5))])
        }
    }

    #[async_trait]
    impl Rosters for Fake {
        async fn due_rosters(&self, _: usize) -> Result<Vec<DueRoster>, StoreError> {
            let due = |n| DueRoster { plan: PlanId(Uuid::from_u128(n)), place: String::new() };
            Ok(vec![due(1), due(2)])
        }

        async fn update_roster(&self, due: &DueRoster) -> Result<RosterOutcome, StoreError> {
            match due.plan.0.as_u128() {
                1 => Err(StoreError::Contention { operation: "roster", attempts: 1 }),
                _ => Ok(RosterOutcome::Built),
            }
        }
    }

    #[async_trait]
    impl PlanWorks for Fake {
        async fn due_plans(&self, limit: usize) -> Result<Vec<DuePlan>, StoreError> {
            let due = |plan: u128| DuePlan {
                plan: PlanId(Uuid::from_u128(plan)),
                agreement: AgreementId(Uuid::nil()),
                at: Timestamp::UNIX_EPOCH,
                attempts: 0,
            };
            Ok([7, 8, 9, 10].into_iter().map(due).take(limit).collect())
        }

        async fn next_plan(&self) -> Result<Option<DuePlan>, StoreError> {
            panic!("the console does")
        }

        async fn marked_plans(&self) -> Result<Vec<DuePlan>, StoreError> {
            panic!("an operator's command does")
        }

        async fn postpone_plan(
            &self,
            seen: &DuePlan,
            at: Timestamp,
            attempts: u32,
        ) -> Result<Option<DuePlan>, StoreError> {
            self.plans.lock().expect("not poisoned").push((seen.plan.0.as_u128(), attempts));
            Ok(Some(DuePlan { at, attempts, ..*seen }))
        }

        async fn record_look(
            &self,
            seen: &DuePlan,
            next: Option<(Timestamp, u32)>,
            concerns: Option<&Concerns>,
        ) -> Result<(), StoreError> {
            let plan = seen.plan.0.as_u128();
            assert_eq!(concerns.is_some(), plan == 10);
            match next {
                Some((_, attempts)) => self.plans.lock().expect("not poisoned").push((plan, attempts)),
                None => self.settled.lock().expect("not poisoned").push(plan),
            }
            Ok(())
        }

        async fn concerning_plans(&self, _: Option<&str>, _: usize) -> Result<Vec<ConcerningPlan>, StoreError> {
            panic!("the console does")
        }

        async fn look_at_plan(&self, _: AgreementId, _: PlanId, _: Timestamp) -> Result<(), StoreError> {
            panic!("the sweeper does not")
        }

        async fn plan_work(&self, _: AgreementId, _: PlanId) -> Result<Option<PlanWork>, StoreError> {
            panic!("looking is another's")
        }

        async fn begin_plan_work(&self, _: Option<&PlanWork>, _: &PlanWork, _: &Job) -> Result<bool, StoreError> {
            panic!("looking is another's")
        }

        async fn note_plan_work(&self, _: Option<&PlanWork>, _: &PlanWork) -> Result<bool, StoreError> {
            panic!("looking is another's")
        }
    }

    #[async_trait]
    impl LooksAtPlans for Fake {
        async fn look(&self, due: &DuePlan, _: &str) -> Result<Looked, WorkError> {
            let next = Some(Timestamp::UNIX_EPOCH + TimeDelta::hours(1));
            match due.plan.0.as_u128() {
                7 => Err(WorkError::Gone("agreement")),
                8 => {
                    let work = PlanWorkKind::ExpireSubscription;
                    let begun = Some(Begun { work, run: GOOD, messages: Vec::new() });
                    Ok(Looked { begun, next, attempts: 0, refused: None, concerns: None })
                }
                9 => Ok(Looked { begun: None, next: None, attempts: 0, refused: None, concerns: None }),
                _ => {
                    let concerns = Concerns { list: vec![Concern::RenewalRefused], ends: Timestamp::UNIX_EPOCH };
                    let refused = Some("too few".to_owned());
                    Ok(Looked { begun: None, next, attempts: 5, refused, concerns: Some(concerns) })
                }
            }
        }
    }

    #[async_trait]
    impl Queues for Fake {
        async fn send(&self, _: Vec<Outgoing>) -> Result<(), MessagingError> {
            Ok(())
        }

        async fn back_off(&self, _: Queue, _: &str, _: u32) -> Result<(), MessagingError> {
            Ok(())
        }
    }

    fn context(fake: &Arc<Fake>) -> Context {
        Context {
            clock: fake.clone(),
            sweep: fake.clone(),
            records: fake.clone(),
            erasure: fake.clone(),
            runs: fake.clone(),
            rosters: fake.clone(),
            plan_works: fake.clone(),
            plans: fake.clone(),
            queues: fake.clone(),
        }
    }

    fn tick() -> LambdaEvent<EventBridgeEvent<Value>> {
        let event = json!({
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": "2026-11-23T10:46:00Z",
            "region": "eu-central-1",
            "resources": ["arn:aws:events:eu-central-1:123456789012:rule/batches"],
            "detail": {},
        });
        LambdaEvent::new(serde_json::from_value(event).expect("a scheduled event"), lambda_runtime::Context::default())
    }

    #[tokio::test]
    async fn a_bad_run_does_not_stop_the_others() {
        let fake = Arc::new(Fake::default());
        let report = handle(&context(&fake), tick()).await.expect("a report");
        let without_progress = Some(2);
        let plans = Report { begun: 1, plans_failed: 1, refused: 1, ..Report::default() };
        let expected = Report { resumed: 1, failed: 1, rosters: 1, rosters_failed: 1, without_progress, ..plans };
        assert_eq!(report, expected);
        let sweeps = fake.sweeps.lock().expect("not poisoned").clone();
        let works = vec![LastWork { work: PlanWorkKind::ExpireSubscription, at: Timestamp::UNIX_EPOCH }];
        let (began, ended) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        assert_eq!(sweeps, [LastSweep { began, ended, resumed: 1, begun: 1, failed: 3, works }]);
        // A plan that could not be looked at stays postponed; of one that nothing more happens to the mark ends.
        assert_eq!(*fake.plans.lock().expect("not poisoned"), [(7, 1), (8, 1), (8, 0), (9, 1), (10, 1), (10, 5)]);
        assert_eq!(*fake.settled.lock().expect("not poisoned"), [9]);
        assert_eq!(*fake.examined.lock().expect("not poisoned"), [GOOD, BAD, ENDED]);
        // All of them were postponed before: the third time by four minutes.
        let later = Timestamp::UNIX_EPOCH + TimeDelta::minutes(4);
        assert_eq!(*fake.postponed.lock().expect("not poisoned"), [(later, 3); 3]);
    }

    #[tokio::test]
    async fn without_the_list_the_invocation_fails() {
        let fake = Arc::new(Fake { is_down: true, ..Fake::default() });
        assert!(handle(&context(&fake), tick()).await.expect_err("down").is_retryable());
    }
}
