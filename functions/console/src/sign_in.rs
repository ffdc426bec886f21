//! `GET /login/` redirects the browser to the LMS, and `GET /complete/edx-oauth2/` receives it afterwards: the
//! authorization code flow of OAuth 2 with state and PKCE (S256). The token of every sign-in decides whether a person
//! is staff or a superuser.
//!
//! A cookie that scripts cannot read keeps the data of an attempt: the state, the secret of the challenge, and the page
//! to open afterwards. It is valid for one attempt.

use axum::{
    extract::State,
    http::{StatusCode, request::Parts},
    response::Response,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use license_api::{cookies::cookie, csrf, origin};
use license_clients::SignInRequest;
use license_domain::Principal;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Query,
    guard::Operator,
    render::redirect,
    session::{self, ABSOLUTE_LIFETIME, COOKIE},
};

/// Redirects the browser to the LMS.
pub const BEGIN: Page = Page::get("/login/", Access::Anyone);

/// Receives the browser from the LMS.
pub const COMPLETE: Page = Page::get("/complete/edx-oauth2/", Access::Anyone);

/// The cookie of an attempt: `state.verifier.next`.
const ATTEMPT: &str = "license_manager_signin";

/// How long an attempt may take.
const ATTEMPT_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// The page after a sign-in that was not begun on another page.
const HOME: &str = "/admin/";

/// The most characters of the path of that page.
const MAX_NEXT: usize = 1_000;

pub async fn begin(State(context): State<Context>, query: Query, parts: Parts) -> Result<Response, PageError> {
    let random = context.app.random();
    let state = csrf::new_token(random.as_ref());
    let verifier = csrf::new_token(random.as_ref());
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let redirect_uri = redirect_uri(&parts);
    let request = SignInRequest { redirect_uri: &redirect_uri, state: &state, challenge: &challenge };
    let (mut response, body) = redirect(&context.sign_in.authorize_url(request)?).into_parts();
    let next = BASE64_URL_SAFE_NO_PAD.encode(local(query.get("next")));
    let attempt = format!("{state}.{verifier}.{next}");
    session::set_cookie(&mut response, &parts, ATTEMPT, &attempt, COMPLETE.path, ATTEMPT_LIFETIME);
    Ok(Response::from_parts(response, body))
}

pub async fn complete(
    State(context): State<Context>,
    operator: Result<Operator, PageError>,
    query: Query,
    parts: Parts,
) -> Result<Response, PageError> {
    let failed = |text: &str| PageError::refused(StatusCode::BAD_REQUEST, "Sign-in failed", text);
    let attempt = cookie(&parts.headers, ATTEMPT).and_then(Attempt::parse);
    let attempt =
        attempt.ok_or_else(|| failed("This sign-in was not begun here, or it took too long. Please start again."))?;
    let state = query.get("state").unwrap_or_default();
    if !bool::from(state.as_bytes().ct_eq(attempt.state.as_bytes())) {
        return Err(failed("This sign-in was begun elsewhere. Please start again."));
    }
    let code = query.get("code").ok_or_else(|| failed("The LMS did not let you in. Please start again."))?;
    let token = context.sign_in.exchange(code, attempt.verifier, &redirect_uri(&parts)).await?;
    let person = context.app.bearer(&token).await.map_err(|error| match error.status() {
        StatusCode::UNAUTHORIZED => {
            failed("The LMS's token is not one that this service accepts. Please inform an administrator.")
        }
        _ => PageError::from(error),
    })?;
    require_staff(&context, &person).await?;
    // The browser's earlier session ends, so that no old id is valid beside the new one.
    if let Ok(old) = operator {
        context.sessions.revoke_session(&old.session.username, &old.session.digest, context.app.now()).await?;
    }
    let (session, id) = session::begin(person, context.app.random().as_ref(), context.app.now());
    context.sessions.create_session(&session).await?;
    tracing::info!(actor = session.username, "an operator signed in");
    let (mut response, body) = redirect(&attempt.next).into_parts();
    session::set_cookie(&mut response, &parts, COOKIE, &id, "/", ABSOLUTE_LIFETIME);
    session::set_cookie(&mut response, &parts, ATTEMPT, "", COMPLETE.path, ATTEMPT_LIFETIME);
    Ok(Response::from_parts(response, body))
}

/// Refuses persons who could see no page, before they get a session.
async fn require_staff(context: &Context, person: &Principal) -> Result<(), PageError> {
    let stored = context.app.stored_user(&person.username).await?;
    if Right::View.is_of(person) || stored.is_superuser {
        return Ok(());
    }
    let text = format!("You are {}, who is not on the staff. The console is for staff only.", person.username);
    Err(PageError::forbidden(text))
}

/// The data in the cookie of an attempt.
struct Attempt<'a> {
    state: &'a str,
    verifier: &'a str,
    next: String,
}

impl<'a> Attempt<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (state, rest) = text.split_once('.')?;
        let (verifier, next) = rest.split_once('.')?;
        let next = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        let is_whole = !state.is_empty() && !verifier.is_empty();
        is_whole.then(|| Self { state, verifier, next: local(Some(&next)).to_owned() })
    }
}

/// The path of a page of this console. Any other URL could lead persons who have just signed in to a page that only
/// looks like ours.
fn local(next: Option<&str>) -> &str {
    let is_ours = |next: &&str| {
        let is_plain = next.len() <= MAX_NEXT && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        is_plain && (*next == "/admin" || next.starts_with("/admin/") || next.starts_with("/admin?"))
    };
    next.filter(is_ours).unwrap_or(HOME)
}

fn redirect_uri(parts: &Parts) -> String {
    format!("{}{}", origin::of_request(parts), COMPLETE.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_led_to_pages_of_the_console_only() {
        for ours in ["/admin", "/admin/", "/admin/plans/x/?page=2"] {
            assert_eq!(local(Some(ours)), ours);
        }
        for other in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/admin/",
            "/adminevil",
            "/admin/\r\nx",
            "/api/",
        ] {
            assert_eq!(local(Some(other)), HOME, "{other:?}");
        }
        assert_eq!(local(None), HOME);
    }

    #[test]
    fn an_attempt_is_whole_or_none() {
        let of = |text: &str| Attempt::parse(text).map(|attempt| (attempt.state.to_owned(), attempt.next));
        assert_eq!(of("s.v.L2FkbWluLw"), Some(("s".to_owned(), "/admin/".to_owned())));
        for none in ["", "s", "s.v", ".v.L2FkbWluLw", "s..L2FkbWluLw", "s.v.%"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
