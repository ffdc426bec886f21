//! A stand-in for Lambda's event sources: delivers the table's stream and the queues to the functions that the template
//! names, with the events that Lambda would make.

mod queue;
mod stream;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lambda_events::event::{
    dynamodb,
    sqs::{SqsBatchResponse, SqsEvent},
    streams::DynamoDbEventResponse,
};
use futures::future::BoxFuture;
use license_domain::Random;
use license_template::Template;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{aws::Aws, engine::TableStream, faults::Faults};

/// A function that reads the stream: it gets a batch and the invocation's id.
pub type StreamHandler =
    Arc<dyn Fn(dynamodb::Event, String) -> BoxFuture<'static, DynamoDbEventResponse> + Send + Sync>;

/// A function that reads a queue.
pub type QueueHandler = Arc<dyn Fn(SqsEvent) -> BoxFuture<'static, SqsBatchResponse> + Send + Sync>;

/// The longest wait for everything to be done.
const MAX_DRAIN: Duration = Duration::from_mins(1);

/// The interval of checks during that wait. It grows to the last one: each check reads all queues and the stream, which
/// takes the processor's time from those who work.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(40);

/// The functions, by their binaries.
#[derive(Clone, Default)]
pub struct Handlers {
    /// The functions of the stream.
    pub stream: HashMap<&'static str, StreamHandler>,
    /// The functions of the queues.
    pub queues: HashMap<&'static str, QueueHandler>,
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handlers")
    }
}

/// All event sources.
pub struct Pollers {
    aws: Aws,
    stream: Arc<dyn TableStream>,
    faults: Arc<Faults>,
    random: Arc<dyn Random>,
    /// How many invocations of queues are running.
    busy: AtomicUsize,
}

impl std::fmt::Debug for Pollers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pumps").field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Pollers {
    /// Event sources over these stand-ins.
    pub fn new(aws: Aws, stream: Arc<dyn TableStream>, faults: Arc<Faults>, random: Arc<dyn Random>) -> Arc<Self> {
        Arc::new(Self { aws, stream, faults, random, busy: AtomicUsize::new(0) })
    }

    /// Starts to poll; never ends.
    pub fn start(self: &Arc<Self>, template: &Template, handlers: &Handlers) -> Vec<JoinHandle<()>> {
        let mut tasks = Vec::new();
        for function in template.functions() {
            let name = function.binary.as_str();
            if let Some(source) = function.stream.clone() {
                if let Some(handler) = handlers.stream.get(name) {
                    let pump = stream::Poller::new(self.clone(), name, source, handler.clone());
                    tasks.push(tokio::spawn(pump.run()));
                } else {
                    tracing::error!(function = name, "the runner does not know this function of the stream");
                }
            }
            for source in &function.queues {
                if let Some(handler) = handlers.queues.get(name) {
                    let pump = queue::Poller::new(self.clone(), name, source.clone(), handler.clone());
                    tasks.push(tokio::spawn(pump.run()));
                } else {
                    tracing::error!(function = name, "the runner does not know this function of a queue");
                }
            }
        }
        tasks
    }

    /// Waits until the stream is read and no queue has a message that can be received or is being handled; returns what
    /// is left after a minute.
    pub async fn drain(&self) -> Value {
        let (mut waited, mut look) = (Duration::ZERO, FIRST_LOOK);
        let mut calm = 0;
        while waited < MAX_DRAIN {
            self.aws.wake();
            let is_calm = self.busy.load(Ordering::SeqCst) == 0 && self.is_read().await && self.nothing_waits();
            calm = if is_calm { calm + 1 } else { 0 };
            // What was just read from the one may not have arrived in the other.
            if calm == 2 {
                break;
            }
            // The second look, after a calm one, need not wait for long.
            let pause = if is_calm { FIRST_LOOK } else { look };
            tokio::time::sleep(pause).await;
            waited += pause;
            look = (look * 5 / 4).min(LAST_LOOK);
        }
        json!({ "drained": calm >= 2, "queues": self.aws.depths().unwrap_or_default() })
    }

    async fn is_read(&self) -> bool {
        let Ok(read) = self.aws.state().checkpoint(stream::CHECKPOINT) else { return false };
        self.stream.changes(read.as_deref(), 1, &|_, _| false).await.is_ok_and(|changes| changes.is_empty())
    }

    fn nothing_waits(&self) -> bool {
        self.aws.depths().is_ok_and(|depths| depths.iter().all(|(name, depth)| depth.depth == 0 || !is_read(name)))
    }

    fn invocation(self: &Arc<Self>) -> Invocation {
        self.busy.fetch_add(1, Ordering::SeqCst);
        Invocation(self.clone())
    }

    fn id(&self) -> String {
        self.random.uuid().to_string()
    }
}

/// A running invocation.
struct Invocation(Arc<Pollers>);

impl Drop for Invocation {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether a function reads that queue: messages of dead-letter queues wait for a person.
fn is_read(queue: &str) -> bool {
    !queue.ends_with("DeadLetters") && !queue.ends_with("Failures")
}
