//! One HTTP client for all other services, with a service token.

use std::{fmt, sync::Arc, time::Duration};

use license_domain::{Clock, Random, Timestamp};
use reqwest::{Response, StatusCode, header, redirect};
use serde::de::DeserializeOwned;

use crate::{
    error::{ClientError, Service},
    settings::ClientSettings,
    token::{Grant, TokenCache},
};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one attempt may take as a whole. Three of them fit well into the 30 seconds of an API request.
const TIMEOUT: Duration = Duration::from_secs(6);
/// How often a call is tried.
const ATTEMPTS: u32 = 3;
/// The longest wait before the second attempt; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(150);

/// Calls other services in our own name: `Authorization: JWT <token>`, the token got from the LMS by
/// client credentials (RFC 6749). Cheap to clone.
#[derive(Clone)]
pub struct ServiceClient(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    settings: ClientSettings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    token: TokenCache,
}

impl fmt::Debug for ServiceClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceClient").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl ServiceClient {
    /// A client of the services that the settings name.
    pub fn new(settings: ClientSettings, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, ClientError> {
        // A redirect would carry the token to whatever address the answer names.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("license-manager/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::Setup)?;
        Ok(Self(Arc::new(Inner { http, settings, clock, random, token: TokenCache::default() })))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.0.settings
    }

    /// Gets what is at that address; `None` where the service says that there is nothing.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        service: Service,
        url: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<T>, ClientError> {
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            let request = || self.0.http.get(url).query(query).header(header::AUTHORIZATION, format!("JWT {token}"));
            let response = self.send(service, request).await?;
            match response.status() {
                StatusCode::NOT_FOUND => return Ok(None),
                // The token may have been withdrawn before its end: ask once with a new one.
                StatusCode::UNAUTHORIZED if !renewed => {
                    self.0.token.forget(&token).await;
                    renewed = true;
                }
                status if status.is_success() => return body(service, response).await.map(Some),
                status => return Err(ClientError::status(service, status.as_u16())),
            }
        }
    }

    async fn token(&self) -> Result<String, ClientError> {
        self.0.token.get(self.0.clock.now(), self.fetch_token()).await
    }

    async fn fetch_token(&self) -> Result<Grant, ClientError> {
        let credentials = self.0.settings.credentials()?;
        let url = format!("{}/oauth2/access_token", self.0.settings.lms()?);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &credentials.key),
            ("client_secret", &credentials.secret),
            ("token_type", "jwt"),
        ];
        let response = self.send(Service::Lms, || self.0.http.post(&url).form(&form)).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(ClientError::status(Service::Lms, status.as_u16()));
        }
        body(Service::Lms, response).await
    }

    /// Sends a request, which must be safe to repeat, until there is an answer that is not the service's own
    /// failure, a few times at most, with a random wait between.
    async fn send(
        &self,
        service: Service,
        request: impl Fn() -> reqwest::RequestBuilder,
    ) -> Result<Response, ClientError> {
        let mut attempt = 1;
        loop {
            let error = match request().send().await {
                Ok(response) => match ClientError::status(service, response.status().as_u16()) {
                    error if error.is_retryable() => error,
                    _ => return Ok(response),
                },
                Err(error) => ClientError::transport(service, &error),
            };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            tracing::warn!(service = service.as_str(), attempt, %error, "a service call failed and is tried again");
            tokio::time::sleep(self.wait(attempt)).await;
            attempt += 1;
        }
    }

    /// Full jitter: anything up to a bound that doubles with each attempt.
    fn wait(&self, attempt: u32) -> Duration {
        let most = FIRST_WAIT * 2_u32.saturating_pow(attempt - 1);
        Duration::from_millis(self.0.random.below(u64::try_from(most.as_millis()).unwrap_or(u64::MAX)))
    }
}

async fn body<T: DeserializeOwned>(service: Service, response: Response) -> Result<T, ClientError> {
    response.json().await.map_err(|error| {
        if error.is_decode() { ClientError::Unreadable { service } } else { ClientError::transport(service, &error) }
    })
}
