//! Delivers events of the queue to customers' own systems: one signed POST for each event and webhook, retried until it
//! is accepted, or given up after some hours. A delivery may arrive twice, with the same id.

mod compose;
mod deliver;
mod sign;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use license_clients::WebhookClient;
use license_domain::{Clock, Random};
use license_messaging::{Message, Outcome, Queue, Queues, Received, consume};
use license_storage::{Events, Portfolios, Webhooks};
use license_telemetry::metrics;

use self::deliver::Delivered;
pub use self::{
    compose::{SETTINGS, compose},
    sign::{header, key},
};

/// After so many attempts an event is given up. The number is less than the template's `maxReceiveCount`, so that the
/// dead-letter queue only gets messages whose handling never ended.
pub const LAST_TRY: u32 = 10;

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub clock: Arc<dyn Clock>,
    /// Randomness for waits.
    pub random: Arc<dyn Random>,
    /// The events that are delivered.
    pub events: Arc<dyn Events>,
    /// Agreements and plans, for their names.
    pub portfolios: Arc<dyn Portfolios>,
    pub webhooks: Arc<dyn Webhooks>,
    /// The client that delivers events.
    pub client: WebhookClient,
    pub queues: Arc<dyn Queues>,
}

/// Handles a batch of the queue.
pub async fn handle(context: &Context, event: SqsEvent) -> SqsBatchResponse {
    let jitter = |below: u32| u32::try_from(context.random.below(below.into())).expect("a number below one of 32 bits");
    consume(event, (Queue::Webhooks, context.queues.as_ref()), jitter, |received| take(context, received)).await
}

async fn take(context: &Context, received: Received) -> Outcome {
    let Received { message, tries, id } = received;
    let Message::Webhook { event, webhook } = message else {
        tracing::error!(message = id, "message of another queue was received");
        return Outcome::Later;
    };
    let is_last = tries >= LAST_TRY;
    match deliver::deliver(context, (event, webhook), is_last).await {
        Ok(Delivered::Yes | Delivered::Unwanted) => Outcome::Done,
        Ok(Delivered::No(problem)) => {
            // The customer's own system refused it, which is no fault of this service.
            metrics::count("WebhookFailed", &[]);
            if is_last {
                tracing::warn!(%event, %webhook, tries, problem, "webhook delivery failed for the last time, the event is given up");
                metrics::count("WebhookGivenUp", &[]);
                return Outcome::Done;
            }
            tracing::info!(%event, %webhook, tries, problem, "webhook delivery failed, will retry");
            Outcome::Later
        }
        Err(error) => {
            tracing::warn!(%event, %webhook, tries, %error, "webhook delivery failed, will retry");
            metrics::failure("WebhookFailed", error.metric());
            Outcome::Later
        }
    }
}
