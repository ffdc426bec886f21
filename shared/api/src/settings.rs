//! Settings of the API, as environment variables, with the names of edx's license-manager where it has them.
//!
//! Without a key every token is refused.

use jsonwebtoken::jwk::JwkSet;
use license_settings::{NotANumber, Setting, number, text, url};

use crate::{RateLimits, origin::TrustedOrigin};

/// The largest CSV that is the response itself, in bytes: escaped and encoded it stays below the 6 MB maximum of a
/// Lambda response.
const CSV_LIMIT: usize = 4_000_000;

/// A text that `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(pub String);

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// The settings of every function of the API.
#[derive(Clone, Debug, Default)]
pub struct ApiSettings {
    /// How tokens are verified.
    pub jwt: JwtSettings,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<TrustedOrigin>,
    /// Origins whose pages may send changes with a browser's cookies.
    pub csrf_trusted_origins: Vec<TrustedOrigin>,
    /// The user who retires learners, see [`ApiSettings::retiring`].
    pub retirement_worker: Option<String>,
    pub throttle: RateLimits,
    /// How many trusted proxies are in front of API Gateway.
    pub trusted_proxies: usize,
}

/// How tokens are verified.
#[derive(Clone, Default)]
pub struct JwtSettings {
    /// The issuer that tokens must name.
    pub issuer: Option<String>,
    /// The audience that tokens must name.
    pub audience: Option<String>,
    /// The public keys for RS512.
    pub keys: Option<JwkSource>,
    /// The secret for HS256.
    pub secret: Option<String>,
}

impl std::fmt::Debug for JwtSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtSettings")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("keys", &self.keys)
            .field("secret", &self.secret.as_ref().map(|_| "…"))
            .finish()
    }
}

#[derive(Clone, Debug)]
pub enum JwkSource {
    /// The setting contains the keys.
    Inline(JwkSet),
    /// The keys are fetched from this URL.
    Url(String),
}

/// A setting with an invalid value.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The value is neither a JWK set nor a URL.
    #[error("JWT_PUBLIC_SIGNING_JWK_SET is neither a JWK set nor a URL: {0}")]
    Keys(String),
    /// The value is not an origin.
    #[error("{setting}: {text:?} is not an origin (scheme://host[:port])")]
    Origin { setting: &'static str, text: String },
    #[error(transparent)]
    Number(#[from] NotANumber),
    /// The HTTP client could not be built.
    #[error("the HTTP client was not built: {0}")]
    Client(#[from] reqwest::Error),
}

mod variables {
    pub const JWT_ISSUER: &str = "JWT_ISSUER";
    pub const JWT_AUDIENCE: &str = "JWT_AUDIENCE";
    pub const JWT_PUBLIC_SIGNING_JWK_SET: &str = "JWT_PUBLIC_SIGNING_JWK_SET";
    pub const JWT_SECRET_KEY: &str = "JWT_SECRET_KEY";
    pub const CORS_ORIGIN_WHITELIST: &str = "CORS_ORIGIN_WHITELIST";
    pub const CSRF_TRUSTED_ORIGINS: &str = "CSRF_TRUSTED_ORIGINS";
    pub const THROTTLE_ANONYMOUS_PER_MINUTE: &str = "THROTTLE_ANONYMOUS_PER_MINUTE";
    pub const THROTTLE_USER_PER_SECOND: &str = "THROTTLE_USER_PER_SECOND";
    pub const THROTTLE_USER_PER_MINUTE: &str = "THROTTLE_USER_PER_MINUTE";
    pub const THROTTLE_EXEMPT_USERNAMES: &str = "THROTTLE_EXEMPT_USERNAMES";
    pub const TRUSTED_PROXY_COUNT: &str = "TRUSTED_PROXY_COUNT";
    pub const RETIREMENT_SERVICE_WORKER_USERNAME: &str = "RETIREMENT_SERVICE_WORKER_USERNAME";
    pub const LEARNER_PORTAL_URL: &str = "LEARNER_PORTAL_URL";
    pub const CSV_LIMIT_BYTES: &str = "CSV_LIMIT_BYTES";
}

impl ApiSettings {
    /// The settings that every function of the API reads.
    pub const DECLARED: &[Setting] = &[
        Setting::plain(variables::JWT_ISSUER),
        Setting::plain(variables::JWT_AUDIENCE),
        Setting::secret(variables::JWT_PUBLIC_SIGNING_JWK_SET),
        Setting::secret(variables::JWT_SECRET_KEY),
        Setting::plain(variables::CORS_ORIGIN_WHITELIST),
        Setting::plain(variables::CSRF_TRUSTED_ORIGINS),
        Setting::plain(variables::THROTTLE_ANONYMOUS_PER_MINUTE),
        Setting::plain(variables::THROTTLE_USER_PER_SECOND),
        Setting::plain(variables::THROTTLE_USER_PER_MINUTE),
        Setting::plain(variables::THROTTLE_EXEMPT_USERNAMES),
        Setting::plain(variables::TRUSTED_PROXY_COUNT),
    ];
    /// The setting that [`ApiSettings::retiring`] reads.
    pub const RETIRING: &[Setting] = &[Setting::plain(variables::RETIREMENT_SERVICE_WORKER_USERNAME)];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |name: &str| text(&lookup, name);
        let keys = get(variables::JWT_PUBLIC_SIGNING_JWK_SET).map(|text| jwk_source(&text)).transpose()?;
        let list = |name: &'static str, may_be_many: bool| {
            let origins = get(name).unwrap_or_default();
            let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
            origins.map(|text| origin(name, text, may_be_many)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            jwt: JwtSettings {
                issuer: get(variables::JWT_ISSUER),
                audience: get(variables::JWT_AUDIENCE),
                keys,
                secret: get(variables::JWT_SECRET_KEY),
            },
            cors_origins: list(variables::CORS_ORIGIN_WHITELIST, false)?,
            csrf_trusted_origins: list(variables::CSRF_TRUSTED_ORIGINS, true)?,
            retirement_worker: None,
            throttle: RateLimits {
                anonymous_per_minute: number(&lookup, variables::THROTTLE_ANONYMOUS_PER_MINUTE)?,
                user_per_second: number(&lookup, variables::THROTTLE_USER_PER_SECOND)?,
                user_per_minute: number(&lookup, variables::THROTTLE_USER_PER_MINUTE)?,
                exempt: names(&get(variables::THROTTLE_EXEMPT_USERNAMES).unwrap_or_default()),
            },
            trusted_proxies: number(&lookup, variables::TRUSTED_PROXY_COUNT)?.unwrap_or_default(),
        })
    }

    /// Adds the user who retires learners, for the function with those routes.
    #[must_use]
    pub fn retiring(self, lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { retirement_worker: text(lookup, variables::RETIREMENT_SERVICE_WORKER_USERNAME), ..self }
    }
}

/// The largest CSV, in bytes, that is the response itself. A larger one becomes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvLimit(pub usize);

impl CsvLimit {
    /// The setting that is read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(variables::CSV_LIMIT_BYTES)];

    /// Reads the limit; 4,000,000 if it is not set, which fits into the 6 MB of a Lambda response.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, NotANumber> {
        number(lookup, variables::CSV_LIMIT_BYTES).map(|limit| Self(limit.unwrap_or(CSV_LIMIT)))
    }
}

/// The base URL of links for learners, without a slash at the end; empty if it is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LearnerPortal(pub String);

impl LearnerPortal {
    /// The setting that is read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(variables::LEARNER_PORTAL_URL).url()];

    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self(url(lookup, variables::LEARNER_PORTAL_URL).unwrap_or_default())
    }
}

/// Splits a comma-separated list of names.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn jwk_source(text: &str) -> Result<JwkSource, SettingsError> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(JwkSource::Url(text.to_owned()));
    }
    serde_json::from_str(text).map(JwkSource::Inline).map_err(|error| SettingsError::Keys(error.to_string()))
}

fn origin(setting: &'static str, text: &str, may_be_many: bool) -> Result<TrustedOrigin, SettingsError> {
    let origin = TrustedOrigin::parse(text).filter(|_| may_be_many || !text.contains('*'));
    origin.ok_or_else(|| SettingsError::Origin { setting, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> Result<ApiSettings, SettingsError> {
        ApiSettings::from_lookup(move |asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn keys_are_a_set_or_a_url() {
        let keys = |value| with("JWT_PUBLIC_SIGNING_JWK_SET", value).map(|settings| settings.jwt.keys);
        assert!(matches!(keys(r#"{"keys": []}"#), Ok(Some(JwkSource::Inline(_)))));
        assert!(matches!(keys("https://lms.example.com/jwks"), Ok(Some(JwkSource::Url(_)))));
        assert!(matches!(keys("  "), Ok(None)));
        assert!(keys("nonsense").is_err());
    }

    #[test]
    fn origins_are_exact() {
        let origin = |text| TrustedOrigin::parse(text).expect("an origin");
        let origins = |value| with("CORS_ORIGIN_WHITELIST", value).map(|settings| settings.cors_origins).ok();
        assert_eq!(
            origins("https://a.example, http://localhost:1991,"),
            Some(["https://a.example", "http://localhost:1991"].map(origin).to_vec())
        );
        assert_eq!(origins("*"), None);
        assert_eq!(origins("https://a.example/path"), None);
        let trusted = |value| with("CSRF_TRUSTED_ORIGINS", value).map(|settings| settings.csrf_trusted_origins).ok();
        assert_eq!(trusted("https://*.a.example"), Some(vec![origin("https://*.a.example")]));
        assert_eq!(trusted("https://*"), None);
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = with("JWT_SECRET_KEY", "hush").expect("valid");
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
