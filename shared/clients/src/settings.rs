//! Where the other services are, and as whom we call them: environment variables under the peer's names.

use std::fmt;

/// A setting that a call needs is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {0} is missing")]
pub struct Missing(pub &'static str);

/// Settings by their names. An empty one is the same as none.
pub(crate) struct Settings<F>(pub F);

impl<F: Fn(&str) -> Option<String>> Settings<F> {
    /// The text of that name, without surrounding space.
    pub fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The address of that name, without a slash at the end.
    pub fn url(&self, name: &str) -> Option<String> {
        self.text(name).map(|url| url.trim_end_matches('/').to_owned())
    }
}

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

/// The services that a function calls. What is absent is missed only by the call that needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    /// `LMS_URL`: where the LMS is, without a slash at the end.
    pub lms_url: Option<String>,
    /// `ENTERPRISE_CATALOG_URL`: where the catalog service is, without a slash at the end.
    pub enterprise_catalog_url: Option<String>,
    /// `BACKEND_SERVICE_EDX_OAUTH2_KEY` and `BACKEND_SERVICE_EDX_OAUTH2_SECRET`.
    pub credentials: Option<Credentials>,
}

/// The environment variables that are read here.
pub(crate) mod names {
    pub const LMS_URL: &str = "LMS_URL";
    pub const ENTERPRISE_CATALOG_URL: &str = "ENTERPRISE_CATALOG_URL";
    pub const OAUTH2_KEY: &str = "BACKEND_SERVICE_EDX_OAUTH2_KEY";
    pub const OAUTH2_SECRET: &str = "BACKEND_SERVICE_EDX_OAUTH2_SECRET";
}

impl ClientSettings {
    /// The settings that `lookup` knows. An empty value is the same as none.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let settings = Settings(lookup);
        Self {
            lms_url: settings.url(names::LMS_URL),
            enterprise_catalog_url: settings.url(names::ENTERPRISE_CATALOG_URL),
            credentials: settings
                .text(names::OAUTH2_KEY)
                .zip(settings.text(names::OAUTH2_SECRET))
                .map(|(key, secret)| Credentials { key, secret }),
        }
    }

    pub(crate) fn lms(&self) -> Result<&str, Missing> {
        self.lms_url.as_deref().ok_or(Missing(names::LMS_URL))
    }

    pub(crate) fn catalog(&self) -> Result<&str, Missing> {
        self.enterprise_catalog_url.as_deref().ok_or(Missing(names::ENTERPRISE_CATALOG_URL))
    }

    pub(crate) fn credentials(&self) -> Result<&Credentials, Missing> {
        self.credentials.as_ref().ok_or(Missing(names::OAUTH2_KEY))
    }
}
