//! Where the other services are, and as whom we call them: environment variables under the peer's names.

use std::fmt;

use license_settings::{Setting, text, url};

/// A setting that a call needs is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {0} is missing")]
pub struct MissingSetting(pub &'static str);

/// As whom we ask the LMS for a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The client's id.
    pub key: String,
    /// The client's secret.
    pub secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Where the LMS is, which has the enterprise service and issues our tokens. What is absent is missed only by the call that needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// `LMS_URL`: where the LMS is, without a slash at the end.
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
    /// What is read here.
    pub const DECLARED: &[Setting] = &[
        Setting::plain(names::LMS_URL).url(),
        Setting::plain(names::OAUTH2_KEY),
        Setting::secret(names::OAUTH2_SECRET),
    ];

    /// The settings that `lookup` knows. An empty value is the same as none.
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

/// Where the catalog service is. What is absent is missed only by the call that needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogSettings {
    /// `ENTERPRISE_CATALOG_URL`: where it is, without a slash at the end.
    pub url: Option<String>,
}

impl CatalogSettings {
    /// What is read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(names::ENTERPRISE_CATALOG_URL).url()];

    /// The settings that `lookup` knows. An empty value is the same as none.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { url: url(lookup, names::ENTERPRISE_CATALOG_URL) }
    }

    pub(crate) fn url(&self) -> Result<&str, MissingSetting> {
        self.url.as_deref().ok_or(MissingSetting(names::ENTERPRISE_CATALOG_URL))
    }
}
