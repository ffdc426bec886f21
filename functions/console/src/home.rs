//! `GET /admin/`: the console's first page.

use askama::Template;
use axum::{extract::State, response::Response};
use license_storage::Session;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    guard::Operator,
    render::{Frame, page},
};

/// The first page.
pub const ROUTE: Page = Page::get("/admin/", Access::Needs(Right::View));

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    rights: Vec<&'static str>,
    sessions: Vec<Session>,
    current: String,
}

pub async fn handle(State(context): State<Context>, operator: Operator) -> Result<Response, PageError> {
    let rights = Right::ALL.into_iter().filter(|right| right.is_of(&operator.person)).map(Right::as_str).collect();
    let sessions = context.sessions.sessions_of(&operator.person.username).await?;
    let frame = Frame::of(&operator, "License Manager");
    Ok(page(&Home { frame, rights, sessions, current: operator.session.digest }))
}
