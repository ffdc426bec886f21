//! URLs of other services and our credentials: environment variables, with the names of edx's license-manager.

use std::fmt;

use license_settings::{Setting, text, url};

/// A setting is not set that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {0} is missing")]
pub struct MissingSetting(pub &'static str);

/// Our credentials as a client of the LMS.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub key: String,
    pub secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// The settings of the LMS, which also serves the enterprise service and issues our tokens. A missing setting is an
/// error only for the calls that need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// `LMS_URL`: the base URL of the LMS, without a slash at the end.
    pub lms_url: Option<String>,
    /// `BACKEND_SERVICE_EDX_OAUTH2_KEY` and `BACKEND_SERVICE_EDX_OAUTH2_SECRET`.
    pub credentials: Option<Credentials>,
}

/// The environment variables that are read here.
mod names {
    pub const LMS_URL: &str = "LMS_URL";
    pub const ENTERPRISE_CATALOG_URL: &str = "ENTERPRISE_CATALOG_URL";
    pub const OAUTH2_KEY: &str = "BACKEND_SERVICE_EDX_OAUTH2_KEY";
    pub const OAUTH2_SECRET: &str = "BACKEND_SERVICE_EDX_OAUTH2_SECRET";
}

impl ClientSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[
        Setting::plain(names::LMS_URL).url(),
        Setting::plain(names::OAUTH2_KEY),
        Setting::secret(names::OAUTH2_SECRET),
    ];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            lms_url: url(&lookup, names::LMS_URL),
            credentials: text(&lookup, names::OAUTH2_KEY)
                .zip(text(&lookup, names::OAUTH2_SECRET))
                .map(|(key, secret)| Credentials { key, secret }),
        }
    }

    pub(crate) fn lms(&self) -> Result<&str, MissingSetting> {
        self.lms_url.as_deref().ok_or(MissingSetting(names::LMS_URL))
    }

    pub(crate) fn credentials(&self) -> Result<&Credentials, MissingSetting> {
        self.credentials.as_ref().ok_or(MissingSetting(names::OAUTH2_KEY))
    }
}

/// The settings of the catalog service. A missing setting is an error only for the calls that need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogSettings {
    /// `ENTERPRISE_CATALOG_URL`: the base URL, without a slash at the end.
    pub url: Option<String>,
}

impl CatalogSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(names::ENTERPRISE_CATALOG_URL).url()];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { url: url(lookup, names::ENTERPRISE_CATALOG_URL) }
    }

    pub(crate) fn url(&self) -> Result<&str, MissingSetting> {
        self.url.as_deref().ok_or(MissingSetting(names::ENTERPRISE_CATALOG_URL))
    }
}
