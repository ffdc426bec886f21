//! Sends the mails of the queue, each once for its cause and person. Before a call the mail's record says that the call
//! begins, and after it how it ended. A mail of unknown fate is not sent again, but listed for the operator.

mod compose;
mod error;
mod messages;
mod send;
mod settings;
mod texts;
mod transport;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use license_clients::Enterprises;
use license_domain::{Clock, Random, delivery::LEASE};
use license_messaging::{Outcome, Queue, Queues, Received, consume};
use license_storage::{Deliveries, Events, Jobs, Portfolios};
use license_telemetry::metrics;

use self::send::Progress;
pub use self::{
    compose::{SETTINGS, compose},
    settings::{MailCampaign, MailSettings, Sender},
    transport::{BrazeTransport, LogTransport, SesTransport, Transport},
};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub clock: Arc<dyn Clock>,
    /// Randomness for waits.
    pub random: Arc<dyn Random>,
    /// The events that request mails.
    pub events: Arc<dyn Events>,
    pub portfolios: Arc<dyn Portfolios>,
    pub jobs: Arc<dyn Jobs>,
    pub deliveries: Arc<dyn Deliveries>,
    pub enterprises: Arc<dyn Enterprises>,
    /// The service that sends mails.
    pub transport: Arc<dyn Transport>,
    pub queues: Arc<dyn Queues>,
    /// URLs, addresses and campaigns for mails.
    pub settings: Arc<MailSettings>,
}

/// Handles a batch of the queue.
pub async fn handle(context: &Context, event: SqsEvent) -> SqsBatchResponse {
    let jitter = |below: u32| u32::try_from(context.random.below(below.into())).expect("a number below one of 32 bits");
    consume(event, (Queue::Mail, context.queues.as_ref()), jitter, |received| take(context, received)).await
}

async fn take(context: &Context, received: Received) -> Outcome {
    let Received { message, tries, id } = received;
    let Some(mail) = message.delivery() else {
        tracing::error!(message = id, "message of another queue was received");
        return Outcome::Later;
    };
    match send::send(context, mail).await {
        Ok(Progress::Settled) => Outcome::Done,
        Ok(Progress::UnderWay) => {
            Outcome::After(u32::try_from(LEASE.num_seconds()).expect("the lease is some minutes"))
        }
        Err(error) => {
            tracing::warn!(%mail, tries, %error, "mail delivery failed, will retry");
            metrics::failure("MailFailed", error.metric());
            Outcome::Later
        }
    }
}
