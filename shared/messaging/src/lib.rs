//! What functions send each other: messages on queues, events on the bus. Handlers know the traits; behind them are
//! SQS and `EventBridge`.

mod bus;
mod consume;
mod error;
mod message;
mod queues;
mod redrive;
mod settings;

pub use bus::{Bus, EventBus};
pub use consume::{Outcome, Received, consume};
pub use error::MessagingError;
pub use message::{Message, Outgoing, Queue};
pub use queues::{Queues, SqsQueues};
pub use redrive::Redrive;
pub use settings::{BusSettings, QueueSettings};
