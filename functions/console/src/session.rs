//! Sessions: the browser has a random id in a cookie, and the table has the id's digest with the person who signed in.

use axum::http::{HeaderMap, HeaderValue, header, request::Parts, response};
use chrono::TimeDelta;
use license_api::{cookies::cookie, digest::digest, origin};
use license_domain::{Principal, Random, Timestamp};
use license_storage::Session;

use crate::{Context, error::PageError};

/// The cookie with the session's id.
pub const COOKIE: &str = "license_manager_sessionid";

/// A session ends when it is not used for so long.
pub const IDLE_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// A session ends after so long, however much it is used.
pub const ABSOLUTE_LIFETIME: TimeDelta = TimeDelta::hours(12);

/// The use of a session is recorded only so often, which saves writes.
const TOUCHED_AFTER: TimeDelta = TimeDelta::minutes(1);

/// The most characters of an id that is read from the table.
const MAX_ID: usize = 128;

/// A new session of that person, and its id, which only the browser gets.
pub fn begin(person: Principal, random: &dyn Random, now: Timestamp) -> (Session, String) {
    let id = format!("{:032x}{:032x}", random.bits(), random.bits());
    let session = Session {
        digest: digest(&[id.as_bytes()]),
        username: person.username,
        lms_user_id: person.lms_user_id,
        is_staff: person.is_staff,
        is_superuser: person.is_superuser,
        grants: person.grants,
        created: now,
        seen: now,
        ends: now + ABSOLUTE_LIFETIME,
    };
    (session, id)
}

/// The session of a request, if there is a valid one. Its use is recorded.
pub async fn of_request(context: &Context, headers: &HeaderMap) -> Result<Option<Session>, PageError> {
    let Some(id) = cookie(headers, COOKIE).filter(|id| (1..=MAX_ID).contains(&id.len())) else { return Ok(None) };
    let now = context.app.now();
    let found = context.sessions.session(&digest(&[id.as_bytes()])).await?;
    let Some(session) = found.filter(|session| is_live(session, now)) else { return Ok(None) };
    if now - session.seen >= TOUCHED_AFTER {
        context.sessions.touch_session(&session.digest, now).await?;
    }
    Ok(Some(session))
}

/// Expired items stay in the table for a while, so the times are checked here.
fn is_live(session: &Session, now: Timestamp) -> bool {
    now < session.ends && now - session.seen < IDLE_LIFETIME
}

/// The signed-in person: the claims at sign-in, with the stored roles.
pub async fn person(context: &Context, session: &Session) -> Result<Principal, PageError> {
    let stored = context.app.stored_user(&session.username).await?;
    Ok(Principal {
        username: session.username.clone(),
        email: None,
        lms_user_id: session.lms_user_id,
        is_staff: session.is_staff,
        is_superuser: session.is_superuser || stored.is_superuser,
        grants: session.grants.iter().copied().chain(stored.grants).collect(),
    })
}

/// Sets a cookie that scripts cannot read; an empty value deletes it. A browser accepts a secure cookie only over TLS.
pub fn set_cookie(
    response: &mut response::Parts,
    request: &Parts,
    name: &str,
    value: &str,
    path: &str,
    age: TimeDelta,
) {
    let secure = if origin::of_request(request).starts_with("https://") { "; Secure" } else { "" };
    let age = if value.is_empty() { 0 } else { age.num_seconds() };
    let cookie = format!("{name}={value}; Max-Age={age}; Path={path}; HttpOnly; SameSite=Lax{secure}");
    let cookie = HeaderValue::from_str(&cookie).expect("ids, states and paths of our own are ASCII");
    response.headers.append(header::SET_COOKIE, cookie);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_idle_and_after_a_day_of_work() {
        let at = |minutes: i64| Timestamp::from_timestamp(1_795_430_768 + minutes * 60, 0).expect("a moment");
        let session = |seen| Session {
            digest: String::new(),
            username: String::new(),
            lms_user_id: None,
            is_staff: true,
            is_superuser: false,
            grants: Vec::new(),
            created: at(0),
            seen: at(seen),
            ends: at(0) + ABSOLUTE_LIFETIME,
        };
        assert!(is_live(&session(0), at(59)));
        assert!(!is_live(&session(0), at(60)));
        assert!(is_live(&session(700), at(719)));
        assert!(!is_live(&session(719), at(720)));
    }
}
