//! The public keys that tokens are signed with: given, or fetched and kept.

use std::time::Duration;

use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};
use license_domain::Timestamp;
use tokio::sync::Mutex;

use crate::{ApiError, settings::JwkSource};

/// A token that names an unknown key makes the keys be fetched again, but not more often than this.
const REFETCH_SECONDS: i64 = 60;

/// The keys are fetched again after this time in any case, so that a key that was taken back is forgotten.
const LIFETIME_SECONDS: i64 = 60 * 60;

/// How long the keys' server has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The keys.
#[derive(Debug)]
pub(crate) struct Keys {
    source: JwkSource,
    client: reqwest::Client,
    fetched: Mutex<Option<Fetched>>,
}

#[derive(Clone, Debug)]
struct Fetched {
    keys: JwkSet,
    at: Timestamp,
}

impl Keys {
    pub(crate) fn new(source: JwkSource) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { source, client, fetched: Mutex::new(None) })
    }

    /// The keys that may have signed a token: the one that it names, or all where it names none.
    pub(crate) async fn candidates(&self, kid: Option<&str>, now: Timestamp) -> Result<Vec<DecodingKey>, ApiError> {
        let url = match &self.source {
            JwkSource::Inline(set) => return Ok(matching(set, kid)),
            JwkSource::Url(url) => url,
        };
        // One fetch at a time: who waits finds what the first one fetched.
        let mut fetched = self.fetched.lock().await;
        if let Some(known) = fetched.as_ref() {
            let age = (now - known.at).num_seconds();
            let found = matching(&known.keys, kid);
            let fresh = (0..LIFETIME_SECONDS).contains(&age);
            if (fresh && !found.is_empty()) || (0..REFETCH_SECONDS).contains(&age) {
                return Ok(found);
            }
        }
        match self.fetch(url).await {
            Ok(keys) => {
                let found = matching(&keys, kid);
                *fetched = Some(Fetched { keys, at: now });
                Ok(found)
            }
            // Keys that are known serve on while their server is away.
            Err(error) => match fetched.as_ref() {
                Some(known) => {
                    tracing::warn!(cause = %error.without_url(), "the signing keys could not be fetched again");
                    Ok(matching(&known.keys, kid))
                }
                None => Err(ApiError::Upstream {
                    service: "signing keys' server",
                    cause: error.without_url().to_string(),
                    retryable: true,
                }),
            },
        }
    }

    async fn fetch(&self, url: &str) -> Result<JwkSet, reqwest::Error> {
        self.client.get(url).send().await?.error_for_status()?.json().await
    }
}

fn matching(set: &JwkSet, kid: Option<&str>) -> Vec<DecodingKey> {
    let is_rsa = |key: &&Jwk| matches!(key.algorithm, AlgorithmParameters::RSA(_));
    let is_meant = |key: &&Jwk| kid.is_none() || key.common.key_id.is_none() || key.common.key_id.as_deref() == kid;
    set.keys.iter().filter(is_rsa).filter(is_meant).filter_map(|key| DecodingKey::from_jwk(key).ok()).collect()
}
