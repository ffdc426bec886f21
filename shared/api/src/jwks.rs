//! The public keys that tokens are signed with: given, or fetched and kept.

use std::time::Duration;

use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};
use license_domain::Timestamp;
use tokio::sync::Mutex;

use crate::{ApiError, settings::JwkSource};

/// A token that names an unknown key makes the keys be fetched again, but not more often than this, in seconds.
const REFETCH_SECONDS: i64 = 60;

/// Where no key is known, their server is asked again after this time, in seconds.
const RETRY_SECONDS: i64 = 5;

/// The keys are fetched again after this time in any case, so that a key that was taken back is forgotten.
const LIFETIME_SECONDS: i64 = 60 * 60;

/// How long the keys' server has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The keys.
#[derive(Debug)]
pub(crate) enum Keys {
    /// Given once and for all.
    Inline(JwkSet),
    /// Fetched from a server.
    Remote(Remote),
}

impl Keys {
    pub(crate) fn new(source: JwkSource) -> Result<Self, reqwest::Error> {
        Ok(match source {
            JwkSource::Inline(set) => Self::Inline(set),
            JwkSource::Url(url) => {
                let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
                Self::Remote(Remote { url, client, known: Mutex::default() })
            }
        })
    }

    /// The keys that may have signed a token: the one that it names, or all where it names none.
    pub(crate) async fn candidates(&self, kid: Option<&str>, now: Timestamp) -> Result<Vec<DecodingKey>, ApiError> {
        match self {
            Self::Inline(set) => Ok(matching(set, kid)),
            Self::Remote(remote) => remote.candidates(kid, now).await,
        }
    }
}

/// Keys that a server tells.
#[derive(Debug)]
pub(crate) struct Remote {
    url: String,
    client: reqwest::Client,
    known: Mutex<Known>,
}

/// What the server told.
#[derive(Debug, Default)]
struct Known {
    keys: Option<JwkSet>,
    fetched: Option<Timestamp>,
    /// When the server was last asked, whatever came of it.
    asked: Option<Timestamp>,
}

impl Known {
    fn is_fresh(&self, now: Timestamp) -> bool {
        is_within(self.fetched, LIFETIME_SECONDS, now)
    }

    fn was_asked(&self, now: Timestamp) -> bool {
        let seconds = if self.keys.is_some() { REFETCH_SECONDS } else { RETRY_SECONDS };
        is_within(self.asked, seconds, now)
    }
}

fn is_within(moment: Option<Timestamp>, seconds: i64, now: Timestamp) -> bool {
    moment.is_some_and(|moment| (0..seconds).contains(&(now - moment).num_seconds()))
}

impl Remote {
    /// Keys that are known serve on while their server is away.
    async fn candidates(&self, kid: Option<&str>, now: Timestamp) -> Result<Vec<DecodingKey>, ApiError> {
        // One fetch at a time: who waits finds what the first one fetched.
        let mut known = self.known.lock().await;
        let found = known.keys.as_ref().map(|keys| matching(keys, kid));
        let is_known = known.is_fresh(now) && found.as_ref().is_some_and(|found| !found.is_empty());
        if is_known || known.was_asked(now) {
            return found.ok_or_else(|| unavailable("asked a moment ago".to_owned()));
        }
        let answer = self.fetch().await;
        known.asked = Some(now);
        match answer {
            Ok(keys) => {
                let found = matching(&keys, kid);
                known.keys = Some(keys);
                known.fetched = Some(now);
                Ok(found)
            }
            Err(error) => {
                let cause = error.without_url().to_string();
                tracing::warn!(cause, "the signing keys could not be fetched");
                found.ok_or_else(|| unavailable(cause))
            }
        }
    }

    async fn fetch(&self) -> Result<JwkSet, reqwest::Error> {
        self.client.get(&self.url).send().await?.error_for_status()?.json().await
    }
}

fn unavailable(cause: String) -> ApiError {
    ApiError::Upstream { service: "signing keys' server", cause, retryable: true }
}

fn matching(set: &JwkSet, kid: Option<&str>) -> Vec<DecodingKey> {
    let is_rsa = |key: &&Jwk| matches!(key.algorithm, AlgorithmParameters::RSA(_));
    let is_meant = |key: &&Jwk| kid.is_none() || key.common.key_id.is_none() || key.common.key_id.as_deref() == kid;
    set.keys.iter().filter(is_rsa).filter(is_meant).filter_map(|key| DecodingKey::from_jwk(key).ok()).collect()
}
