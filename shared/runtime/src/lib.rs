//! A function's process: settings and secrets, the clock, one AWS configuration, logs and metrics, and the loop that
//! receives invocations. A function's `main` declares its settings, builds its context, and names its handler.

mod invocation;
mod parts;
mod rosters;
mod rotation;

use std::{future::Future, process::ExitCode, sync::Arc};

use axum::Router;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use license_clients::SecretsClient;
use license_domain::plan_work::Rules;
use license_settings::{Declared, Setting};
use license_storage_dynamodb::{Store, StoreSettings};
use license_telemetry::{SystemClock, SystemRandom};
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt;

use self::invocation::InvocationLayer;
pub use self::{
    parts::Parts,
    rotation::{Rotating, SecretsError},
};

/// Allocation is the largest part of a request's processor time, and glibc keeps what large reads have freed
/// (docs/decisions/0035-decoding-and-allocation.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a function does not start or an invocation fails.
pub type Error = lambda_runtime::Error;

const RUST_LOG: &str = "RUST_LOG";
const METRICS_NAMESPACE: &str = "METRICS_NAMESPACE";

/// The settings of every function's process: the log level, the namespace of its metrics, the table, and the URLs of
/// the stores of secrets if they are not at AWS.
pub const SETTINGS: &[Setting] = &[
    Setting::plain(RUST_LOG),
    Setting::plain(METRICS_NAMESPACE),
    StoreSettings::DECLARED[0],
    StoreSettings::DECLARED[1],
    SecretsClient::DECLARED[0],
    SecretsClient::DECLARED[1],
];

/// The settings of the rules by which the clock acts: the customers whose learners are unlinked, reminded or informed of their
/// plan's end, and of whose licenses there are events.
pub const PLAN_RULES: &[Setting] = &[
    Setting::plain(Rules::UNLINKING),
    Setting::plain(Rules::REMINDERS),
    Setting::plain(Rules::EXPIRATION_MAILS),
    Setting::plain(Rules::LICENSE_EVENTS),
];

/// Serves a function of the API: `build` makes its router from the declared settings, and again whenever a secret has
/// changed.
pub fn http(declared: Declared, build: impl Fn(&Parts) -> Result<Router, Error> + Send + Sync + 'static) -> ExitCode {
    run(async move {
        let router = Arc::new(start(declared, build).await?);
        let service = service_fn(move |request: lambda_http::Request| {
            let router = router.clone();
            async move { router.current().await.oneshot(request).await }
        });
        // `lambda_http::run` would add its own spans around invocations, and `lambda_http::runtime` requires shared
        // bodies.
        Runtime::new(lambda_http::Adapter::from(service)).layer(InvocationLayer).run().await
    })
}

/// Serves a function that receives events: `build` makes its context from the declared settings, and again whenever a
/// secret has changed; `handle` handles an event.
pub fn events<C, I, O, H>(
    declared: Declared,
    build: impl Fn(&Parts) -> Result<C, Error> + Send + Sync + 'static,
    handle: H,
) -> ExitCode
where
    C: Clone + Send + Sync + 'static,
    I: DeserializeOwned,
    O: Serialize,
    H: AsyncFn(&C, LambdaEvent<I>) -> Result<O, Error>,
{
    run(async move {
        let context = start(declared, build).await?;
        let service = service_fn(async |event| handle(&context.current().await, event).await);
        Runtime::new(service).layer(InvocationLayer).run().await
    })
}

/// Reads the process's settings and builds a function's state from them.
async fn start<T: Clone>(
    declared: Declared,
    build: impl Fn(&Parts) -> Result<T, Error> + Send + Sync + 'static,
) -> Result<Rotating<T>, Error> {
    let settings = license_settings::Settings::read(declared, |name| std::env::var(name).ok());
    license_telemetry::init(settings.get(RUST_LOG), settings.get(METRICS_NAMESPACE));
    let aws = aws_config::load_from_env().await;
    let table = StoreSettings::from_lookup(settings.lookup())?;
    let store = Store::connect(&table, &aws, Arc::new(SystemClock), Arc::new(SystemRandom));
    Rotating::start(Parts { settings, aws, store: Arc::new(store) }, build).await
}

/// Runs until an error ends the process. One thread: Lambda gives a process one request at a time and, with the memory
/// of the template, less than one processor.
fn run(function: impl Future<Output = Result<(), Error>>) -> ExitCode {
    let done = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::from);
    match done.and_then(|runtime| runtime.block_on(function)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // No invocation has begun, so that there are no ids to log; Lambda's own line about the failed start has
            // its id.
            tracing::error!(%error, "the function did not start");
            ExitCode::FAILURE
        }
    }
}
