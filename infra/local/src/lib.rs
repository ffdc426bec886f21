//! The whole product on loopback, by one command. It stands in for AWS (the table, schedules) and for the other
//! services, and calls the same handlers as Lambda. The product does not know the difference.

mod api;
pub mod aws;
pub mod banner;
pub mod clock;
pub mod demo;
pub mod engine;
mod error;
pub mod export;
pub mod faults;
pub mod import;
pub mod keys;
mod local;
mod loopback;
pub mod pollers;
mod schedules;
pub mod services;
pub mod settings;
pub mod table;
mod workers;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use license_domain::{Clock, Random, Timestamp};
use license_runtime::Parts;
use license_settings::Declared;
use license_storage_dynamodb::{BulkWriter, Store};
use license_telemetry::SystemRandom;
use license_template::Template;
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Handle, sync::watch, task::JoinHandle};

use crate::{
    aws::Aws, engine::Engine, keys::Signer, pollers::Pollers, schedules::Schedules, services::Services,
    settings::Settings,
};
pub use crate::{clock::LocalClock, error::StartError, workers::aws_config};

/// The user who retires learners, unless the settings name another one.
pub const RETIREMENT_WORKER: &str = "retirement-service-worker";

/// A port that the system chooses, and that only this machine can reach.
pub const FREE_LOOPBACK_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How long running requests may take when the runner stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The options of a runner.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address of the API.
    pub listen: SocketAddr,
    /// The address of the table.
    pub table_listen: SocketAddr,
    /// The address of the stand-ins for AWS and for other services.
    pub aws_listen: SocketAddr,
    /// The data folder; `None` keeps the data in memory.
    pub data: Option<PathBuf>,
    pub import: Vec<PathBuf>,
    /// The time to start at; by default the machine's.
    pub clock: Option<Timestamp>,
    /// Whether the demo customer is created.
    pub demo: bool,
    /// The product's settings, by the names of its environment variables.
    pub settings: BTreeMap<String, String>,
    /// Secrets that settings name, by their names.
    pub secrets: BTreeMap<String, String>,
    /// The threads on which the stand-ins for AWS and for other services run; by default those of the product.
    pub stand_ins: Option<Handle>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: FREE_LOOPBACK_PORT,
            table_listen: FREE_LOOPBACK_PORT,
            aws_listen: FREE_LOOPBACK_PORT,
            data: None,
            import: Vec::new(),
            clock: None,
            demo: false,
            settings: BTreeMap::new(),
            secrets: BTreeMap::new(),
            stand_ins: None,
        }
    }
}

/// A running License Manager.
pub struct Running {
    address: SocketAddr,
    engine: Engine,
    options: Options,
    clock: Arc<LocalClock>,
    store: Arc<Store>,
    services: Services,
    settings: Settings,
    signer: Option<Arc<Signer>>,
    tokens: Arc<BTreeMap<&'static str, String>>,
    aws_url: String,
    imported: Option<license_importer::Report>,
    pollers: Arc<Pollers>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    helpers: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).field("engine", &self.engine).finish_non_exhaustive()
    }
}

pub async fn start(options: Options) -> Result<Running, StartError> {
    let engine = Engine::start_at(options.data.as_deref(), options.table_listen).await?;
    let endpoint = engine.url().to_owned();
    start_on(engine, (&endpoint, &endpoint), options).await
}

/// Starts everything with an engine. The functions of the API reach it at the first of these addresses, those of the
/// stream and of queues at the second one, so that a test can put a proxy in between.
pub async fn start_on(
    engine: Engine,
    (endpoint, behind): (&str, &str),
    options: Options,
) -> Result<Running, StartError> {
    // This comes first, so that a port in use is reported before anything is written.
    let (listener, _) = listen(options.listen).await?;
    let address = listener.local_addr().map_err(|cause| StartError::Listen { address: options.listen, cause })?;

    let template = Template::embedded()?;
    let clock = Arc::new(LocalClock::starting_at(options.clock));
    let (shared_clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (clock.clone(), Arc::new(SystemRandom));
    let mut settings = Settings::new(options.settings.clone());
    let signer = Signer::new(&mut settings, options.data.as_deref())?.map(Arc::new);
    let key_set = keys::public(&settings);
    let tokens = Arc::new(signer.as_deref().map(demo::tokens).transpose()?.unwrap_or_default());

    let direct = table::client(engine.url());
    table::create(&direct, template.table()).await?;
    let store = Arc::new(Store::new(direct, table::NAME, shared_clock.clone(), random.clone()));
    let aws = Aws::open(options.data.as_deref(), &template, shared_clock.clone(), random.clone())?;
    for (name, value) in &options.secrets {
        aws.put_secret(name, value).map_err(|error| StartError::Secret(error.to_string()))?;
    }
    let services = Services::new(store.clone(), aws.clone(), key_set.clone(), signer.clone());
    let (stand_ins, aws_url) = services.serve(&mut settings, options.aws_listen, options.stand_ins.as_ref()).await?;
    let mut helpers = vec![stand_ins];
    settings.set_default("LEARNER_PORTAL_URL", "http://localhost:8734");
    settings.set_default("RETIREMENT_SERVICE_WORKER_USERNAME", RETIREMENT_WORKER);

    let product_store = Store::new(table::client(endpoint), table::NAME, shared_clock.clone(), random.clone());
    let product_store = Arc::new(product_store);
    let sweeper = workers::sweeper(&settings, &product_store).await?;
    let schedules = Arc::new(Schedules::new(&template, clock.clone(), random.clone(), sweeper)?);
    let worker_store = Arc::new(Store::new(table::client(behind), table::NAME, shared_clock.clone(), random.clone()));
    let relay = workers::relay(&settings, &worker_store).await?;
    let handlers = workers::handlers(&settings, &worker_store).await?;
    let pollers = Pollers::new(aws.clone(), engine.stream(), services.faults().clone(), random.clone());
    let product = api::Product::new(template.clone(), &settings, &product_store).await?;

    let imported = match options.import.as_slice() {
        [] => None,
        files => {
            let bulk = engine.bulk()?;
            engine.load(true)?;
            let imported = import::into_engine(&store, bulk).import(files, &|line| tracing::info!("{line}")).await;
            engine.load(false)?;
            Some(imported?)
        }
    };
    if options.demo {
        demo::make(&store).await?;
    }

    helpers.push(tokio::spawn(schedules.clone().watch()));
    helpers.extend(pollers.start(&template, &handlers));
    let (clock_, signer_, tokens_) = (clock.clone(), signer.clone(), tokens.clone());
    let local = local::Local {
        clock: clock_,
        schedules,
        services: services.clone(),
        aws,
        pollers: pollers.clone(),
        relay,
        signer: signer_,
        tokens: tokens_,
        key_set,
    };
    let router =
        local::router(local).layer(axum::middleware::from_fn(loopback::only)).fallback_service(product.router());
    let (stop, mut stopped) = watch::channel(false);
    let server = tokio::spawn(async move {
        let end = async move {
            // An error means that the sender was dropped: there is nothing left to wait for.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(end).await {
            tracing::error!(%error, "the server stopped");
        }
    });
    Ok(Running {
        address,
        engine,
        options,
        clock,
        store,
        services,
        settings,
        signer,
        tokens,
        aws_url,
        imported,
        pollers,
        stop,
        server,
        helpers,
    })
}

/// Listens at that address; also returns the URL for this machine.
async fn listen(address: SocketAddr) -> Result<(TcpListener, String), StartError> {
    let failed = |cause| StartError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let mut reached = listener.local_addr().map_err(failed)?;
    if reached.ip().is_unspecified() {
        reached.set_ip(match reached.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok((listener, format!("http://{reached}")))
}

impl Running {
    /// The address of the API.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the API, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of the engine.
    pub fn engine_url(&self) -> &str {
        self.engine.url()
    }

    /// The URL of the stand-ins for AWS and for other services.
    pub fn aws_url(&self) -> &str {
        &self.aws_url
    }

    /// The addresses that other machines may reach, by their options.
    pub fn exposed(&self) -> Vec<(&'static str, SocketAddr)> {
        let options = &self.options;
        [("--listen", options.listen), ("--table-listen", options.table_listen), ("--aws-listen", options.aws_listen)]
            .into_iter()
            .filter(|(_, address)| !address.ip().is_loopback())
            .collect()
    }

    pub const fn table(&self) -> &str {
        table::NAME
    }

    /// The clock of the runner and the product.
    pub const fn clock(&self) -> &Arc<LocalClock> {
        &self.clock
    }

    /// A store of the same table, directly on the engine.
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// A writer of many items into the table, by the engine's own way if it has one.
    pub fn bulk(&self) -> BulkWriter {
        match self.engine.bulk() {
            Ok(items) => BulkWriter::through(self.store.clone(), items),
            Err(_) => BulkWriter::new(self.store.clone()),
        }
    }

    /// The stand-ins for other services.
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// Waits until everything that changes have caused is done, as far as it is due.
    pub async fn drain(&self) -> Value {
        self.pollers.drain().await
    }

    /// The parts of a function with these declared settings, made from the runner's own settings and stand-ins.
    pub fn parts(&self, declared: Declared) -> Parts {
        workers::parts(declared, &self.settings, &self.store).expect("the same settings were good at the start")
    }

    /// A token with these claims; `None` if the settings name keys that are not the runner's.
    pub fn token(&self, claims: Value) -> Option<String> {
        self.signer.as_ref()?.sign(claims).ok()
    }

    /// A token for each role of the demo customer; empty if the runner cannot sign.
    pub fn tokens(&self) -> &BTreeMap<&'static str, String> {
        &self.tokens
    }

    /// What was imported.
    pub const fn imported(&self) -> Option<&license_importer::Report> {
        self.imported.as_ref()
    }

    /// Whether the demo customer is created.
    pub const fn has_demo(&self) -> bool {
        self.options.demo
    }

    /// The folder with the data.
    pub fn data(&self) -> Option<&std::path::Path> {
        self.options.data.as_deref()
    }

    /// The other services: name, URL, and whether it is a stand-in.
    pub fn other_services(&self) -> Vec<(&'static str, &str, bool)> {
        [("LMS", "LMS_URL"), ("catalog", "ENTERPRISE_CATALOG_URL"), ("Braze", "BRAZE_API_URL")]
            .into_iter()
            .filter_map(|(name, setting)| {
                Some((name, self.settings.get(setting)?, !self.options.settings.contains_key(setting)))
            })
            .collect()
    }

    /// Finishes running requests, then stops the stand-ins, then the engine.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.server).await;
        for helper in self.helpers {
            helper.abort();
        }
        self.engine.stop().await;
    }
}
