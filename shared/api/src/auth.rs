//! Reads the claims of a token from a request's headers and checks that we accept the token.

use axum::http::{HeaderMap, header, request::Parts};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use license_domain::{
    EmailAddress, EnterpriseId, LmsUserId, Principal, RoleGrant, RoleName, Scope, Timestamp, maxima::MAX_USERNAME,
};
use serde::Deserialize;

use crate::{
    ApiError,
    cookies::cookie,
    csrf,
    jwks::{self, Keys},
    origin::TrustedOrigin,
    settings::JwtSettings,
};

/// How far the clocks of the token's issuer and ours may be apart, in seconds.
const LEEWAY_SECONDS: f64 = 1.0;

/// The header that a browser sends with the cookies that hold its token.
const USE_COOKIE: &str = "use-jwt-cookie";
const HEADER_PAYLOAD_COOKIE: &str = "edx-jwt-cookie-header-payload";
const SIGNATURE_COOKIE: &str = "edx-jwt-cookie-signature";

/// The claims of a token that are read.
#[derive(Clone, Debug, Deserialize)]
struct Claims {
    #[serde(default)]
    preferred_username: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    user_id: Option<i64>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(default)]
    administrator: Option<bool>,
    #[serde(default)]
    superuser: Option<bool>,
    /// The version of the token's format: `major.minor.patch`.
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
}

pub(crate) struct Authenticator {
    issuer: Option<String>,
    audience: Option<String>,
    keys: Option<Keys>,
    secret: Option<DecodingKey>,
    trusted_origins: Vec<TrustedOrigin>,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    pub(crate) fn new(settings: &JwtSettings, trusted_origins: &[TrustedOrigin]) -> Result<Self, reqwest::Error> {
        Ok(Self {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            keys: settings.keys.clone().map(Keys::new).transpose()?,
            secret: settings.secret.as_ref().map(|secret| DecodingKey::from_secret(secret.as_bytes())),
            trusted_origins: trusted_origins.to_vec(),
        })
    }

    /// The principal that the request's token names. Nothing is read from the store.
    pub(crate) async fn principal(&self, parts: &Parts, now: Timestamp) -> Result<Principal, ApiError> {
        let token = match credentials(&parts.headers) {
            Credentials::None => return Err(ApiError::no_credentials()),
            Credentials::Header(token) => token.to_owned(),
            Credentials::Cookies(token) => {
                if !parts.method.is_safe() {
                    csrf::check(parts, &self.trusted_origins)?;
                }
                token
            }
        };
        self.bearer(&token, now).await
    }

    /// Verifies a bearer token and returns its principal.
    pub(crate) async fn bearer(&self, token: &str, now: Timestamp) -> Result<Principal, ApiError> {
        let claims = self.verify(token, now).await?;
        principal_of(claims).ok_or_else(ApiError::invalid_token)
    }

    async fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, ApiError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| ApiError::invalid_token())?;
        let candidates = match (header.alg, &self.keys, &self.secret) {
            (algorithm, Some(keys), _) if jwks::is_supported(algorithm) => {
                keys.candidates((algorithm, header.kid.as_deref()), now).await?
            }
            (Algorithm::HS256, _, Some(secret)) => vec![secret.clone()],
            _ => return Err(ApiError::invalid_token()),
        };
        let mut validation = Validation::new(header.alg);
        // The times are checked against our own clock, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.required_spec_claims.clear();
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".to_owned());
            }
            None => validation.validate_aud = false,
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        let claims = candidates.iter().find_map(|key| jsonwebtoken::decode::<Claims>(token, key, &validation).ok());
        let claims = claims.ok_or_else(ApiError::invalid_token)?.claims;
        let is_ours = in_time(&claims, now) && is_supported(claims.version.as_deref());
        if is_ours { Ok(claims) } else { Err(ApiError::invalid_token()) }
    }
}

/// Tokens of a later major version may mean something else by the same claims. One that names none is of the first.
fn is_supported(version: Option<&str>) -> bool {
    const MAJOR: u32 = 1;
    version.is_none_or(|version| version.split('.').next().and_then(|major| major.parse().ok()) == Some(MAJOR))
}

fn in_time(claims: &Claims, now: Timestamp) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 are below 2^52 until the year 2112")]
    let now = now.timestamp_micros() as f64 / 1e6;
    // A token without an expiration can't be taken back, so it is refused.
    claims.exp.is_some_and(|end| now < end + LEEWAY_SECONDS)
        && claims.nbf.is_none_or(|start| start - LEEWAY_SECONDS <= now)
}

enum Credentials<'a> {
    None,
    Header(&'a str),
    Cookies(String),
}

fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    let text = |name: header::HeaderName| headers.get(name)?.to_str().ok();
    if let Some(value) = text(header::AUTHORIZATION)
        && let Some((scheme, token)) = value.trim().split_once(' ')
        && scheme.eq_ignore_ascii_case("JWT")
    {
        return Credentials::Header(token.trim());
    }
    let wants_cookies = headers.get(USE_COOKIE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if wants_cookies
        && let Some(payload) = cookie(headers, HEADER_PAYLOAD_COOKIE)
        && let Some(signature) = cookie(headers, SIGNATURE_COOKIE)
    {
        return Credentials::Cookies(format!("{payload}.{signature}"));
    }
    Credentials::None
}

/// The principal of these claims; none if they name no user.
fn principal_of(claims: Claims) -> Option<Principal> {
    Some(Principal {
        username: claims.preferred_username.filter(|name| is_username(name))?,
        // An address that no license can have is treated as if there were none.
        email: claims.email.and_then(|email| EmailAddress::foreign(&email).ok()),
        lms_user_id: claims.user_id.map(LmsUserId),
        is_staff: claims.administrator.unwrap_or_default(),
        is_superuser: claims.superuser.unwrap_or_default(),
        grants: claims.roles.unwrap_or_default().iter().filter_map(|role| grant(role)).collect(),
    })
}

/// The user name is part of a key of the table, so its length has a maximum. The LMS has no longer names.
fn is_username(name: &str) -> bool {
    !name.is_empty() && name.chars().nth(MAX_USERNAME).is_none()
}

/// `name:context`, the context a customer or `*`. Anything else gives no rights.
fn grant(role: &str) -> Option<RoleGrant> {
    let (name, context) = role.split_once(':')?;
    let role = RoleName::from_token(name)?;
    let scope = match context {
        "*" => Scope::All,
        enterprise => Scope::Enterprise(enterprise.parse::<EnterpriseId>().ok()?),
    };
    Some(RoleGrant { role, scope })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Method, Request};
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_795_430_768;

    fn now() -> Timestamp {
        Timestamp::from_timestamp(NOW, 0).expect("a moment")
    }

    fn settings() -> JwtSettings {
        JwtSettings {
            issuer: Some("https://lms.example".to_owned()),
            audience: Some("licenses".to_owned()),
            keys: None,
            secret: Some("hush".to_owned()),
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://lms.example", "aud": "licenses", "exp": NOW + 10,
            "preferred_username": "ada", "email": "Ada@Example.com", "user_id": 7,
            "roles": [
                "enterprise_admin:00000000-0000-0000-0000-000000000001", "enterprise_openedx_operator:*",
                "enterprise_admin", "enterprise_learner:junk", "something_else:*",
            ],
        })
    }

    fn token(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
    }

    fn parts(method: Method, headers: &HeaderMap) -> Parts {
        let (mut parts, ()) = Request::builder().method(method).uri("/").body(()).expect("a request").into_parts();
        parts.headers = headers.clone();
        parts
    }

    async fn ask(settings: &JwtSettings, scheme: &str, token: &str) -> Result<Principal, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("{scheme} {token}")).expect("a header"));
        let authenticator = Authenticator::new(settings, &[]).expect("a client");
        authenticator.principal(&parts(Method::POST, &headers), now()).await.map_err(|error| error.status().as_u16())
    }

    #[tokio::test]
    async fn a_valid_token_gives_the_user_and_roles_without_context_give_no_rights() {
        let requester = ask(&settings(), "JWT", &token(&claims(), "hush", Algorithm::HS256)).await.expect("a caller");
        assert_eq!(requester.username, "ada");
        assert_eq!(requester.lms_user_id, Some(LmsUserId(7)));
        let admin = |scope| RoleGrant { role: RoleName::SubscriptionsAdmin, scope };
        let one = Scope::Enterprise("00000000-0000-0000-0000-000000000001".parse().expect("a uuid"));
        assert_eq!(requester.grants, [admin(one), admin(Scope::All)]);
    }

    #[tokio::test]
    async fn addresses_that_no_license_can_have_are_none() {
        let email = async |email: &str| {
            let mut claims = claims();
            claims["email"] = json!(email);
            let requester = ask(&settings(), "JWT", &token(&claims, "hush", Algorithm::HS256)).await.expect("a caller");
            requester.email.map(|email| email.key().as_str().to_owned())
        };
        assert_eq!(email(" Ann@X.example ").await.as_deref(), Some("ann@x.example"));
        // The Kelvin sign is no letter of another learner's address.
        assert_eq!(email("\u{212a}im@x.example").await.as_deref(), Some("\u{212a}im@x.example"));
        for none in ["", " ", "a\u{202e}nn@x.example", "a\nb@x.example", &"x".repeat(3_000)] {
            assert_eq!(email(none).await, None, "{none:?}");
        }
    }

    #[tokio::test]
    async fn forged_tokens_and_tokens_of_other_issuers_are_refused() {
        let refused = |changes: Value| {
            let mut claims = claims();
            for (name, value) in changes.as_object().expect("an object") {
                claims[name] = value.clone();
            }
            async move { ask(&settings(), "JWT", &token(&claims, "hush", Algorithm::HS256)).await.err() }
        };
        assert_eq!(refused(json!({})).await, None);
        assert_eq!(refused(json!({ "exp": NOW })).await, None);
        assert_eq!(refused(json!({ "nbf": NOW + 1 })).await, None);
        assert_eq!(refused(json!({ "version": "1.2.0" })).await, None);
        for changes in [
            json!({ "exp": NOW - 1 }),
            json!({ "version": "2.0.0" }),
            json!({ "version": "" }),
            json!({ "exp": null }),
            json!({ "nbf": NOW + 5 }),
            json!({ "iss": "https://evil.example" }),
            json!({ "iss": null }),
            json!({ "aud": "another" }),
            json!({ "aud": null }),
            json!({ "preferred_username": "" }),
            json!({ "preferred_username": "\u{1f600}".repeat(MAX_USERNAME + 1) }),
        ] {
            assert_eq!(refused(changes.clone()).await, Some(401), "{changes}");
        }
        let good = token(&claims(), "hush", Algorithm::HS256);
        assert_eq!(ask(&settings(), "Bearer", &good).await, Err(401));
        assert_eq!(ask(&settings(), "JWT", "nonsense").await, Err(401));
        assert_eq!(ask(&settings(), "JWT", &token(&claims(), "guess", Algorithm::HS256)).await, Err(401));
        assert_eq!(ask(&settings(), "JWT", &token(&claims(), "hush", Algorithm::HS512)).await, Err(401));
    }

    #[tokio::test]
    async fn without_a_key_every_token_is_refused() {
        let none = JwtSettings::default();
        assert_eq!(ask(&none, "JWT", &token(&claims(), "", Algorithm::HS256)).await, Err(401));
        assert_eq!(ask(&none, "JWT", &token(&claims(), "hush", Algorithm::HS256)).await, Err(401));
    }

    #[tokio::test]
    async fn cookies_are_accepted_for_requests_that_change_nothing() {
        let good = token(&claims(), "hush", Algorithm::HS256);
        let (payload, signature) = good.rsplit_once('.').expect("three parts");
        let cookies = format!("{HEADER_PAYLOAD_COOKIE}={payload}; a=b; {SIGNATURE_COOKIE}={signature}");
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(&cookies).expect("a header"));
        let authenticator = Authenticator::new(&settings(), &[]).expect("a client");
        let ask = async |method: Method, headers: &HeaderMap| {
            let answer = authenticator.principal(&parts(method, headers), now()).await;
            answer.map(|requester| requester.username).map_err(|error| error.status().as_u16())
        };
        assert_eq!(ask(Method::GET, &headers).await, Err(401));
        headers.insert(USE_COOKIE, HeaderValue::from_static("true"));
        assert_eq!(ask(Method::GET, &headers).await, Ok("ada".to_owned()));
        assert_eq!(ask(Method::POST, &headers).await, Err(403));
    }
}
