//! The public keys that verify tokens: from the settings, or fetched from a server and cached.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use license_domain::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::{ApiError, settings::JwkSource};

/// A token with an unknown key makes the keys be fetched again, but not more often than this, in seconds.
const REFETCH_SECONDS: i64 = 60;

/// While no key is known, the next fetch begins after this time, in seconds.
const RETRY_SECONDS: i64 = 5;

/// After this time the keys are fetched in any case, so that a key that the server withdrew is forgotten.
const LIFETIME_SECONDS: i64 = 60 * 60;

/// The timeout of a fetch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How many keys of a set are tried for a token that names no known key.
const MAX_KEYS: usize = 16;

/// The largest set of keys that is read, in bytes: a key takes about 500.
const MAX_SET_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) enum Keys {
    /// From the settings.
    Inline(JwkSet),
    /// Fetched from a server.
    Remote(Arc<Remote>),
}

impl Keys {
    pub(crate) fn new(source: JwkSource) -> Result<Self, reqwest::Error> {
        Ok(match source {
            JwkSource::Inline(set) => Self::Inline(set),
            JwkSource::Url(url) => {
                let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
                Self::Remote(Arc::new(Remote { url, client, known: Mutex::default() }))
            }
        })
    }

    /// The keys that may have signed a token with that algorithm: the key that it names, or all if it names none or an
    /// unknown one.
    pub(crate) async fn candidates(
        &self,
        (algorithm, kid): (Algorithm, Option<&str>),
        now: Timestamp,
    ) -> Result<Vec<DecodingKey>, ApiError> {
        let find = |set: &JwkSet| matching(set, algorithm, kid);
        match self {
            Self::Inline(set) => Ok(find(set)),
            Self::Remote(remote) => remote.candidates(find, kid, now).await,
        }
    }
}

/// Keys that are fetched from a server.
#[derive(Debug)]
pub(crate) struct Remote {
    url: String,
    client: reqwest::Client,
    /// Locked only for moments, never during a fetch.
    known: Mutex<Known>,
}

/// What was fetched, and the state of the fetches.
#[derive(Debug, Default)]
struct Known {
    /// The last set that had a usable key.
    keys: Option<JwkSet>,
    fetched: Option<Timestamp>,
    /// When the last fetch began, successful or not.
    asked: Option<Timestamp>,
    /// Why the last fetch failed; none if it succeeded.
    failure: Option<String>,
    /// The receiver of the current fetch; its channel closes when the fetch ends.
    running: Option<watch::Receiver<()>>,
}

impl Known {
    fn is_fresh(&self, now: Timestamp) -> bool {
        is_within(self.fetched, LIFETIME_SECONDS, now)
    }

    fn was_asked(&self, now: Timestamp) -> bool {
        let seconds = if self.keys.is_some() { REFETCH_SECONDS } else { RETRY_SECONDS };
        is_within(self.asked, seconds, now)
    }

    fn running(&self) -> Option<watch::Receiver<()>> {
        self.running.clone().filter(|running| running.has_changed().is_ok())
    }
}

fn is_within(moment: Option<Timestamp>, seconds: i64, now: Timestamp) -> bool {
    moment.is_some_and(|moment| (0..seconds).contains(&(now - moment).num_seconds()))
}

impl Remote {
    /// Chooses keys by `find`:
    ///
    /// 1. A request whose key is known never waits: it uses the known keys while another request fetches, and while the
    ///    server is unavailable.
    /// 2. A request whose key is unknown waits for the current fetch, or begins one if the last was long enough ago. If
    ///    that does not bring its key, all keys are tried.
    async fn candidates(
        self: &Arc<Self>,
        find: impl Fn(&JwkSet) -> Vec<DecodingKey>,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<DecodingKey>, ApiError> {
        let mut running = {
            let mut known = self.lock();
            let named = known.keys.as_ref().filter(|keys| has(keys, kid));
            let found = named.map(&find).filter(|found| !found.is_empty());
            match (found, known.running()) {
                (Some(found), Some(_)) => return Ok(found),
                (Some(found), None) if known.is_fresh(now) || known.was_asked(now) => return Ok(found),
                (None, None) if known.was_asked(now) => return known.found(&find),
                (None, Some(running)) => running,
                (_, None) => {
                    known.asked = Some(now);
                    let running = self.start(now);
                    known.running = Some(running.clone());
                    running
                }
            }
        };
        // `changed` fails when the fetch has ended and closed its end of the channel.
        while running.changed().await.is_ok() {}
        self.lock().found(&find)
    }

    /// Begins a fetch as a task of its own, so that it goes on for other requests if the client of this one
    /// disconnects.
    fn start(self: &Arc<Self>, now: Timestamp) -> watch::Receiver<()> {
        let (over, running) = watch::channel(());
        let remote = self.clone();
        tokio::spawn(async move {
            let fetched = remote.fetch().await;
            let mut known = remote.lock();
            match fetched {
                Ok(keys) => {
                    known.keys = Some(keys);
                    known.fetched = Some(now);
                    known.failure = None;
                }
                Err(cause) => {
                    tracing::warn!(cause, "the signing keys could not be fetched");
                    known.failure = Some(cause);
                }
            }
            drop(known);
            drop(over);
        });
        running
    }

    /// Fetches the server's keys; the error says why they cannot be used.
    async fn fetch(&self) -> Result<JwkSet, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let response = self.client.get(&self.url).send().await.map_err(failed)?;
        let mut response = response.error_for_status().map_err(failed)?;
        let mut text = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if text.len() + part.len() > MAX_SET_BYTES {
                return Err(format!("the set has more than {MAX_SET_BYTES} bytes"));
            }
            text.extend_from_slice(&part);
        }
        usable(&text)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn found(&self, find: impl Fn(&JwkSet) -> Vec<DecodingKey>) -> Result<Vec<DecodingKey>, ApiError> {
        self.keys.as_ref().map(find).ok_or_else(|| ApiError::Upstream {
            service: "signing keys' server",
            cause: self.failure.clone().unwrap_or_else(|| "the keys are being fetched".to_owned()),
            retryable: true,
        })
    }
}

/// Each key of the set is read by itself, so that a key of an unknown kind does not make the others unusable.
#[derive(Deserialize)]
struct AnySet {
    keys: Vec<Value>,
}

/// The set, if it has a key that can verify tokens. A set without one would lock out every client.
fn usable(text: &[u8]) -> Result<JwkSet, String> {
    let set: AnySet = serde_json::from_slice(text).map_err(|error| format!("the response is no JWK set: {error}"))?;
    let keys: Vec<Jwk> = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
    let is_usable = |key: &Jwk| ALGORITHMS.iter().any(|(algorithm, _)| verifies(key, *algorithm));
    if keys.iter().any(|key| is_usable(key) && DecodingKey::from_jwk(key).is_ok()) {
        Ok(JwkSet { keys })
    } else {
        Err("the set has no key that verifies tokens".to_owned())
    }
}

/// The algorithms of tokens that keys of a set verify. RS512 is assumed for a key that names no algorithm.
const ALGORITHMS: [(Algorithm, KeyAlgorithm); 2] =
    [(Algorithm::RS512, KeyAlgorithm::RS512), (Algorithm::RS256, KeyAlgorithm::RS256)];

/// Whether keys of the set can verify tokens of that algorithm.
pub(crate) fn is_supported(algorithm: Algorithm) -> bool {
    ALGORITHMS.iter().any(|(known, _)| *known == algorithm)
}

/// Whether the key's own fields (`use`, `key_ops`, `alg`) permit that it verifies tokens of that algorithm.
fn verifies(key: &Jwk, algorithm: Algorithm) -> bool {
    let common = &key.common;
    let is_rsa = matches!(key.algorithm, AlgorithmParameters::RSA(_));
    let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let may_verify = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let own = common.key_algorithm.unwrap_or(KeyAlgorithm::RS512);
    is_rsa && is_for_signatures && may_verify && ALGORITHMS.contains(&(algorithm, own))
}

/// The keys with that name; all, up to a maximum, if no key has it.
fn matching(set: &JwkSet, algorithm: Algorithm, kid: Option<&str>) -> Vec<DecodingKey> {
    let usable = || set.keys.iter().filter(|key| verifies(key, algorithm)).take(MAX_KEYS);
    let is_named = |key: &&Jwk| kid.is_some() && key.common.key_id.as_deref() == kid;
    let is_known = usable().any(|key| is_named(&key));
    usable().filter(|key| !is_known || is_named(key)).filter_map(|key| DecodingKey::from_jwk(key).ok()).collect()
}

/// Whether a key of the set has that name. Without a name any key matches.
fn has(set: &JwkSet, kid: Option<&str>) -> bool {
    kid.is_none_or(|kid| set.find(kid).is_some())
}
