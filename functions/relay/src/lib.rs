//! Relays events from the table's stream: consequences become messages on the queues, and the event itself goes to the
//! bus and into the audit trail. Every step may be repeated: entries of the trail are the same again, mails and work
//! are recognized by their event, and events on the bus have ids.

mod compose;
mod counters;
mod growth;
mod redrive;
mod relay;
mod stream;

use std::sync::Arc;

use aws_lambda_events::event::{dynamodb, streams::DynamoDbEventResponse};
use license_domain::Clock;
use license_messaging::{Bus, Queues};
use license_storage::{AuditTrails, EventStream, Events, PlanWorks, Portfolios, RosterMarks, Webhooks};
use serde::{Deserialize, Serialize};

pub use self::{
    compose::{SETTINGS, compose},
    redrive::{Redrive, Redriven},
    relay::RelayError,
};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    /// The time.
    pub clock: Arc<dyn Clock>,
    pub stream: Arc<dyn EventStream<dynamodb::EventRecord>>,
    /// Agreements, for the customers' names.
    pub portfolios: Arc<dyn Portfolios>,
    pub events: Arc<dyn Events>,
    pub webhooks: Arc<dyn Webhooks>,
    /// Rosters to mark for an update.
    pub rosters: Arc<dyn RosterMarks>,
    pub audit_trails: Arc<dyn AuditTrails>,
    /// Plans that an event makes due to be looked at.
    pub plan_works: Arc<dyn PlanWorks>,
    /// The queues of workers.
    pub queues: Arc<dyn Queues>,
    /// The event bus, for other systems.
    pub bus: Arc<dyn Bus>,
}

/// The input of an invocation.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Input {
    /// A batch of the table's stream.
    Stream(Box<dynamodb::Event>),
    /// A redrive by an operator: relay the events between two times again.
    Redrive(Redrive),
}

/// The output of an invocation.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// The record from which the stream is to continue.
    Stream(DynamoDbEventResponse),
    /// The progress of the redrive.
    Redrive(Redriven),
}

/// Handles both kinds of input.
pub async fn handle(context: &Context, input: Input, request_id: &str) -> Result<Output, RelayError> {
    match input {
        Input::Stream(event) => Ok(Output::Stream(stream::handle(context, *event, request_id).await)),
        Input::Redrive(redrive) => redrive::handle(context, &redrive, request_id).await.map(Output::Redrive),
    }
}

/// Handles a batch of the stream.
pub async fn handle_stream(context: &Context, event: dynamodb::Event, request_id: &str) -> DynamoDbEventResponse {
    stream::handle(context, event, request_id).await
}
