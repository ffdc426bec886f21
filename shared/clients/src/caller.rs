//! How calls are made: with timeouts, and with a few retries if a retry is harmless.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use license_domain::{Clock, Random, Timestamp};
use reqwest::{
    RequestBuilder, Response,
    header::{HeaderMap, RETRY_AFTER},
    redirect,
};

use crate::error::{Cause, ClientError, Service};

/// The most attempts of one call.
const ATTEMPTS: u32 = 3;
/// The longest wait for which a call is retried. If the service asks for a longer one, the call fails.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Whether a call may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// The call has the same effect once and twice.
    Repeatable,
    /// The call is retried only if the service certainly did nothing: there was no connection, or it responded with
    /// 429, or with 503 and `Retry-After`.
    Once,
}

/// The timeouts of calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallLimits {
    /// The timeout for making a connection.
    pub connect: Duration,
    /// The timeout of one attempt as a whole.
    pub total: Duration,
    /// The longest wait before the second attempt; it doubles with each attempt.
    pub first_wait: Duration,
}

impl CallLimits {
    /// The default limits, with that timeout for an attempt.
    pub const fn within(total: Duration) -> Self {
        Self { connect: Duration::from_secs(2), total, first_wait: Duration::from_millis(150) }
    }

    /// The builder of an HTTP client. It does not follow redirects, which would send tokens to any URL that a response
    /// names.
    pub fn builder(self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .connect_timeout(self.connect)
            .timeout(self.total)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("license-manager/", env!("CARGO_PKG_VERSION")))
    }
}

/// A failed attempt.
struct Failure {
    error: ClientError,
    /// The wait that the service asked for (`Retry-After`).
    retry_after: Option<Duration>,
}

/// Sends requests and retries them.
pub(crate) struct ServiceCaller {
    pub http: reqwest::Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    limits: CallLimits,
}

impl ServiceCaller {
    pub fn new(limits: CallLimits, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, ClientError> {
        let http = limits.builder().build().map_err(ClientError::Setup)?;
        Ok(Self { http, clock, random, limits })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends a request once. A failure of the service is an error; a refusal is a response.
    pub async fn send_once(&self, service: Service, request: RequestBuilder) -> Result<Response, ClientError> {
        self.attempt(service, request).await.map_err(|failure| failure.error)
    }

    /// Sends a request until the response is not a failure of the service, with a few attempts at most. Between
    /// attempts it waits for a random time, or as long as the service asked for.
    pub async fn send(
        &self,
        service: Service,
        safety: Safety,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, ClientError> {
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(service, request()).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let is_too_long = failure.retry_after.is_some_and(|wait| wait > MAX_WAIT);
            if attempt == ATTEMPTS || is_too_long || !failure.may_be_repeated(safety) {
                return Err(failure.error);
            }
            let wait = failure.retry_after.unwrap_or_else(|| self.wait(attempt));
            tracing::warn!(service = service.as_str(), attempt, error = %failure.error, "service call failed, will retry");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, service: Service, request: RequestBuilder) -> Result<Response, Failure> {
        match request.send().await {
            Ok(response) => match ClientError::status(service, response.status().as_u16()) {
                error if error.is_retryable() => {
                    Err(Failure { error, retry_after: retry_after(response.headers(), self.now()) })
                }
                _ => Ok(response),
            },
            Err(error) => Err(Failure { error: ClientError::transport(service, error), retry_after: None }),
        }
    }

    /// Full jitter: a random wait up to a bound that doubles with each attempt.
    pub fn wait(&self, attempt: u32) -> Duration {
        let most = self.limits.first_wait * 2_u32.saturating_pow(attempt - 1);
        Duration::from_millis(
            self.random.below(u64::try_from(most.as_millis()).expect("a wait in milliseconds fits 64 bits")),
        )
    }
}

impl Failure {
    const fn may_be_repeated(&self, safety: Safety) -> bool {
        match safety {
            Safety::Repeatable => self.error.is_retryable(),
            Safety::Once => match self.error {
                ClientError::Unreachable { cause: Cause::NoConnection, .. }
                | ClientError::Failed { status: 429, .. } => true,
                ClientError::Failed { status: 503, .. } => self.retry_after.is_some(),
                _ => false,
            },
        }
    }
}

/// The wait in `Retry-After`: a number of seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: DateTime<Utc> = DateTime::parse_from_rfc2822(text).ok()?.into();
    Some((date - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        let now = "2026-11-23T10:46:08Z".parse().expect("a date");
        let after = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a value"))]);
            retry_after(&headers, now)
        };
        assert_eq!(after(" 3 "), Some(Duration::from_secs(3)));
        assert_eq!(after("Mon, 23 Nov 2026 10:46:10 GMT"), Some(Duration::from_secs(2)));
        assert_eq!(after("Mon, 23 Nov 2026 10:46:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
