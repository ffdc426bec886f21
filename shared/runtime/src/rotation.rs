//! A function's state, built from settings and secrets, and built again when a secret has changed.
//!
//! 1. At the start, all secrets are read that settings name. If that fails, the function does not start.
//! 2. Before an invocation, they are read again if the last read is older than [`LIFETIME`]: a process that was frozen
//!    for hours does not use old values, and a change is used within five minutes.
//! 3. The state is built again only if a value has changed; otherwise caches and connections are kept.
//! 4. If a read fails, takes too long, or gives values from which no state can be built, the old state is kept, and the
//!    next read is due after [`RETRY`].
//!
//! Invocations at the same time wait for one read. If no setting names a secret, nothing is read.

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

/// How long secrets are used before they are read again. Together with the time of a read it is less than five minutes.
const LIFETIME: TimeDelta = TimeDelta::minutes(4);
/// The wait after a failed read.
const RETRY: TimeDelta = TimeDelta::seconds(15);
/// The timeout of the first read: Lambda gives a function ten seconds to start.
const START_TIMEOUT: Duration = Duration::from_secs(8);
/// The timeout of a later read, during which an invocation waits.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why the secrets that settings name could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A read failed; the log says which secret.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There was no response in time.
    #[error("the secrets were not read in time")]
    TimedOut,
    /// A setting names a secret although it cannot be one.
    #[error("the setting {0} must be its value, not the name of a secret")]
    NotASecret(&'static str),
}

type Values = BTreeMap<&'static str, String>;
type Build<T> = Box<dyn Fn(&Parts) -> Result<T, Error> + Send + Sync>;

pub struct Rotating<T> {
    /// The parts; settings hold the names of secrets, not their values.
    parts: Parts,
    build: Build<T>,
    /// None if no setting names a secret.
    secrets: Option<SecretsClient>,
    current: RwLock<Current<T>>,
    reading: Mutex<()>,
}

struct Current<T> {
    state: T,
    values: Values,
    /// When secrets were last read (or the read failed), and when they are due.
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
        // If the clock was set back, the age is unknown, and the secrets are read again.
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
