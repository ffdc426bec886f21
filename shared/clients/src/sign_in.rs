//! Sign-in with the LMS by OAuth 2: the browser is redirected to the LMS with a request, and returns with a code, which
//! is exchanged for a token.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use license_domain::{Clock, Random};
use license_settings::{Setting, text, url};
use serde::Deserialize;

use crate::{
    caller::{CallLimits, Safety, ServiceCaller},
    error::{ClientError, Service},
    settings::{Credentials, MissingSetting},
};

/// The timeout of the exchange of a code.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The environment variables that are read here, with the names of edx's license-manager.
mod names {
    pub const KEY: &str = "SOCIAL_AUTH_EDX_OAUTH2_KEY";
    pub const SECRET: &str = "SOCIAL_AUTH_EDX_OAUTH2_SECRET";
    pub const URL_ROOT: &str = "SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT";
    pub const PUBLIC_URL_ROOT: &str = "SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT";
}

/// The settings of sign-in: the LMS, and our application there. Without them there is no sign-in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SignInSettings {
    /// The URL of the LMS for this service, without a slash at the end.
    pub url: Option<String>,
    /// The URL of the LMS for browsers; the same one if it is not set.
    pub public_url: Option<String>,
    /// The application's id and secret.
    pub credentials: Option<Credentials>,
}

impl fmt::Debug for SignInSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInSettings")
            .field("url", &self.url)
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

impl SignInSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[
        Setting::plain(names::KEY),
        Setting::secret(names::SECRET),
        Setting::plain(names::URL_ROOT).url(),
        Setting::plain(names::PUBLIC_URL_ROOT).url(),
    ];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let root = url(&lookup, names::URL_ROOT);
        let credentials = text(&lookup, names::KEY).zip(text(&lookup, names::SECRET));
        Self {
            public_url: url(&lookup, names::PUBLIC_URL_ROOT).or_else(|| root.clone()),
            url: root,
            credentials: credentials.map(|(key, secret)| Credentials { key, secret }),
        }
    }
}

/// A request to sign in.
#[derive(Clone, Copy, Debug)]
pub struct SignInRequest<'a> {
    /// The URL to which the LMS redirects the browser afterwards.
    pub redirect_uri: &'a str,
    /// A value that the LMS adds to that URL unchanged.
    pub state: &'a str,
    /// The digest of the verifier: the exchange of the code sends the verifier, to prove that it belongs to this
    /// request (PKCE, S256).
    pub challenge: &'a str,
}

#[async_trait]
pub trait SignIn: Send + Sync {
    /// The URL of the LMS to which the browser is redirected.
    fn authorize_url(&self, request: SignInRequest<'_>) -> Result<String, ClientError>;

    /// The URL that ends the LMS's own session.
    fn sign_out_url(&self) -> Option<String>;

    /// Exchanges a code for a token. The token is not verified yet.
    async fn exchange(&self, code: &str, verifier: &str, redirect_uri: &str) -> Result<String, ClientError>;
}

/// The client of the LMS's sign-in.
pub struct SignInClient {
    settings: SignInSettings,
    caller: ServiceCaller,
}

impl fmt::Debug for SignInClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The response to a code.
#[derive(Deserialize)]
struct Grant {
    access_token: String,
}

impl SignInClient {
    /// A client with these settings.
    pub fn new(settings: SignInSettings, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, ClientError> {
        Ok(Self { settings, caller: ServiceCaller::new(CallLimits::within(TIMEOUT), clock, random)? })
    }

    fn credentials(&self) -> Result<&Credentials, MissingSetting> {
        self.settings.credentials.as_ref().ok_or(MissingSetting(names::KEY))
    }
}

#[async_trait]
impl SignIn for SignInClient {
    fn authorize_url(&self, request: SignInRequest<'_>) -> Result<String, ClientError> {
        let root = self.settings.public_url.as_deref().ok_or(MissingSetting(names::URL_ROOT))?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.credentials()?.key)
            .append_pair("redirect_uri", request.redirect_uri)
            .append_pair("state", request.state)
            .append_pair("response_type", "code")
            .append_pair("scope", "user_id profile email")
            .append_pair("code_challenge", request.challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        Ok(format!("{root}/oauth2/authorize?{query}"))
    }

    fn sign_out_url(&self) -> Option<String> {
        Some(format!("{}/logout", self.settings.public_url.as_deref()?))
    }

    /// The call is not repeated, because a code can be used once.
    async fn exchange(&self, code: &str, verifier: &str, redirect_uri: &str) -> Result<String, ClientError> {
        let root = self.settings.url.as_deref().ok_or(MissingSetting(names::URL_ROOT))?;
        let credentials = self.credentials()?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", redirect_uri),
            ("client_id", &credentials.key),
            ("client_secret", &credentials.secret),
            ("token_type", "jwt"),
        ];
        let url = format!("{root}/oauth2/access_token");
        let response = self.caller.send(Service::Lms, Safety::Once, || self.caller.http.post(&url).form(&form)).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(ClientError::status(Service::Lms, status.as_u16()));
        }
        let grant: Grant = response.json().await.map_err(|_| ClientError::Unreadable { service: Service::Lms })?;
        Ok(grant.access_token)
    }
}
