//! `POST /logout/`: ends the session. It is not a GET, so that a link on another site cannot end it.

use askama::Template;
use axum::{extract::State, http::request::Parts, response::Response};

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Form,
    guard::Operator,
    render::{Frame, page, redirect},
    session::{self, ABSOLUTE_LIFETIME, COOKIE},
};

pub const ROUTE: Page = Page::post("/logout/", Access::Anyone);

/// Ends another session of the same person.
pub const END: Page = Page::post("/admin/sessions/end/", Access::Needs(Right::View));

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOut {
    frame: Frame,
    lms: Option<String>,
}

pub async fn handle(
    State(context): State<Context>,
    operator: Result<Operator, PageError>,
    parts: Parts,
) -> Result<Response, PageError> {
    if let Ok(operator) = operator {
        let session = &operator.session;
        context.sessions.revoke_session(&session.username, &session.digest, context.app.now()).await?;
        tracing::info!(actor = session.username, "an operator signed out");
    }
    let signed_out = SignedOut { frame: Frame::signed_out("Signed out"), lms: context.sign_in.sign_out_url() };
    let (mut response, body) = page(&signed_out).into_parts();
    session::set_cookie(&mut response, &parts, COOKIE, "", "/", ABSOLUTE_LIFETIME);
    Ok(Response::from_parts(response, body))
}

pub async fn end(State(context): State<Context>, operator: Operator, form: Form) -> Result<Response, PageError> {
    let digest = form.get("session").ok_or_else(PageError::not_found)?;
    let is_ended = context.sessions.revoke_session(&operator.person.username, digest, context.app.now()).await?;
    if is_ended { Ok(redirect("/admin/")) } else { Err(PageError::not_found()) }
}
