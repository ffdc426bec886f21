//! Relays events from the table's stream: what an event asks for goes to the queues, what it says goes to the bus and
//! into the audit trail. Every step may be repeated: entries of the trail are the same again, mails and work
//! are recognized by the event that asks for them, events on the bus carry an id of their own.

mod compose;
mod counters;
mod redrive;
mod relay;
mod stream;

use std::sync::Arc;

use aws_lambda_events::event::{dynamodb, streams::DynamoDbEventResponse};
use license_messaging::{Bus, Queues};
use license_storage::{AuditTrails, EventStream, Events, Portfolios, RosterMarks, Webhooks};
use serde::{Deserialize, Serialize};

pub use self::{
    compose::{SETTINGS, compose},
    redrive::{Redrive, Redriven},
    relay::RelayError,
};

/// What this function may do.
#[derive(Clone)]
pub struct Context {
    /// The table's stream.
    pub stream: Arc<dyn EventStream<dynamodb::EventRecord>>,
    /// Agreements, for their names.
    pub portfolios: Arc<dyn Portfolios>,
    /// Events on record.
    pub events: Arc<dyn Events>,
    /// The customers' webhooks.
    pub webhooks: Arc<dyn Webhooks>,
    /// Rosters that are to be brought up to date.
    pub rosters: Arc<dyn RosterMarks>,
    /// The audit trail.
    pub audit_trails: Arc<dyn AuditTrails>,
    /// Where work waits.
    pub queues: Arc<dyn Queues>,
    /// The event bus, for other systems.
    pub bus: Arc<dyn Bus>,
}

/// What the function is called with.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Input {
    /// A batch of the table's stream.
    Stream(Box<dynamodb::Event>),
    /// By hand: relay again what happened between two moments.
    Redrive(Redrive),
}

/// What the function returns.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// From which record the stream is to continue.
    Stream(DynamoDbEventResponse),
    /// How far the redrive came.
    Redrive(Redriven),
}

/// Handles either.
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
