//! State that every handler shares: clock, random bits, settings, and the authentication of requesters.

use std::{fmt, sync::Arc};

use axum::{
    http::request::Parts,
    response::{IntoResponse, Response},
};
use license_domain::{Clock, Principal, Random, Timestamp};
use license_storage::{Attempt, RequesterRecords, StoredUser};

use crate::{
    ApiError, ApiSettings, SettingsError, auth::Authenticator, authenticate, throttle::Throttle, users::KnownUsers,
};

/// A clone copies one pointer.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    settings: ApiSettings,
    authenticator: Authenticator,
    users: KnownUsers,
    throttle: Throttle,
    requesters: Arc<dyn RequesterRecords>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl AppState {
    pub fn new(
        settings: &ApiSettings,
        requesters: Arc<dyn RequesterRecords>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, SettingsError> {
        let authenticator = Authenticator::new(&settings.jwt, &settings.csrf_trusted_origins)?;
        let users = KnownUsers::new(requesters.clone());
        let throttle = Throttle::new(settings.throttle.clone(), requesters.clone());
        Ok(Self(Arc::new(Inner {
            settings: settings.clone(),
            authenticator,
            users,
            throttle,
            requesters,
            clock,
            random,
        })))
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub fn random(&self) -> &Arc<dyn Random> {
        &self.0.random
    }

    /// The settings of the API that the operator chose.
    pub fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    /// Verifies a token and returns the principal that it names.
    pub async fn bearer(&self, token: &str) -> Result<Principal, ApiError> {
        self.0.authenticator.bearer(token, self.now()).await
    }

    /// Gets what the store knows of a user beyond the token. The value is cached for a minute.
    pub async fn stored_user(&self, username: &str) -> Result<StoredUser, ApiError> {
        Ok(self.0.users.user(username, self.now()).await?)
    }

    /// Counts a request of a user, or of the client's address if there is no user. The returned response replaces
    /// the page if the user is over the limit.
    pub async fn count_page(&self, parts: &Parts, username: Option<&str>) -> Result<(), Response> {
        authenticate::count_page(self, parts, username).await.map_err(IntoResponse::into_response)
    }

    /// Repeats attempts at a change until one commits; fails with contention when the attempts run out. An attempt is
    /// repeated because another transaction changed an item that it had read.
    pub async fn attempts<T, F, Fut>(&self, operation: &'static str, mut attempt: F) -> Result<T, ApiError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Attempt<T>, ApiError>>,
    {
        license_storage::attempts(self.0.random.as_ref(), operation, (), |()| attempt()).await
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn requesters(&self) -> &Arc<dyn RequesterRecords> {
        &self.0.requesters
    }

    pub(crate) fn users(&self) -> &KnownUsers {
        &self.0.users
    }
}
