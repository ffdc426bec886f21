//! A function's state, built from settings and secrets, and built again when a secret has changed.
//!
//! 1. At the start the secrets are read that settings name; without them the function does not start.
//! 2. Before an invocation they are read again if the last reading is older than [`LIFETIME`]: a process that stood
//!    still for hours does not use what it knew then, and a change is used within five minutes.
//! 3. Only if a value has changed is the state built again: caches and connections live on otherwise.
//! 4. If a reading fails, takes too long, or gives what no state can be built from, the old state stays, and the next
//!    reading is due after [`RETRY`].
//!
//! Invocations that come at the same time wait for one reading. Where no setting names a secret, nothing is ever read.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use chrono::TimeDelta;
use license_clients::{ClientError, SecretsClient, names_a_secret};
use license_domain::Timestamp;
use license_settings::Kind;
use license_telemetry::metrics;
use tokio::{sync::Mutex, time::timeout};

use crate::{Error, Parts};

/// How long secrets are used before they are read again; with the time that a reading may take, less than five minutes.
const LIFETIME: TimeDelta = TimeDelta::minutes(4);
/// After which time secrets are read again that could not be read.
const RETRY: TimeDelta = TimeDelta::seconds(15);
/// How long the first reading may take: Lambda gives a function ten seconds to start.
const START_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a later reading may hold an invocation up.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Secrets that settings name could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The log says which one.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There was no response in time.
    #[error("the secrets were not read in time")]
    TimedOut,
    /// A setting names a secret that cannot be one.
    #[error("the setting {0} must be its value, not the name of a secret")]
    NotASecret(&'static str),
}

type Values = BTreeMap<&'static str, String>;
type Build<T> = Box<dyn Fn(&Parts) -> Result<T, Error> + Send + Sync>;

/// A function's state.
pub struct Rotating<T> {
    /// With secrets by their names.
    parts: Parts,
    build: Build<T>,
    /// None where no setting names a secret.
    secrets: Option<SecretsClient>,
    current: RwLock<Current<T>>,
    reading: Mutex<()>,
}

struct Current<T> {
    state: T,
    values: Values,
    /// When secrets were last read, or should have been, and how long that holds.
    read_at: Timestamp,
    holds: TimeDelta,
}

impl<T: Clone> Rotating<T> {
    /// Reads the secrets and builds the state.
    pub async fn start(
        parts: Parts,
        build: impl Fn(&Parts) -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        if let Some((name, _)) = parts.settings.of_kind(Kind::Plain).find(|(_, value)| names_a_secret(value)) {
            return Err(SecretsError::NotASecret(name).into());
        }
        let has_secrets = parts.settings.of_kind(Kind::Secret).any(|(_, value)| names_a_secret(value));
        let (secrets, values) = if has_secrets {
            let client = SecretsClient::new(parts.lookup(), &parts.aws, parts.clock(), parts.random())?;
            let values = read(&client, &parts, START_TIMEOUT).await?;
            (Some(client), values)
        } else {
            (None, Values::new())
        };
        let read_at = parts.clock().now();
        let state = build(&resolved(&parts, &values))?;
        let current = RwLock::new(Current { state, values, read_at, holds: LIFETIME });
        Ok(Self { parts, build: Box::new(build), secrets, current, reading: Mutex::default() })
    }

    /// The state for an invocation.
    pub async fn current(&self) -> T {
        if let Some(secrets) = &self.secrets
            && self.is_due()
        {
            let _one_at_a_time = self.reading.lock().await;
            if self.is_due() {
                self.read_again(secrets).await;
            }
        }
        self.with(|current| current.state.clone())
    }

    fn is_due(&self) -> bool {
        let now = self.parts.clock().now();
        // A clock that was set back says nothing about the age: then they are read again, too.
        self.with(|current| now < current.read_at || now - current.read_at >= current.holds)
    }

    async fn read_again(&self, secrets: &SecretsClient) {
        let read_at = self.parts.clock().now();
        let read = read(secrets, &self.parts, TIMEOUT).await.map_err(Error::from);
        let rebuilt = read.and_then(|values| {
            if self.with(|current| current.values == values) {
                return Ok(None);
            }
            (self.build)(&resolved(&self.parts, &values)).map(|state| Some((state, values)))
        });
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.read_at = read_at;
        current.holds = LIFETIME;
        match rebuilt {
            Ok(None) => {}
            Ok(Some((state, values))) => {
                let changed = values.iter().filter(|(name, value)| current.values.get(*name) != Some(value));
                let changed: Vec<&str> = changed.map(|(name, _)| *name).collect();
                tracing::info!(settings = changed.join(" "), "secrets have changed and are used from now on");
                current.state = state;
                current.values = values;
            }
            Err(error) => {
                current.holds = RETRY;
                tracing::error!(%error, "secrets could not be renewed, those of before are used; will retry");
                metrics::count("SecretsNotRenewed", &[]);
            }
        }
    }

    fn with<R>(&self, look: impl FnOnce(&Current<T>) -> R) -> R {
        look(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn read(secrets: &SecretsClient, parts: &Parts, limit: Duration) -> Result<Values, SecretsError> {
    let values = timeout(limit, secrets.resolve(&parts.settings)).await;
    Ok(values.map_err(|_| SecretsError::TimedOut)??)
}

fn resolved(parts: &Parts, values: &Values) -> Parts {
    Parts { settings: parts.settings.with(values), ..parts.clone() }
}

#[cfg(test)]
mod tests;
