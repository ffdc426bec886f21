//! `GET /admin/users/?name=…`: what is on record of a user: roles that were assigned explicitly, and sessions of the console. The
//! table has no list of users that a page could read, so that they are looked up by name.

use askama::Template;
use axum::{extract::State, response::Response};
use futures::try_join;
use license_domain::{RoleGrant, Scope};
use license_storage::Session;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Query,
    guard::Operator,
    render::{Frame, page},
    show,
};

/// A user.
pub const ROUTE: Page = Page::get("/admin/users/", Access::Needs(Right::Superuser));

/// The most characters of a user's name.
const MAX_NAME: usize = 150;

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    frame: Frame,
    name: String,
    is_superuser: bool,
    grants: Vec<GrantLine>,
    sessions: Vec<SessionLine>,
}

struct GrantLine {
    role: String,
    scope: String,
}

struct SessionLine {
    created: String,
    seen: String,
    ends: String,
}

impl From<&RoleGrant> for GrantLine {
    fn from(grant: &RoleGrant) -> Self {
        let scope = match grant.scope {
            Scope::All => "every customer".to_owned(),
            Scope::Enterprise(enterprise) => enterprise.to_string(),
        };
        Self { role: show::word(&grant.role).replace('_', " "), scope }
    }
}

impl From<&Session> for SessionLine {
    fn from(session: &Session) -> Self {
        Self { created: show::time(session.created), seen: show::time(session.seen), ends: show::time(session.ends) }
    }
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let name = query.get("name").unwrap_or_default().to_owned();
    if name.chars().nth(MAX_NAME).is_some() {
        return Err(PageError::not_found());
    }
    let (user, sessions) = if name.is_empty() {
        Default::default()
    } else {
        let user = async { context.app.stored_user(&name).await.map_err(PageError::from) };
        let sessions = async { context.sessions.sessions_of(&name).await.map_err(PageError::from) };
        try_join!(user, sessions)?
    };
    Ok(page(&Users {
        frame: Frame::of(&operator, "Users"),
        is_superuser: user.is_superuser,
        grants: user.grants.iter().map(GrantLine::from).collect(),
        sessions: sessions.iter().map(SessionLine::from).collect(),
        name,
    }))
}
