//! Messages and events between functions: queues and the bus. Handlers use the traits; SQS and `EventBridge` implement
//! them.

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
pub use redrive::{DeadLetters, Depth, Redrive, SqsDeadLetters};
pub use settings::{BusSettings, QueueSettings};
