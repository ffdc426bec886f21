//! A stand-in for AWS apart from the table: queues, the bus, secrets, and mails by SES. With a data folder, its state
//! survives the process.

mod bus;
mod queues;
mod secrets;
mod server;
mod ses;
mod state;

use std::{collections::HashMap, fmt, path::Path, sync::Arc};

use license_domain::{Clock, Random};
use license_template::{QueueSpec, Template};
use tokio::sync::Notify;

pub use self::{
    bus::Published,
    queues::{Depth, Held},
    server::router,
    state::{Mail, State},
};
use crate::StartError;

/// The account of all resources.
pub const ACCOUNT: &str = "000000000000";

#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    state: State,
    queues: HashMap<String, QueueSpec>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Notified whenever there may be a message to receive.
    news: Notify,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

impl Aws {
    /// Opens it with the template's queues; in that folder, or in memory.
    pub fn open(
        data: Option<&Path>,
        template: &Template,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let queues = template.queues().iter().map(|queue| (queue.name.clone(), queue.clone())).collect();
        let state = State::open(data)?;
        Ok(Self(Arc::new(Inner { state, queues, clock, random, news: Notify::new() })))
    }

    pub fn state(&self) -> &State {
        &self.0.state
    }

    /// A wait until there may be a message to receive; it notices whatever is sent from now on.
    pub fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.news.notified()
    }

    /// Wakes the tasks that wait for messages.
    pub fn wake(&self) {
        self.0.news.notify_waiters();
    }

    /// The runner's time, in milliseconds.
    pub fn now_millis(&self) -> i64 {
        self.0.clock.now().timestamp_millis()
    }
}
