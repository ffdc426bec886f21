//! Batches (large assignments, renewals) whose request died half-way: every minute those that are overdue are carried
//! on. From the moment a batch is on record there are seats for it, so it only ever goes forward; running it twice
//! changes nothing. What has stood still for too long, batches and jobs, is counted for an alarm.

mod compose;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::TimeDelta;
use lambda_runtime::LambdaEvent;
use license_domain::{Clock, Job, JobId, Timestamp};
use license_jobs::{Engine, JobError, refill_message};
use license_messaging::Queues;
use license_store::{Store, StoreError, ports::Batches};
use license_telemetry::metrics::{self, Unit};
use serde::Serialize;
use serde_json::Value;

pub use self::compose::{SETTINGS, compose};

/// How many batches one invocation takes on at most; the next one, a minute later, takes the others.
const AT_ONCE: usize = 25;

/// How many runs without progress are counted at most.
const MOST_STALLED: usize = 100;

/// For so long a run may stand still before it is counted. A turn of a job, and a batch's grace, are a minute at most.
const PATIENCE: TimeDelta = TimeDelta::minutes(15);

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The batches on record.
    pub batches: Arc<dyn Batches>,
    /// Jobs with rows that wait for seats.
    pub ripe: Arc<dyn Ripe>,
    /// Where work waits.
    pub queues: Arc<dyn Queues>,
}

/// Jobs with rows that wait, and a plan with seats for some of them.
#[async_trait]
pub trait Ripe: Send + Sync {
    /// Some of them.
    async fn ripe(&self, limit: usize) -> Result<Vec<Job>, JobError>;

    /// Jobs, pending or running, of which nothing has moved since then.
    async fn stalled(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, JobError>;
}

#[async_trait]
impl Ripe for Engine {
    async fn ripe(&self, limit: usize) -> Result<Vec<Job>, JobError> {
        Self::ripe(self, limit).await
    }

    async fn stalled(&self, since: Timestamp, limit: usize) -> Result<Vec<JobId>, JobError> {
        Self::stalled(self, since, limit).await
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

/// The context over that store.
pub fn context(store: &Arc<Store>, queues: Arc<dyn Queues>) -> Context {
    Context { clock: store.clock().clone(), batches: store.clone(), ripe: Arc::new(Engine::new(store, None)), queues }
}

/// What one invocation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Batches that are done now.
    pub resumed: usize,
    /// Batches that failed again; the next invocation tries them once more.
    pub failed: usize,
    /// Licences that were handed out, or carried over.
    pub licenses: usize,
    /// Batches and jobs that have stood still for too long. `None`: they could not be read.
    pub without_progress: Option<usize>,
}

/// Handles the schedule's event. One bad batch does not stop the others; an error is returned only where not
/// even the list of overdue batches could be read.
pub async fn handle(context: &Context, event: LambdaEvent<EventBridgeEvent<Value>>) -> Result<Report, StoreError> {
    let request_id = event.context.request_id.as_str();
    let report = resume_overdue(context, request_id).await?;
    refill(context, request_id).await;
    Ok(Report { without_progress: count_stalled(context, request_id).await, ..report })
}

/// Counts what has stood still for too long, after all that could be done for it. The metric is written each time, so
/// that its alarm ends by itself; where the table does not answer, it is missing.
async fn count_stalled(context: &Context, request_id: &str) -> Option<usize> {
    let since = context.clock.now() - PATIENCE;
    let batches = context.batches.overdue_since(since, MOST_STALLED).await;
    let jobs = context.ripe.stalled(since, MOST_STALLED).await;
    let (batches, jobs) = match (batches, jobs) {
        (Ok(batches), Ok(jobs)) => (batches, jobs),
        (Err(error), _) => {
            tracing::error!(request_id, %error, "batches without progress could not be read");
            return None;
        }
        (_, Err(error)) => {
            tracing::error!(request_id, %error, "jobs without progress could not be read");
            return None;
        }
    };
    for batch in &batches {
        tracing::error!(request_id, %batch, "a batch makes no progress");
    }
    for job in &jobs {
        tracing::error!(request_id, %job, "a job makes no progress");
    }
    let stalled = batches.len() + jobs.len();
    metrics::record("RunsWithoutProgress", f64::from(u32::try_from(stalled).unwrap_or(u32::MAX)), Unit::Count, &[]);
    Some(stalled)
}

/// Lets rows be tried again that wait for seats. What fails is tried again in a minute.
async fn refill(context: &Context, request_id: &str) {
    let messages = match context.ripe.ripe(AT_ONCE).await {
        Ok(jobs) => jobs.iter().map(refill_message).collect::<Vec<_>>(),
        Err(error) => {
            tracing::error!(request_id, %error, "jobs with rows that wait cannot be read");
            return;
        }
    };
    if messages.is_empty() {
        return;
    }
    if let Err(error) = context.queues.send(messages).await {
        tracing::error!(request_id, %error, "rows that wait are not tried again");
    }
}

/// Carries on whatever is overdue.
pub async fn resume_overdue(context: &Context, request_id: &str) -> Result<Report, StoreError> {
    let mut report = Report::default();
    for batch in context.batches.overdue(AT_ONCE).await? {
        match context.batches.resume(batch).await {
            Ok(licenses) => {
                tracing::info!(request_id, %batch, licenses, "a batch was carried on");
                report.resumed += 1;
                report.licenses += licenses;
            }
            Err(error) => {
                tracing::error!(request_id, %batch, %error, "a batch could not be carried on");
                metrics::failure("BatchFailed", error.metric());
                report.failed += 1;
            }
        }
    }
    if report != Report::default() {
        let Report { resumed, failed, licenses, .. } = report;
        tracing::info!(request_id, resumed, failed, licenses, "overdue batches were carried on");
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use license_domain::BatchId;
    use license_messaging::{MessagingError, Outgoing, Queue};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const GOOD: BatchId = BatchId(Uuid::from_u128(1));
    const BAD: BatchId = BatchId(Uuid::from_u128(2));
    const BETTER: BatchId = BatchId(Uuid::from_u128(3));
    const NOW: &str = "2026-11-23T10:46:00Z";

    struct Standing;

    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            NOW.parse().expect("a date")
        }
    }

    #[derive(Default)]
    struct Fake {
        is_down: bool,
        resumed: Mutex<Vec<BatchId>>,
    }

    #[async_trait]
    impl Batches for Fake {
        async fn overdue(&self, limit: usize) -> Result<Vec<BatchId>, StoreError> {
            if self.is_down {
                return Err(StoreError::Unavailable { operation: "overdue", cause: "down".to_owned() });
            }
            Ok([GOOD, BAD, BETTER].into_iter().take(limit).collect())
        }

        async fn overdue_since(&self, before: Timestamp, _: usize) -> Result<Vec<BatchId>, StoreError> {
            assert_eq!(before, "2026-11-23T10:31:00Z".parse::<Timestamp>().expect("a date"));
            Ok(vec![BAD])
        }

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
    impl Ripe for Fake {
        async fn ripe(&self, _: usize) -> Result<Vec<Job>, JobError> {
            Ok(Vec::new())
        }

        async fn stalled(&self, since: Timestamp, _: usize) -> Result<Vec<JobId>, JobError> {
            assert_eq!(since, "2026-11-23T10:31:00Z".parse::<Timestamp>().expect("a date"));
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
        Context { clock: Arc::new(Standing), batches: fake.clone(), ripe: fake.clone(), queues: fake.clone() }
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
        assert_eq!(report, Report { resumed: 2, failed: 1, licenses: 90, without_progress: Some(3) });
        assert_eq!(*fake.resumed.lock().expect("not poisoned"), [GOOD, BAD, BETTER]);
    }

    #[tokio::test]
    async fn without_the_list_the_invocation_fails() {
        let fake = Arc::new(Fake { is_down: true, ..Fake::default() });
        assert!(handle(&context(&fake), tick()).await.expect_err("down").is_retryable());
    }
}
