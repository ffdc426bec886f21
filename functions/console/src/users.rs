//! `GET /admin/users/?name=…`: what is on record of a user: roles that were assigned explicitly, and sessions of the console. Without a
//! name: the people of whom something is on record, page by page.

use askama::Template;
use axum::{extract::State, response::Response};
use futures::try_join;
use license_domain::{RoleGrant, Scope};
use license_storage::{ListedUser, RoleChange, Session, StoreError};

use crate::{
    Access, Context, Page, Right,
    change_role::ROLES,
    error::PageError,
    form::Query,
    guard::Operator,
    moment::Moment,
    paging::Next,
    render::{Frame, page},
    show,
};

/// A user.
pub const ROUTE: Page = Page::get("/admin/users/", Access::Needs(Right::Superuser));

/// The most characters of a user's name.
const MAX_NAME: usize = 150;

/// How many places of a list a page shows.
const USERS: usize = 50;

/// The most bytes of a place in a list.
const MAX_PLACE: usize = 1_000;

/// How many changes of roles are shown.
const CHANGES: usize = 20;

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    frame: Frame,
    name: String,
    is_superuser: bool,
    grants: Vec<GrantLine>,
    sessions: Vec<SessionLine>,
    roles: Vec<&'static str>,
    changes: Vec<ChangeLine>,
    /// The people with a role, and those who signed in lately, if no one is looked up.
    lists: Vec<UserList>,
}

struct UserList {
    caption: &'static str,
    names: Vec<(String, String)>,
    next: Option<Next>,
}

impl UserList {
    /// A page of the list. A person who is there several times is shown once.
    fn of(caption: &'static str, after: &str, mut found: Vec<ListedUser>) -> Self {
        let is_cut = found.len() > USERS;
        found.truncate(USERS);
        let last = found.last().filter(|_| is_cut).map(|last| last.place.clone());
        let mut names: Vec<String> = found.into_iter().map(|user| user.name).collect();
        names.dedup();
        let text = "Next people";
        Self {
            caption,
            names: names.into_iter().map(|name| (path(&name), name)).collect(),
            next: last.map(|last| Next::new(ROUTE.path, &[(after, &last)], text)),
        }
    }
}

struct GrantLine {
    role: &'static str,
    scope: String,
    revoke: String,
}

struct ChangeLine {
    at: Moment,
    kind: String,
    role: &'static str,
    scope: String,
    actor: String,
    reason: String,
}

struct SessionLine {
    created: Moment,
    seen: Moment,
    ends: Moment,
}

/// The customers of a role, in words.
pub fn scope(scope: Scope) -> String {
    match scope {
        Scope::All => "every customer".to_owned(),
        Scope::Enterprise(enterprise) => enterprise.to_string(),
    }
}

/// A user's page.
pub fn path(name: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("name", name).finish();
    format!("/admin/users/?{query}")
}

impl GrantLine {
    fn of(name: &str, grant: &RoleGrant) -> Self {
        let customer = match grant.scope {
            Scope::All => "*".to_owned(),
            Scope::Enterprise(enterprise) => enterprise.to_string(),
        };
        let role = grant.role.assignment();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", name).append_pair("role", role).append_pair("customer", &customer);
        let query = query.append_pair("kind", "revoke").finish();
        Self { role, scope: scope(grant.scope), revoke: format!("/admin/users/role/?{query}") }
    }
}

impl From<&RoleChange> for ChangeLine {
    fn from(change: &RoleChange) -> Self {
        Self {
            at: change.at.into(),
            kind: show::word(&change.kind),
            role: change.role.assignment(),
            scope: scope(change.scope),
            actor: change.actor.clone(),
            reason: change.reason.clone(),
        }
    }
}

impl From<&Session> for SessionLine {
    fn from(session: &Session) -> Self {
        Self { created: session.created.into(), seen: session.seen.into(), ends: session.ends.into() }
    }
}

/// Where a page of the people with roles begins, and one of those who signed in.
const AFTER_ROLE: &str = "role";
const AFTER_SESSION: &str = "session";

async fn lists(context: &Context, query: &Query) -> Result<Vec<UserList>, StoreError> {
    let after = |name: &str| query.get(name).filter(|after| after.len() <= MAX_PLACE);
    let (roles, sessions) = try_join!(
        context.user_lists.users_with_roles(after(AFTER_ROLE), USERS + 1),
        context.user_lists.users_with_sessions(after(AFTER_SESSION), USERS + 1),
    )?;
    Ok(vec![
        UserList::of("People with a role on record", AFTER_ROLE, roles),
        UserList::of("People who signed in to the console lately", AFTER_SESSION, sessions),
    ])
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let name = query.get("name").unwrap_or_default().to_owned();
    if name.chars().nth(MAX_NAME).is_some() {
        return Err(PageError::not_found());
    }
    let (user, sessions, changes) = if name.is_empty() {
        Default::default()
    } else {
        try_join!(
            context.users.user(&name),
            context.sessions.sessions_of(&name),
            context.roles.role_changes(&name, CHANGES)
        )?
    };
    Ok(page(&Users {
        frame: Frame::of(&operator, "Users"),
        is_superuser: user.is_superuser,
        grants: user.grants.iter().map(|grant| GrantLine::of(&name, grant)).collect(),
        sessions: sessions.iter().map(SessionLine::from).collect(),
        roles: ROLES.map(license_domain::RoleName::assignment).to_vec(),
        changes: changes.iter().map(ChangeLine::from).collect(),
        lists: if name.is_empty() { lists(&context, &query).await? } else { Vec::new() },
        name,
    }))
}
