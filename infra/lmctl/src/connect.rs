//! The table of a command.

use std::{path::Path, sync::Arc};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use chrono::TimeDelta;
use license_domain::{Clock, Timestamp};
use license_local::{engine::Engine, table};
use license_storage_dynamodb::{PutItems, Store, StoreSettings};
use license_telemetry::{SystemClock, SystemRandom};
use license_template::Template;

use crate::{Error, Global};

/// A table, and the embedded engine if that serves it.
pub(crate) struct Connected {
    pub(crate) store: Arc<Store>,
    /// The way to put many items into the table: the engine's own one, where that is ours.
    pub(crate) items: Arc<dyn PutItems>,
    engine: Option<Engine>,
}

impl Connected {
    pub(crate) async fn close(self) {
        if let Some(engine) = self.engine {
            if let Err(error) = engine.load(false) {
                eprintln!("the folder may not survive a failure of the machine: {error}");
            }
            engine.stop().await;
        }
    }
}

pub(crate) async fn connect(global: &Global, may_create: bool) -> Result<Connected, Error> {
    if let Some(folder) = &global.data {
        return open(folder, may_create, clock(global)?).await;
    }
    let store = serve(global, clock(global)?).await?;
    Ok(Connected { items: store.clone(), store, engine: None })
}

/// A clock that is ahead of the system's, or behind it.
#[derive(Debug)]
struct Moved(TimeDelta);

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }
}

/// The clock that the command goes by. Nothing is changed in a table of AWS at another time than now.
fn clock(global: &Global) -> Result<Arc<dyn Clock>, Error> {
    let Some(at) = global.clock else { return Ok(Arc::new(SystemClock)) };
    if global.data.is_none() && global.endpoint_url.is_none() && !global.dry_run {
        return Err(Error::Usage("--clock needs --data, --endpoint-url or --dry-run".to_owned()));
    }
    Ok(Arc::new(Moved(at - SystemClock.now())))
}

/// The embedded engine with that folder, which it locks.
async fn open(folder: &Path, may_create: bool, clock: Arc<dyn Clock>) -> Result<Connected, Error> {
    if !may_create && !folder.is_dir() {
        return Err(Error::Refused(format!("{} is no folder", folder.display())));
    }
    let engine = Engine::start(Some(folder)).await?;
    let client = table::client(engine.url());
    table::create(&client, Template::embedded().map_err(license_local::StartError::from)?.table()).await?;
    let store = Arc::new(Store::new(client, table::NAME, clock, Arc::new(SystemRandom)));
    let items = engine.bulk()?;
    // Only commands that fill a new folder write much.
    engine.load(may_create)?;
    Ok(Connected { store, items, engine: Some(engine) })
}

async fn serve(global: &Global, clock: Arc<dyn Clock>) -> Result<Arc<Store>, Error> {
    let is_local = match &global.endpoint_url {
        Some(endpoint) if url::Url::parse(endpoint).is_err() => {
            return Err(Error::Usage(format!("--endpoint-url {endpoint} is no URL")));
        }
        Some(endpoint) => is_loopback(endpoint),
        None => false,
    };
    let aws = sdk_config(global, is_local).await?;
    let settings = StoreSettings { table: global.table.clone(), endpoint: global.endpoint_url.clone() };
    Ok(Arc::new(Store::connect(&settings, &aws, clock, Arc::new(SystemRandom))))
}

/// Region and credentials. The local product looks at neither, but the SDK asks for both.
pub(crate) async fn sdk_config(global: &Global, is_local: bool) -> Result<SdkConfig, Error> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = &global.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &global.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if is_local && global.profile.is_none() && std::env::var_os("AWS_ACCESS_KEY_ID").is_none() {
        loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "lmctl"));
        if global.region.is_none() {
            loader = loader.region(Region::new("local"));
        }
    }
    let aws = loader.load().await;
    if aws.region().is_none() {
        return Err(Error::Usage(
            "no region is configured: name one with --region, or --data or --endpoint-url".into(),
        ));
    }
    Ok(aws)
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    match url::Url::parse(url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
