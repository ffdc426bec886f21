//! Work that should have got on by now: batches (large assignments, renewals) whose request died half-way, jobs that
//! stand still whatever ended them, jobs with rows that wait for seats.
//!
//! Every minute all of it is looked at, each customer in turn. What is taken up is postponed first, longer each time, so
//! that it cannot keep its place in front of others, even if it ends this process.

mod compose;

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::TimeDelta;
use lambda_runtime::LambdaEvent;
use license_domain::{BatchId, Clock, Due, JobId, Timestamp, Waits, Work, due::in_turns};
use license_messaging::Queues;
use license_storage::{Batches, StoreError, Sweep};
use license_telemetry::metrics::{self, Unit};
use license_work::{Engine, JobError, Look};
use serde::Serialize;
use serde_json::Value;

pub use self::compose::{SETTINGS, compose};

/// How much due work one invocation looks at, at most; the next one, a minute later, looks at the rest.
const MAX_DUE: usize = 1_000;

/// For how long one invocation takes up work. Its last batch has the rest of the function's time.
const TIME: TimeDelta = TimeDelta::seconds(180);

/// How much work is looked through for jobs that stand still, at most.
const MAX_STALLED: usize = 300;

/// For so long a job may stand still before it is counted. A turn of it is a minute at most.
const MAX_PATIENCE: TimeDelta = TimeDelta::minutes(15);

/// A batch that failed so many times, after 1, 2, 4 and 8 minutes, is counted.
const STALLED_ATTEMPTS: u32 = 4;

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Work that is due.
    pub sweep: Arc<dyn Sweep>,
    /// The batches on record.
    pub batches: Arc<dyn Batches>,
    /// Jobs.
    pub jobs: Arc<dyn ResumeJobs>,
    /// Where work waits.
    pub queues: Arc<dyn Queues>,
}

/// Jobs that are due.
#[async_trait]
pub trait ResumeJobs: Send + Sync {
    /// Looks at a job that was postponed so many times before.
    async fn look(&self, job: JobId, attempts: u32) -> Result<Look, JobError>;

    /// Jobs, pending or running, of which nothing has moved since then.
    async fn stalled(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, JobError>;
}

#[async_trait]
impl ResumeJobs for Engine {
    async fn look(&self, job: JobId, attempts: u32) -> Result<Look, JobError> {
        Self::look(self, job, attempts).await
    }

    async fn stalled(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, JobError> {
        Self::stalled(self, since, limit).await
    }
}

/// What one invocation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Batches that are done now.
    pub resumed: usize,
    /// Licenses that were handed out, or carried over.
    pub licenses: usize,
    /// Jobs that stood still, or waited for seats that are there now, and were set in motion.
    pub jobs: usize,
    /// Work that failed again, or could not be looked at; it is postponed.
    pub failed: usize,
    /// Batches and jobs that have stood still for too long. `None`: they could not be read.
    pub without_progress: Option<usize>,
}

/// Handles the schedule's event. One bad piece of work does not stop the others; an error is returned only where not
/// even the list of what is due could be read.
pub async fn handle(context: &Context, event: LambdaEvent<EventBridgeEvent<Value>>) -> Result<Report, StoreError> {
    let request_id = event.context.request_id.as_str();
    let until = context.clock.now() + TIME;
    let mut report = Report::default();
    for due in in_turns(context.sweep.due(MAX_DUE).await?) {
        if context.clock.now() >= until {
            break;
        }
        if let Err(failure) = take_up(context, due, &mut report).await {
            let work = due.work;
            tracing::error!(request_id, ?work, attempts = due.attempts, error = %failure, "work failed, and is postponed");
            metrics::failure("BatchFailed", failure.metric());
            report.failed += 1;
        }
    }
    if report != Report::default() {
        let Report { resumed, licenses, jobs, failed, .. } = report;
        tracing::info!(request_id, resumed, licenses, jobs, failed, "due work was taken up");
    }
    Ok(Report { without_progress: count_stalled(context, request_id).await, ..report })
}

/// Counts what has stood still for too long, after all that could be done for it. The metric is written each time, so
/// that its alarm ends by itself; where the table does not answer, it is missing.
async fn count_stalled(context: &Context, request_id: &str) -> Option<usize> {
    let since = context.clock.now() - MAX_PATIENCE;
    let under_way = context.sweep.under_way(MAX_DUE).await;
    let jobs = context.jobs.stalled(since, MAX_STALLED).await;
    let (under_way, jobs) = match (under_way, jobs) {
        (Ok(under_way), Ok(jobs)) => (under_way, jobs),
        (Err(error), _) => {
            tracing::error!(request_id, %error, "batches without progress could not be read");
            return None;
        }
        (_, Err(error)) => {
            tracing::error!(request_id, %error, "jobs without progress could not be read");
            return None;
        }
    };
    let is_stalled = |due: &&Due| matches!(due.work, Work::Batch(_)) && due.attempts >= STALLED_ATTEMPTS;
    let batches: Vec<&Due> = under_way.iter().filter(is_stalled).collect();
    for batch in &batches {
        tracing::error!(request_id, batch = ?batch.work, attempts = batch.attempts, "a batch makes no progress");
    }
    for job in &jobs {
        tracing::error!(request_id, %job, "a job makes no progress");
    }
    let stalled = batches.len() + jobs.len();
    metrics::record(
        "RunsWithoutProgress",
        f64::from(u32::try_from(stalled).expect("a sweep looks at some hundreds")),
        Unit::Count,
        &[],
    );
    Some(stalled)
}

/// 1. Postpone the work, by a time that grows with each attempt. Somebody else did: they have it.
/// 2. A batch: do what is left of it. A job: look at it, and send the messages that let it go on.
/// 3. A job that gets on by itself, or waits for seats: it is looked at again after its own time.
async fn take_up(context: &Context, due: Due, report: &mut Report) -> Result<(), JobError> {
    let waits = match due.work {
        Work::Batch(_) => Waits::BATCH,
        Work::Job(_) => Waits::JOB,
    };
    let postpone = async |seen: &Due, waits: Waits, (wait, attempts): (u32, u32)| {
        context.sweep.postpone(seen, context.clock.now() + waits.after(wait), attempts).await
    };
    let next = due.attempts.saturating_add(1);
    let Some(taken) = postpone(&due, waits, (due.attempts, next)).await? else { return Ok(()) };
    match due.work {
        Work::Batch(batch) => resume(context, batch, report).await?,
        Work::Job(job) => match context.jobs.look(job, due.attempts).await? {
            Look::StandsStill(messages) => {
                tracing::info!(%job, attempts = due.attempts, "a job is set in motion");
                context.queues.send(messages).await?;
                report.jobs += 1;
            }
            Look::GetsOn => {
                postpone(&taken, Waits::JOB, (0, 0)).await?;
            }
            Look::Waits => {
                postpone(&taken, Waits::SEATS, (due.attempts, next)).await?;
            }
            Look::GivenUp => tracing::error!(%job, "a job stood still for too long and is given up; it may be resumed"),
            Look::Settled => {}
        },
    }
    Ok(())
}

async fn resume(context: &Context, batch: BatchId, report: &mut Report) -> Result<(), JobError> {
    let licenses = context.batches.resume(batch).await?;
    tracing::info!(%batch, licenses, "a batch was resumed");
    report.resumed += 1;
    report.licenses += licenses;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use license_domain::{AgreementId, Timestamp};
    use license_messaging::{MessagingError, Outgoing, Queue};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const GOOD: BatchId = BatchId(Uuid::from_u128(1));
    const BAD: BatchId = BatchId(Uuid::from_u128(2));
    const BETTER: BatchId = BatchId(Uuid::from_u128(3));

    #[derive(Default)]
    struct Fake {
        is_down: bool,
        resumed: Mutex<Vec<BatchId>>,
        postponed: Mutex<Vec<(Timestamp, u32)>>,
    }

    impl Clock for Fake {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    #[async_trait]
    impl Sweep for Fake {
        async fn under_way(&self, _: usize) -> Result<Vec<Due>, StoreError> {
            let due = Due {
                work: Work::Batch(BAD),
                agreement: AgreementId(Uuid::nil()),
                at: Timestamp::UNIX_EPOCH,
                attempts: 4,
            };
            Ok(vec![due, Due { attempts: 3, ..due }, Due { work: Work::Job(JobId(Uuid::nil())), ..due }])
        }

        async fn due(&self, limit: usize) -> Result<Vec<Due>, StoreError> {
            if self.is_down {
                return Err(StoreError::Unavailable { operation: "due", cause: "down".to_owned() });
            }
            let due = |batch| Due {
                work: Work::Batch(batch),
                agreement: AgreementId(Uuid::nil()),
                at: Timestamp::UNIX_EPOCH,
                attempts: 2,
            };
            Ok([GOOD, BAD, BETTER].into_iter().map(due).take(limit).collect())
        }

        async fn postpone(&self, seen: &Due, at: Timestamp, attempts: u32) -> Result<Option<Due>, StoreError> {
            self.postponed.lock().expect("not poisoned").push((at, attempts));
            Ok(Some(Due { at, attempts, ..*seen }))
        }
    }

    #[async_trait]
    impl Batches for Fake {
        async fn resume(&self, batch: BatchId) -> Result<usize, StoreError> {
            self.resumed.lock().expect("not poisoned").push(batch);
            match batch {
                BAD => Err(StoreError::Corrupt { key: "BATCH#2".to_owned(), cause: "no plan".to_owned() }),
                BETTER => Ok(0),
                _ => Ok(90),
            }
        }
    }

    #[async_trait]
    impl ResumeJobs for Fake {
        async fn look(&self, _: JobId, _: u32) -> Result<Look, JobError> {
            Ok(Look::Settled)
        }

        async fn stalled(&self, since: Timestamp, _: usize) -> Result<Vec<JobId>, JobError> {
            assert_eq!(since, Timestamp::UNIX_EPOCH - TimeDelta::minutes(15));
            Ok(vec![JobId(Uuid::from_u128(4)), JobId(Uuid::from_u128(5))])
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
            batches: fake.clone(),
            jobs: fake.clone(),
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
    async fn a_bad_batch_does_not_stop_the_others() {
        let fake = Arc::new(Fake::default());
        let report = handle(&context(&fake), tick()).await.expect("a report");
        assert_eq!(report, Report { resumed: 2, licenses: 90, jobs: 0, failed: 1, without_progress: Some(3) });
        assert_eq!(*fake.resumed.lock().expect("not poisoned"), [GOOD, BAD, BETTER]);
        // All of it was postponed before: the third time by four minutes.
        let later = Timestamp::UNIX_EPOCH + TimeDelta::minutes(4);
        assert_eq!(*fake.postponed.lock().expect("not poisoned"), [(later, 3); 3]);
    }

    #[tokio::test]
    async fn without_the_list_the_invocation_fails() {
        let fake = Arc::new(Fake { is_down: true, ..Fake::default() });
        assert!(handle(&context(&fake), tick()).await.expect_err("down").is_retryable());
    }
}
