//! Our own service token, kept until shortly before it ends.

use std::time::Duration;

use license_domain::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

/// How long before its end a token is not used any more, at most: a call that begins just before the end
/// must not arrive after it.
const MARGIN: Duration = Duration::from_mins(1);

/// A token is asked for anew after this time at the latest, whatever is said about its end.
const MAX_LENGTH: Duration = Duration::from_hours(24);

/// The LMS's answer to a request for a token.
#[derive(Deserialize)]
pub(crate) struct Grant {
    access_token: String,
    /// In how many seconds it ends.
    expires_in: u64,
}

#[derive(Clone)]
struct Token {
    text: String,
    usable_until: Timestamp,
}

/// The token at hand. Whoever finds none asks for one while others wait for it, so that many requests at once
/// cost one call.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<Option<Token>>);

impl TokenCache {
    /// The token at hand, or the one that `fetch` brings.
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

    /// Forgets that token, if it is still the one at hand.
    pub async fn forget(&self, text: &str) {
        let mut held = self.0.lock().await;
        if held.as_ref().is_some_and(|token| token.text == text) {
            *held = None;
        }
    }
}
