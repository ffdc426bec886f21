//! Work off the queue for what takes long: jobs in many parts, and calls of other services that follow from changes.

mod compose;
mod enrollments;
mod replay;
mod utilization;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use license_clients::{ClientError, Enterprises};
use license_domain::{Clock, Consequence, EventId, JobId, Random};
use license_messaging::{Message, MessagingError, Outcome, Queue, Queues, Received, consume};
use license_storage::{AuditTrails, Events, Notifications, Portfolios, StoreError};
use license_telemetry::metrics;
use license_work::{BEGIN, Engine, JobError, Pace, Progress, REFILL};

pub use self::compose::{SETTINGS, compose};

/// After so many times a message is put aside (the template's `maxReceiveCount`), unless it is of a job, which the sweeper
/// keeps going.
const LAST_TRY: u32 = 6;

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Waits of a random length.
    pub random: Arc<dyn Random>,
    /// The events that ask for work.
    pub events: Arc<dyn Events>,
    /// Agreements and plans.
    pub portfolios: Arc<dyn Portfolios>,
    /// The audit trail, for a webhook's replay.
    pub audit_trails: Arc<dyn AuditTrails>,
    /// Notices that admins get once.
    pub notifications: Arc<dyn Notifications>,
    /// The enterprise service, which enrolls learners.
    pub enterprises: Arc<dyn Enterprises>,
    /// Jobs.
    pub engine: Engine,
    /// The queue itself.
    pub queues: Arc<dyn Queues>,
}

/// Why work was not done. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BulkError {
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another service.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A queue.
    #[error(transparent)]
    Messaging(#[from] MessagingError),
    /// A job.
    #[error(transparent)]
    Job(#[from] JobError),
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
        Message::Job { job, lane: REFILL, step } => {
            let went = context.engine.refill(job, step, Pace::IN_TURN).await;
            (go_on(context, went).await, Some(job))
        }
        Message::Job { job, lane: BEGIN, .. } => {
            let begun = context.engine.begin(job).await;
            (go_on(context, begun).await, Some(job))
        }
        Message::Job { job, lane, step } => {
            let went = context.engine.lane(job, lane, step, Pace::IN_TURN).await;
            (go_on(context, went).await, Some(job))
        }
        Message::Mail { .. } | Message::Webhook { .. } => {
            tracing::error!(message = id, "a message on the queue of work asks for something else");
            return Outcome::Later;
        }
    };
    let Err(error) = done else { return Outcome::Done };
    metrics::failure("BulkFailed", error.metric());
    if let Some(job) = job.filter(|_| error.is_retryable() && tries >= LAST_TRY) {
        tracing::error!(%job, %error, "a job does not get on; the sweeper will set it in motion again");
        return Outcome::Done;
    }
    if let Some(job) = job.filter(|_| !error.is_retryable()) {
        tracing::error!(%job, %error, "a job stopped; it may be resumed");
        return match context.engine.fail(job, error.metric()).await {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Later,
        };
    }
    tracing::warn!(message = id, tries, %error, "work was not done, and is tried again");
    Outcome::Later
}

/// Carries out what an event asks for; which job it is about, if it is about one.
async fn follow(context: &Context, event: EventId, consequence: usize) -> (Result<(), BulkError>, Option<JobId>) {
    let event = match context.events.event(event).await {
        Ok(Some(event)) => event,
        Ok(None) => {
            tracing::error!(%event, "an event is not kept any more; what it asks for is given up");
            return (Ok(()), None);
        }
        Err(error) => return (Err(error.into()), None),
    };
    match event.consequences.get(consequence) {
        Some(Consequence::RunJob { job, .. }) => {
            let begun = context.engine.begin(*job).await;
            (go_on(context, begun).await, Some(*job))
        }
        Some(Consequence::CheckUtilization) => (utilization::check(context, &event).await, None),
        Some(Consequence::ReplayWebhook { webhook, from, until }) => {
            (replay::replay(context, &event, *webhook, (*from, *until)).await, None)
        }
        Some(Consequence::RevokeEnrollments) => (enrollments::revoke(context, &event).await, None),
        _ => {
            tracing::error!(event = %event.id, consequence, "an event asks for something that is not done here");
            (Ok(()), None)
        }
    }
}

async fn go_on(context: &Context, progress: Result<Progress, JobError>) -> Result<(), BulkError> {
    match progress? {
        Progress::Over => Ok(()),
        Progress::On(messages) => Ok(context.queues.send(messages).await?),
    }
}
