//! Protection against cross-site request forgery. A page of another site can make a browser send a request with our
//! cookies. So a request that changes something and comes with cookies needs the token from a cookie that only our own
//! and trusted pages can read (a double submit), and must come from such a page.

use axum::http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};
use license_domain::Random;
use subtle::ConstantTimeEq;

use crate::{
    ApiError,
    cookies::cookie,
    origin::{self, TrustedOrigin},
};

/// The cookie with the token.
pub const COOKIE: &str = "license_manager_csrftoken";
const HEADER: HeaderName = HeaderName::from_static("x-csrftoken");

/// How long the cookie lives, in seconds: a year, as in edx's license-manager.
const MAX_AGE_SECONDS: u64 = 31_449_600;

/// The field of a form with the token.
pub const FIELD: &str = "csrfmiddlewaretoken";

/// A new token: 256 random bits.
pub fn new_token(random: &dyn Random) -> String {
    format!("{:032x}{:032x}", random.bits(), random.bits())
}

/// The value of `Set-Cookie` that gives the browser a token. A browser keeps a secure cookie only if it came over TLS.
pub fn set_cookie(parts: &Parts, token: &str) -> String {
    let secure = if origin::of_request(parts).starts_with("https://") { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Max-Age={MAX_AGE_SECONDS}; Path=/; SameSite=Lax{secure}")
}

/// Bounds of a token's length, in characters; a value of another length is not one of our tokens.
const LENGTH: std::ops::RangeInclusive<usize> = 32..=64;

/// Why a request is refused as a possible forgery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Forgery {
    #[error("CSRF Failed: Origin checking failed - {0} does not match any trusted origins.")]
    Origin(String),
    #[error("CSRF Failed: Referer checking failed - no Referer.")]
    NoReferer,
    #[error("CSRF Failed: Referer checking failed - {0} does not match any trusted origins.")]
    Referer(String),
    #[error("CSRF Failed: CSRF cookie not set.")]
    NoCookie,
    #[error("CSRF Failed: CSRF token missing.")]
    NoToken,
    #[error("CSRF Failed: CSRF token from the 'X-Csrftoken' HTTP header incorrect.")]
    Token,
}

impl From<Forgery> for ApiError {
    fn from(forgery: Forgery) -> Self {
        Self::detail(StatusCode::FORBIDDEN, forgery.to_string())
    }
}

/// Checks a request that came with cookies:
///
/// 1. The page's origin, if the browser sends it, must be our own or a trusted one.
/// 2. If there is no origin and the request is encrypted, the referer's origin must be.
/// 3. The token in the header must equal the token in the cookie.
pub(crate) fn check(parts: &Parts, trusted: &[TrustedOrigin]) -> Result<(), Forgery> {
    check_token(parts, text(&parts.headers, HEADER), trusted)
}

/// Checks the form of a page, which holds the token in its field [`FIELD`]: 403 unless the page is one of ours.
pub fn check_form(parts: &Parts, token: Option<&str>, trusted: &[TrustedOrigin]) -> Result<(), ApiError> {
    Ok(check_token(parts, token, trusted)?)
}

fn check_token(parts: &Parts, token: Option<&str>, trusted: &[TrustedOrigin]) -> Result<(), Forgery> {
    let headers = &parts.headers;
    let own = origin::of_request(parts);
    let own_origin = origin::of_url(&own);
    let is_trusted = |page: &str| {
        let page = origin::of_url(page);
        page.is_some_and(|page| own_origin.as_ref() == Some(&page) || trusted.iter().any(|one| one.admits(&page)))
    };
    if let Some(page) = text(headers, header::ORIGIN) {
        if !is_trusted(page) {
            return Err(Forgery::Origin(page.to_owned()));
        }
    } else if own.starts_with("https://") {
        let referer = text(headers, header::REFERER).ok_or(Forgery::NoReferer)?;
        if !is_trusted(referer) {
            return Err(Forgery::Referer(referer.to_owned()));
        }
    }
    let cookie = token_of_cookie(headers).ok_or(Forgery::NoCookie)?;
    let token = token.ok_or(Forgery::NoToken)?;
    if is_same(cookie, token) || is_same(&secret_of(cookie), &secret_of(token)) { Ok(()) } else { Err(Forgery::Token) }
}

/// Compares in constant time, so that the duration does not show where the first difference is.
fn is_same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// The secret inside a token in Django's format: of 64 characters, the first half is a random mask and the second half
/// is the secret, shifted by the mask. Pages that were open when this service replaced Django send such tokens until
/// their cookie is renewed.
fn secret_of(token: &str) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let rank = |byte: u8| LETTERS.iter().position(|letter| *letter == byte);
    let Some((mask, hidden)) = (token.len() == 64).then(|| token.as_bytes().split_at(32)) else {
        return token.to_owned();
    };
    let letter = |(mask, hidden): (&u8, &u8)| {
        let shifted = rank(*hidden)? + LETTERS.len() - rank(*mask)?;
        Some(char::from(LETTERS[shifted % LETTERS.len()]))
    };
    mask.iter().zip(hidden).map(letter).collect::<Option<String>>().unwrap_or_else(|| token.to_owned())
}

/// The token in the browser's cookie, if it has the form of our tokens.
pub fn token_of_cookie(headers: &HeaderMap) -> Option<&str> {
    let is_token = |token: &&str| LENGTH.contains(&token.len()) && token.bytes().all(|c| c.is_ascii_alphanumeric());
    cookie(headers, COOKIE).filter(is_token)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn ask(headers: &[(&str, &str)]) -> Result<(), Forgery> {
        let mut request = Request::post("/x/").header("host", "licenses.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let trusted = ["https://admin.example", "https://*.portal.example"];
        check(&parts, &trusted.map(|text| TrustedOrigin::parse(text).expect("an origin")))
    }

    fn cookies() -> String {
        format!("a=b; {COOKIE}={TOKEN}")
    }

    #[test]
    fn the_token_is_in_the_cookie_and_in_the_header() {
        let cookies = cookies();
        let cookie = ("cookie", cookies.as_str());
        assert_eq!(ask(&[cookie, ("x-csrftoken", TOKEN)]), Ok(()));
        assert_eq!(ask(&[("x-csrftoken", TOKEN)]), Err(Forgery::NoCookie));
        assert_eq!(ask(&[("cookie", "license_manager_csrftoken=x"), ("x-csrftoken", "x")]), Err(Forgery::NoCookie));
        assert_eq!(ask(&[cookie]), Err(Forgery::NoToken));
        assert_eq!(ask(&[cookie, ("x-csrftoken", &TOKEN.replace('0', "1"))]), Err(Forgery::Token));
        assert_eq!(ask(&[cookie, ("x-csrftoken", "")]), Err(Forgery::Token));
    }

    #[test]
    fn tokens_of_pages_that_were_open_before_are_accepted() {
        // `a` shifts by nothing, `b` by one.
        let secret = "abcdefghijklmnopqrstuvwxyz012345";
        let masked = format!("{}{secret}", "a".repeat(32));
        let shifted = format!("{}bcdefghijklmnopqrstuvwxyzA123456", "b".repeat(32));
        for (cookie, token) in [(secret, &masked), (secret, &shifted), (masked.as_str(), &shifted)] {
            let cookie = format!("{COOKIE}={cookie}");
            assert_eq!(ask(&[("cookie", &cookie), ("x-csrftoken", token)]), Ok(()), "{cookie} {token}");
        }
        let cookie = format!("{COOKIE}={secret}");
        let other = format!("{}{secret}", "b".repeat(32));
        assert_eq!(ask(&[("cookie", &cookie), ("x-csrftoken", &other)]), Err(Forgery::Token));
    }

    #[test]
    fn the_page_is_ours_or_trusted() {
        let cookies = cookies();
        let from = |headers: &[(&str, &str)]| {
            let both = [("cookie", cookies.as_str()), ("x-csrftoken", TOKEN)];
            ask(&[&both, headers].concat())
        };
        for origin in [
            "https://admin.example",
            "https://admin.example:443",
            "https://Admin.example",
            "https://a.portal.example",
            "http://licenses.example",
            "http://licenses.example:80",
        ] {
            assert_eq!(from(&[("origin", origin)]), Ok(()), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "https://portal.example",
            "http://admin.example",
            "null",
            "https://admin.example:8443",
        ] {
            assert_eq!(from(&[("origin", origin)]), Err(Forgery::Origin(origin.to_owned())), "{origin}");
        }
        // An invalid scheme does not make the page's origin equal to ours.
        let odd = [("x-forwarded-proto", "ftp"), ("origin", "ftp://licenses.example")];
        assert!(matches!(from(&odd), Err(Forgery::Origin(_))));
        let tls = ("x-forwarded-proto", "https");
        assert_eq!(from(&[tls]), Err(Forgery::NoReferer));
        assert_eq!(from(&[tls, ("referer", "https://admin.example/x?y")]), Ok(()));
        assert_eq!(from(&[tls, ("referer", "https://licenses.example/")]), Ok(()));
        assert!(matches!(from(&[tls, ("referer", "https://evil.example/")]), Err(Forgery::Referer(_))));
        assert!(matches!(from(&[tls, ("referer", "nonsense")]), Err(Forgery::Referer(_))));
    }
}
