//! What an operator sets, as environment variables with the peer's names where it has one.
//!
//! | variable | meaning |
//! |---|---|
//! | `JWT_ISSUER` | the issuer of every token; any where it is not set |
//! | `JWT_AUDIENCE` | the audience of every token; any where it is not set |
//! | `JWT_PUBLIC_SIGNING_JWK_SET` | the keys of RS512 tokens: a JWK set, or the URL of one |
//! | `JWT_SECRET_KEY` | the secret of HS256 tokens; without it none is accepted |
//! | `CORS_ORIGIN_WHITELIST` | origins (`scheme://host[:port]`) whose pages may call, separated by commas |
//! | `CSRF_TRUSTED_ORIGINS` | origins (also `scheme://*.domain`) whose pages may change things with a browser's cookies, separated by commas |
//! | `LEARNER_PORTAL_URL` | where links of learners lead |
//! | `ENTERPRISE_SUBSIDY_CHECKSUM_SECRET_KEY` | the secret under which subsidies are signed; without it there are none |
//! | `BULK_ENROLL_REQUEST_LIMIT` | the most enrolments (learners × courses) of one request, 500 where it is not set and at most 1,000 |
//! | `CSV_LIMIT_BYTES` | up to this size a table is the answer itself, above it a file; 4,000,000 where it is not set, which fits the 6 MB of a Lambda's answer |
//! | `THROTTLE_ANONYMOUS_PER_MINUTE` | the most requests without a token, from one address, in a minute; any number where it is not set |
//! | `THROTTLE_USER_PER_SECOND`, `THROTTLE_USER_PER_MINUTE` | the most requests of one user; any number where it is not set |
//! | `THROTTLE_EXEMPT_USERNAMES` | users without limits, separated by commas |
//! | `TRUSTED_PROXY_COUNT` | how many proxies of ours stand before API Gateway and put the client's address into `X-Forwarded-For`; 0 where it is not set |
//! | `RETIREMENT_SERVICE_WORKER_USERNAME` | the user who retires learners |
//!
//! Without any key nothing is accepted.

use std::str::FromStr;

use jsonwebtoken::jwk::JwkSet;
use license_domain::job::DEFAULT_ENROLLMENT_LIMIT;

use crate::Limits;

/// The largest table that is the answer itself: escaped and encoded it stays below the 6 MB of a Lambda's answer.
const CSV_LIMIT: usize = 4_000_000;

/// The most enrolments that a job can hold: it is one item of the table.
const MOST_ENROLLMENTS: usize = 1_000;

/// A text that is not shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// What the web layer has to be told.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How tokens are told from forgeries.
    pub jwt: JwtSettings,
    /// Origins whose pages may call.
    pub cors_origins: Vec<String>,
    /// Origins whose pages may change things with a browser's cookies.
    pub csrf_trusted_origins: Vec<String>,
    /// Where links of learners lead, without a slash at the end.
    pub learner_portal_url: String,
    /// The secret under which subsidies are signed.
    pub subsidy_secret: Option<Secret>,
    /// The user who retires learners.
    pub retirement_worker: Option<String>,
    /// The most enrolments of one request.
    pub bulk_enroll_limit: usize,
    /// Up to this size, in bytes, a table is the answer itself.
    pub csv_limit: usize,
    /// How many requests a caller may make.
    pub throttle: Limits,
    /// How many proxies of ours stand before API Gateway.
    pub trusted_proxies: usize,
}

/// How tokens are told from forgeries.
#[derive(Clone, Default)]
pub struct JwtSettings {
    /// The issuer that they must name.
    pub issuer: Option<String>,
    /// The audience that they must name.
    pub audience: Option<String>,
    /// The keys of RS512.
    pub keys: Option<JwkSource>,
    /// The secret of HS256.
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

/// Where the keys come from.
#[derive(Clone, Debug)]
pub enum JwkSource {
    /// They are part of the settings.
    Inline(JwkSet),
    /// They are fetched.
    Url(String),
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Neither a JWK set nor a URL.
    #[error("JWT_PUBLIC_SIGNING_JWK_SET is neither a JWK set nor a URL: {0}")]
    Keys(String),
    /// Not an origin.
    #[error("{setting}: {text:?} is not an origin (scheme://host[:port])")]
    Origin {
        /// The setting's name.
        setting: &'static str,
        /// What stands there.
        text: String,
    },
    /// Not a whole number.
    #[error("{setting}: {text:?} is not a whole number")]
    Number {
        /// The setting's name.
        setting: &'static str,
        /// What stands there.
        text: String,
    },
    /// The HTTP client was not built.
    #[error("the HTTP client was not built: {0}")]
    Client(#[from] reqwest::Error),
}

impl Settings {
    /// From anything that knows variables. An empty one counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let keys = get("JWT_PUBLIC_SIGNING_JWK_SET").map(|text| jwk_source(&text)).transpose()?;
        let list = |name: &'static str, may_be_many: bool| {
            let origins = get(name).unwrap_or_default();
            let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
            origins.map(|text| origin(name, text, may_be_many)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            jwt: JwtSettings {
                issuer: get("JWT_ISSUER"),
                audience: get("JWT_AUDIENCE"),
                keys,
                secret: get("JWT_SECRET_KEY"),
            },
            cors_origins: list("CORS_ORIGIN_WHITELIST", false)?,
            csrf_trusted_origins: list("CSRF_TRUSTED_ORIGINS", true)?,
            learner_portal_url: get("LEARNER_PORTAL_URL").unwrap_or_default().trim_end_matches('/').to_owned(),
            subsidy_secret: get("ENTERPRISE_SUBSIDY_CHECKSUM_SECRET_KEY").map(Secret),
            retirement_worker: get("RETIREMENT_SERVICE_WORKER_USERNAME"),
            bulk_enroll_limit: number(&get, "BULK_ENROLL_REQUEST_LIMIT")?
                .unwrap_or(DEFAULT_ENROLLMENT_LIMIT)
                .min(MOST_ENROLLMENTS),
            csv_limit: number(&get, "CSV_LIMIT_BYTES")?.unwrap_or(CSV_LIMIT),
            throttle: Limits {
                anonymous_per_minute: number(&get, "THROTTLE_ANONYMOUS_PER_MINUTE")?,
                user_per_second: number(&get, "THROTTLE_USER_PER_SECOND")?,
                user_per_minute: number(&get, "THROTTLE_USER_PER_MINUTE")?,
                exempt: names(&get("THROTTLE_EXEMPT_USERNAMES").unwrap_or_default()),
            },
            trusted_proxies: number(&get, "TRUSTED_PROXY_COUNT")?.unwrap_or_default(),
        })
    }
}

/// A whole number, if it is set.
fn number<T: FromStr>(
    get: &impl Fn(&str) -> Option<String>,
    setting: &'static str,
) -> Result<Option<T>, SettingsError> {
    let number = |text: String| text.parse().map_err(|_| SettingsError::Number { setting, text });
    get(setting).map(number).transpose()
}

/// Names that are separated by commas.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn jwk_source(text: &str) -> Result<JwkSource, SettingsError> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(JwkSource::Url(text.to_owned()));
    }
    serde_json::from_str(text).map(JwkSource::Inline).map_err(|error| SettingsError::Keys(error.to_string()))
}

fn origin(setting: &'static str, text: &str, may_be_many: bool) -> Result<String, SettingsError> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.map(|host| if may_be_many { host.strip_prefix("*.").unwrap_or(host) } else { host });
    let valid = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', '@']));
    if valid { Ok(text.to_owned()) } else { Err(SettingsError::Origin { setting, text: text.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> Result<Settings, SettingsError> {
        Settings::from_lookup(move |asked| (asked == name).then(|| value.to_owned()))
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
        let origins = |value| with("CORS_ORIGIN_WHITELIST", value).map(|settings| settings.cors_origins).ok();
        assert_eq!(
            origins("https://a.example, http://localhost:1991,"),
            Some(vec!["https://a.example".into(), "http://localhost:1991".into()])
        );
        assert_eq!(origins("*"), None);
        assert_eq!(origins("https://a.example/path"), None);
        let trusted = |value| with("CSRF_TRUSTED_ORIGINS", value).map(|settings| settings.csrf_trusted_origins).ok();
        assert_eq!(trusted("https://*.a.example"), Some(vec!["https://*.a.example".into()]));
        assert_eq!(trusted("https://*"), None);
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = with("JWT_SECRET_KEY", "hush").expect("valid");
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
