//! Our own service token, cached until shortly before it expires.

use std::time::Duration;

use license_domain::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

/// The most time before its expiration at which a token is no longer used: a call that begins just before must not
/// arrive after it.
const MARGIN: Duration = Duration::from_mins(1);

/// The longest time for which a token is cached, whatever expiration the LMS reports.
const MAX_LENGTH: Duration = Duration::from_hours(24);

/// The LMS's response to a request for a token.
#[derive(Deserialize)]
pub(crate) struct Grant {
    access_token: String,
    /// Seconds until it expires.
    expires_in: u64,
}

#[derive(Clone)]
struct Token {
    text: String,
    usable_until: Timestamp,
}

/// The cached token. If there is none, one task requests it and the others wait, so that many simultaneous requests
/// cost one call.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<Option<Token>>);

impl TokenCache {
    /// The cached token, or the one that `fetch` returns.
    pub async fn get<E>(&self, now: Timestamp, fetch: impl Future<Output = Result<Grant, E>>) -> Result<String, E> {
        let mut held = self.0.lock().await;
        if let Some(token) = held.as_ref().filter(|token| now < token.usable_until) {
            return Ok(token.text.clone());
        }
        let grant = fetch.await?;
        let lifetime = Duration::from_secs(grant.expires_in).min(MAX_LENGTH);
        // A token that lives only a little longer than the margin is still used for most of its life.
        let usable = lifetime.saturating_sub(MARGIN.min(lifetime / 5));
        *held = Some(Token { text: grant.access_token.clone(), usable_until: now + usable });
        Ok(grant.access_token)
    }

    /// Removes that token, if it is still the cached one.
    pub async fn forget(&self, text: &str) {
        let mut held = self.0.lock().await;
        if held.as_ref().is_some_and(|token| token.text == text) {
            *held = None;
        }
    }
}
