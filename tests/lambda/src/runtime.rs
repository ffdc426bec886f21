//! The Lambda runtime API for one function: its bootstrap requests the next invocation and sends its response.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use license_domain::{Clock, Random, Timestamp};
use license_telemetry::{SystemClock, SystemRandom};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};

use crate::limit::{self, Limit};

/// The longest time until a bootstrap requests an invocation. Lambda's own limit is ten seconds.
const MAX_INIT: Duration = Duration::from_secs(10);
/// The largest event and the largest response of a synchronous invocation.
pub const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
/// The largest environment.
const ENVIRONMENT_BYTES: usize = 4 * 1024;

/// A function of the template.
#[derive(Clone, Debug)]
pub struct Spec {
    pub id: String,
    pub binary: String,
    pub arn: String,
    /// The path of its bootstrap.
    pub bootstrap: PathBuf,
    /// The variables in the template.
    pub environment: Vec<(String, String)>,
    /// The variables that AWS, or its stand-in, adds.
    pub surroundings: Vec<(String, String)>,
    pub memory_mb: u64,
    pub timeout: Duration,
}

/// Why an invocation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// The function reported an error.
    Failed(Value),
    /// The timeout passed.
    TimedOut,
    /// The event or the response was too large.
    TooLarge(usize),
    /// The process ended.
    Exited,
}

type Outcome = Result<Value, InvokeError>;

struct Invocation {
    id: String,
    event: String,
    deadline: i64,
}

struct Shared {
    spec: Spec,
    began: Timestamp,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    outcomes: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    /// The time until the first request for an invocation.
    init: OnceLock<Duration>,
    init_error: Mutex<Option<String>>,
    ready: Notify,
    log: Mutex<Vec<String>>,
    invocations: AtomicUsize,
}

pub struct Function {
    shared: Arc<Shared>,
    sender: mpsc::UnboundedSender<Invocation>,
    child: Mutex<Child>,
    server: JoinHandle<()>,
    limit: Option<Limit>,
}

/// Running functions, by their logical ids.
pub type Functions = BTreeMap<String, Arc<Function>>;

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("spec", &self.shared.spec).finish_non_exhaustive()
    }
}

impl Function {
    /// Starts it, and waits until it requests an invocation.
    pub async fn start(spec: Spec) -> Result<Self, String> {
        let size: usize = spec.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(size <= ENVIRONMENT_BYTES, "{}: the environment takes {size} bytes", spec.id);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let name = format!("license-{}-{}", std::process::id(), SystemRandom.uuid());
        let limit = Limit::new(&name, spec.memory_mb * 1024 * 1024);
        let mut command = command(&spec, limit.as_ref());
        let began = SystemClock.now();
        let shared = Arc::new(Shared {
            spec,
            began,
            waiting: tokio::sync::Mutex::new(receiver),
            outcomes: Mutex::default(),
            init: OnceLock::new(),
            init_error: Mutex::default(),
            ready: Notify::new(),
            log: Mutex::default(),
            invocations: AtomicUsize::new(0),
        });
        let router = router(shared.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("a runtime API stopped: {error}");
            }
        });
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", shared.spec.id))?;
        if let Some(output) = child.stdout.take() {
            let shared = shared.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    lock(&shared.log).push(line);
                }
            });
        }
        let function = Self { shared, sender, child: Mutex::new(child), server, limit };
        let _ = tokio::time::timeout(MAX_INIT, function.shared.ready.notified()).await;
        let error = lock(&function.shared.init_error).clone();
        let id = function.spec().id.clone();
        match (error, function.shared.init.get().copied()) {
            (Some(error), _) => Err(format!("{id} failed to start: {error} {:?}", function.log())),
            (None, None) => Err(format!("{id} did not start: {:?}", function.log())),
            (None, Some(_)) => Ok(function),
        }
    }

    pub fn spec(&self) -> &Spec {
        &self.shared.spec
    }

    /// Invokes it, and waits for its response.
    pub async fn invoke(&self, event: &Value) -> Outcome {
        let event = event.to_string();
        if event.len() > PAYLOAD_BYTES {
            return Err(InvokeError::TooLarge(event.len()));
        }
        self.shared.invocations.fetch_add(1, Ordering::Relaxed);
        let timeout = self.spec().timeout;
        let id = SystemRandom.uuid().to_string();
        let deadline = SystemClock.now().timestamp_millis() + i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let (respond, response) = oneshot::channel();
        lock(&self.shared.outcomes).insert(id.clone(), respond);
        // The receiver lives as long as the function.
        let _ = self.sender.send(Invocation { id: id.clone(), event, deadline });
        let mut response = std::pin::pin!(tokio::time::timeout(timeout, response));
        loop {
            tokio::select! {
                outcome = &mut response => {
                    return outcome.map_or(Err(InvokeError::TimedOut), |sent| sent.unwrap_or(Err(InvokeError::Exited)));
                }
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    let ended = lock(&self.child).try_wait();
                    if matches!(ended, Ok(Some(_)) | Err(_)) {
                        return Err(InvokeError::Exited);
                    }
                }
            }
        }
    }

    /// The time from the process's start to its first request for an invocation.
    pub fn init(&self) -> Duration {
        self.shared.init.get().copied().unwrap_or_default()
    }

    /// The most resident memory, in bytes.
    pub fn high_water(&self) -> Option<u64> {
        limit::high_water(lock(&self.child).id())
    }

    /// The processor time that it has used.
    pub fn processor_time(&self) -> Duration {
        limit::processor_time(lock(&self.child).id())
    }

    /// Whether its memory is limited as in Lambda.
    pub const fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// How often it was invoked.
    pub fn invocations(&self) -> usize {
        self.shared.invocations.load(Ordering::Relaxed)
    }

    /// The lines that it logged.
    pub fn log(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        // It may have ended already.
        let _ = child.kill();
        let _ = child.wait();
        self.server.abort();
    }
}

/// The environment contains only what Lambda and the template set.
fn command(spec: &Spec, limit: Option<&Limit>) -> Command {
    let mut command = match limit {
        Some(limit) => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "echo $$ > \"$0\" && exec \"$1\""]).arg(limit.processes()).arg(&spec.bootstrap);
            shell
        }
        None => Command::new(&spec.bootstrap),
    };
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command.envs(spec.environment.iter().chain(&spec.surroundings).map(|(name, value)| (name, value)));
    command
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    shared.init.get_or_init(|| (SystemClock.now() - shared.began).to_std().unwrap_or_default());
    shared.ready.notify_one();
    let Some(Invocation { id, event, deadline }) = shared.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let trace = format!("Root=1-{:08x}-{}", deadline / 1000, &id.replace('-', "")[..24]);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", shared.spec.arn.clone()),
        ("lambda-runtime-trace-id", format!("{trace};Parent=00f067aa0ba902b7;Sampled=0")),
    ];
    (headers, event).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    let outcome = if body.len() > PAYLOAD_BYTES {
        Err(InvokeError::TooLarge(body.len()))
    } else {
        serde_json::from_slice(&body).map_err(|_| InvokeError::Failed(json!("the response is not JSON")))
    };
    finish(&shared, &id, outcome)
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    finish(&shared, &id, Err(InvokeError::Failed(serde_json::from_slice(&body).unwrap_or_default())))
}

async fn init_error(State(shared): State<Arc<Shared>>, body: String) -> StatusCode {
    *lock(&shared.init_error) = Some(body);
    shared.ready.notify_one();
    StatusCode::ACCEPTED
}

fn finish(shared: &Shared, id: &str, outcome: Outcome) -> StatusCode {
    match lock(&shared.outcomes).remove(id) {
        Some(respond) => {
            // After the timeout the caller no longer waits.
            let _ = respond.send(outcome);
            StatusCode::ACCEPTED
        }
        None => StatusCode::NOT_FOUND,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
