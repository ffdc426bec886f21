//! The HTTP client for the services that accept the LMS's tokens.

use std::{fmt, sync::Arc, time::Duration};

use license_domain::{Clock, Random, Timestamp};
use reqwest::{RequestBuilder, Response, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    caller::{CallLimits, Safety, ServiceCaller},
    error::{ClientError, Service},
    settings::ClientSettings,
    token::{Grant, TokenCache},
};

/// The timeout of one attempt. Three attempts fit well into the 30 seconds of an API request.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Calls other services with `Authorization: JWT <token>`. The LMS issues the token for our client credentials (RFC
/// 6749). A clone shares the connections.
#[derive(Clone)]
pub struct ServiceClient(Arc<Inner>);

struct Inner {
    caller: ServiceCaller,
    settings: ClientSettings,
    token: TokenCache,
}

impl fmt::Debug for ServiceClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceClient").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl ServiceClient {
    /// A client with these settings.
    pub fn new(settings: ClientSettings, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, ClientError> {
        Self::with_limits(settings, clock, random, CallLimits::within(TIMEOUT))
    }

    pub(crate) fn with_limits(
        settings: ClientSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        limits: CallLimits,
    ) -> Result<Self, ClientError> {
        let caller = ServiceCaller::new(limits, clock, random)?;
        Ok(Self(Arc::new(Inner { caller, settings, token: TokenCache::default() })))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.caller.now()
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.0.settings
    }

    /// Gets the JSON at that URL; `None` for 404.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        service: Service,
        url: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<T>, ClientError> {
        let request = |http: &reqwest::Client| http.get(url).query(query);
        let response = self.exchange(service, Safety::Repeatable, request).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => body(service, response).await.map(Some),
            status => Err(ClientError::status(service, status.as_u16())),
        }
    }

    /// Posts `body` as JSON to that URL. The response's body is not read.
    pub async fn post(
        &self,
        service: Service,
        url: &str,
        body: &(impl Serialize + Sync),
        safety: Safety,
    ) -> Result<(), ClientError> {
        let response = self.exchange(service, safety, |http| http.post(url).json(body)).await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(ClientError::status(service, response.status().as_u16()))
    }

    /// Posts `body` as JSON to that URL, with that timeout for an attempt. Returns the response's JSON if the status is
    /// a success or the one given.
    pub(crate) async fn post_for<T: DeserializeOwned>(
        &self,
        service: Service,
        url: &str,
        sent: &(impl Serialize + Sync),
        safety: Safety,
        timeout: Duration,
        also: StatusCode,
    ) -> Result<T, ClientError> {
        let request = |http: &reqwest::Client| http.post(url).json(sent).timeout(timeout);
        let response = self.exchange(service, safety, request).await?;
        let status = response.status();
        if status.is_success() || status == also {
            return body(service, response).await;
        }
        Err(ClientError::status(service, status.as_u16()))
    }

    /// Sends a request with our token, and once more with a new token if it was not accepted, because it may have been
    /// withdrawn before it expired.
    async fn exchange(
        &self,
        service: Service,
        safety: Safety,
        request: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Response, ClientError> {
        let caller = &self.0.caller;
        let mut renewed = false;
        loop {
            let token = self.token().await.map_err(ClientError::before_sending)?;
            let authorized = || request(&caller.http).header(header::AUTHORIZATION, format!("JWT {token}"));
            let response = caller.send(service, safety, authorized).await?;
            if response.status() != StatusCode::UNAUTHORIZED || renewed {
                return Ok(response);
            }
            self.0.token.forget(&token).await;
            renewed = true;
        }
    }

    async fn token(&self) -> Result<String, ClientError> {
        self.0.token.get(self.now(), self.fetch_token()).await
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
        let response =
            self.0.caller.send(Service::Lms, Safety::Repeatable, || self.0.caller.http.post(&url).form(&form)).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(ClientError::status(Service::Lms, status.as_u16()));
        }
        body(Service::Lms, response).await
    }
}

/// The JSON of a response.
pub(crate) async fn body<T: DeserializeOwned>(service: Service, response: Response) -> Result<T, ClientError> {
    response.json().await.map_err(|error| {
        if error.is_decode() { ClientError::Unreadable { service } } else { ClientError::transport(service, error) }
    })
}
