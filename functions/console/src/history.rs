//! `GET /admin/history/{kind}/{id}/`: the whole history of a license, plan, agreement or renewal, page by page. It stays when the
//! thing is deleted.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::{EventId, RenewalId, Subject};
use license_storage::AuditQuery;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Query,
    guard::Operator,
    paging::Next,
    render::{Frame, page},
    show::HistoryLine,
};

/// A history.
pub const ROUTE: Page = Page::get("/admin/history/{kind}/{id}/", Access::Needs(Right::View));

/// How many changes a page has.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "history_page.html")]
struct HistoryPage {
    frame: Frame,
    to: String,
    history: Vec<HistoryLine>,
    next: Option<Next>,
}

fn subject(kind: &str, id: &str) -> Option<Subject> {
    match kind {
        "license" => id.parse().ok().map(Subject::License),
        "plan" => id.parse().ok().map(Subject::Plan),
        "agreement" => id.parse().ok().map(Subject::Agreement),
        "renewal" => id.parse().ok().map(|id| Subject::Renewal(RenewalId(id))),
        _ => None,
    }
}

/// The path of a history.
pub fn path(subject: Subject) -> String {
    match subject {
        Subject::License(id) => format!("/admin/history/license/{id}/"),
        Subject::Plan(id) => format!("/admin/history/plan/{id}/"),
        Subject::Agreement(id) => format!("/admin/history/agreement/{id}/"),
        Subject::Renewal(id) => format!("/admin/history/renewal/{id}/"),
    }
}

/// Whether there is one.
pub async fn exists(context: &Context, subject: Subject) -> Result<bool, PageError> {
    let first = AuditQuery { limit: Some(1), ..AuditQuery::default() };
    Ok(!context.audit_trails.trail(subject, first).await?.is_empty())
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path((kind, id)): Path<(String, String)>,
    query: Query,
) -> Result<Response, PageError> {
    let subject = subject(&kind, &id).ok_or_else(PageError::not_found)?;
    let before: Option<EventId> = match query.get("before") {
        None => None,
        Some(event) => Some(event.parse().map_err(|_| PageError::not_found())?),
    };
    let is_first = before.is_none();
    let wanted = AuditQuery { before, limit: Some(SHOWN + 1), ..AuditQuery::default() };
    let mut entries = context.audit_trails.trail(subject, wanted).await?;
    if entries.is_empty() && is_first {
        return Err(PageError::not_found());
    }
    let has_more = entries.len() > SHOWN;
    entries.truncate(SHOWN);
    let last = entries.last().filter(|_| has_more).map(|entry| entry.event.to_string());
    let search = form_urlencoded::Serializer::new(String::new()).append_pair("q", &id).finish();
    Ok(page(&HistoryPage {
        frame: Frame::of(&operator, format!("History of the {kind} {id}")),
        to: format!("/admin/search/?{search}"),
        history: entries.iter().map(HistoryLine::from).collect(),
        next: last.map(|last| Next::new(&path(subject), &[("before", &last)], "Older changes")),
    }))
}
