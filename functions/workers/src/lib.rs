//! Handles the messages of the queue: lanes of runs, and calls of other services that are consequences of changes.

mod carry_over;
mod compose;
mod enrollments;
mod replay;
mod utilization;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use license_clients::{ClientError, Enterprises};
use license_domain::{Clock, Consequence, EventId, JobId, Random};
use license_messaging::{Message, MessagingError, Outcome, Outgoing, Queue, Queues, Received, consume};
use license_storage::{AuditTrails, Events, Notifications, Portfolios, Renew, StoreError};
use license_telemetry::metrics;
use license_work::{ALL_LANES, AllKinds, Runs, Turn, WAITING_LANE, WorkError};

pub use self::compose::{SETTINGS, compose};

/// After so many attempts a message goes to the dead-letter queue (the template's `maxReceiveCount`), unless it belongs
/// to a run, which the sweeper resumes.
const LAST_ATTEMPT: u32 = 6;

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub clock: Arc<dyn Clock>,
    /// Randomness for waits.
    pub random: Arc<dyn Random>,
    /// The events that request work.
    pub events: Arc<dyn Events>,
    pub portfolios: Arc<dyn Portfolios>,
    /// The audit trail, for a webhook's replay.
    pub audit_trails: Arc<dyn AuditTrails>,
    /// Notices that admins get once.
    pub notifications: Arc<dyn Notifications>,
    /// Renewals, for what changes after they were processed.
    pub renew: Arc<dyn Renew>,
    /// The enterprise service, which enrolls learners.
    pub enterprises: Arc<dyn Enterprises>,
    /// Runs of every kind.
    pub runs: Runs<AllKinds>,
    pub queues: Arc<dyn Queues>,
}

/// Why work failed. It will be retried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BulkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Messaging(#[from] MessagingError),
    #[error(transparent)]
    Job(#[from] WorkError),
}

impl BulkError {
    const fn metric(&self) -> &'static str {
        match self {
            Self::Store(error) => error.metric(),
            Self::Client(error) => error.metric(),
            Self::Messaging(error) => error.metric(),
            Self::Job(error) => error.metric(),
        }
    }

    const fn is_retryable(&self) -> bool {
        match self {
            Self::Job(error) => error.is_retryable(),
            _ => true,
        }
    }
}

/// Handles a batch of the queue.
pub async fn handle(context: &Context, event: SqsEvent) -> SqsBatchResponse {
    let jitter = |below: u32| u32::try_from(context.random.below(below.into())).expect("a number below one of 32 bits");
    consume(event, (Queue::Bulk, context.queues.as_ref()), jitter, |received| take(context, received)).await
}

async fn take(context: &Context, received: Received) -> Outcome {
    let Received { message, tries, id } = received;
    let (done, job) = match message {
        Message::Follow { event, consequence } => follow(context, event, consequence).await,
        Message::Job { job, lane: WAITING_LANE, step } => {
            let next = context.runs.retry_waiting(job, step, Turn::OF_A_MESSAGE).await;
            (send(context, next).await, Some(job))
        }
        Message::Job { job, lane: ALL_LANES, .. } => {
            let next = context.runs.begin(job).await;
            (send(context, next).await, Some(job))
        }
        Message::Job { job, lane, step } => {
            let next = context.runs.lane(job, lane, step, Turn::OF_A_MESSAGE).await;
            (send(context, next).await, Some(job))
        }
        Message::Mail { .. } | Message::Webhook { .. } => {
            tracing::error!(message = id, "message of another queue was received");
            return Outcome::Later;
        }
    };
    let Err(error) = done else { return Outcome::Done };
    metrics::failure("BulkFailed", error.metric());
    if let Some(job) = job.filter(|_| error.is_retryable() && tries >= LAST_ATTEMPT) {
        tracing::error!(%job, %error, "run {job} failed and makes no progress; the sweeper resumes it");
        return Outcome::Done;
    }
    if let Some(job) = job.filter(|_| !error.is_retryable()) {
        tracing::error!(%job, %error, "run {job} stopped");
        return match context.runs.records().fail(job, error.metric()).await {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Later,
        };
    }
    tracing::warn!(message = id, tries, %error, "work failed, will retry");
    Outcome::Later
}

/// Carries out a consequence of an event; returns its run, if it is about one.
async fn follow(context: &Context, event: EventId, consequence: usize) -> (Result<(), BulkError>, Option<JobId>) {
    let event = match context.events.event(event).await {
        Ok(Some(event)) => event,
        Ok(None) => {
            tracing::error!(%event, "event has expired, its consequence is given up");
            return (Ok(()), None);
        }
        Err(error) => return (Err(error.into()), None),
    };
    match event.consequences.get(consequence) {
        Some(Consequence::RunJob { job, .. }) => {
            let next = context.runs.begin(*job).await;
            (send(context, next).await, Some(*job))
        }
        Some(Consequence::CheckUtilization) => (utilization::check(context, &event).await, None),
        Some(Consequence::ReplayWebhook { webhook, from, until }) => {
            (replay::replay(context, &event, *webhook, (*from, *until)).await, None)
        }
        Some(Consequence::CarryOver) => (carry_over::carry_over(context, &event).await, None),
        Some(Consequence::RevokeEnrollments) => (enrollments::revoke(context, &event).await, None),
        _ => {
            tracing::error!(event = %event.id, consequence, "event has a consequence that this function does not know");
            (Ok(()), None)
        }
    }
}

async fn send(context: &Context, messages: Result<Vec<Outgoing>, WorkError>) -> Result<(), BulkError> {
    Ok(context.queues.send(messages?).await?)
}
