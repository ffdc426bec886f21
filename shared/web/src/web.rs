//! What every handler is handed: the clock, random bits, settings, and who may call.

use std::{fmt, sync::Arc};

use license_domain::{Clock, Random, Timestamp};
use license_store::ports::Users;

use crate::{Settings, SettingsError, auth::Authenticator, users::KnownUsers};

/// Cheap to clone.
#[derive(Clone)]
pub struct Web(Arc<Inner>);

struct Inner {
    settings: Settings,
    authenticator: Authenticator,
    users: KnownUsers,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Web {
    /// Puts it together.
    pub fn new(
        settings: &Settings,
        users: Arc<dyn Users>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, SettingsError> {
        let authenticator = Authenticator::new(&settings.jwt, &settings.csrf_trusted_origins)?;
        let users = KnownUsers::new(users);
        Ok(Self(Arc::new(Inner { settings: settings.clone(), authenticator, users, clock, random })))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Random bits.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.0.random
    }

    /// What the operator set.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    pub(crate) fn users(&self) -> &KnownUsers {
        &self.0.users
    }
}
