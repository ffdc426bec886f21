//! `GET /admin/customers/{agreement}/audit/`: everything that was changed of a customer, the newest first, by kind, person and time.
//! Without an index over them, kind and person are looked for entry by entry, and a page says where it stopped.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::{AgreementId, AuditEntry, EventId, Subject, Timestamp};
use license_storage::AuditQuery;

use crate::{
    Access, Context, Page, Right,
    customer::{self, name_of},
    error::PageError,
    form::Query,
    guard::Operator,
    paging::Next,
    render::{Frame, page},
    show::{self, HistoryLine},
};

/// A customer's changes.
pub const ROUTE: Page = Page::get("/admin/customers/{agreement}/audit/", Access::Needs(Right::View));

/// How many changes a page has at most.
const SHOWN: usize = 50;

/// How many changes are looked at for a page.
const LOOKED_AT: usize = 500;

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    agreement: AgreementId,
    customer: String,
    kind: String,
    actor: String,
    from: String,
    until: String,
    complaint: &'static str,
    history: Vec<HistoryLine>,
    next: Option<Next>,
}

/// The start of a day.
fn day(query: &Query, name: &str) -> Result<Option<Timestamp>, ()> {
    let Some(text) = query.get(name) else { return Ok(None) };
    format!("{text}T00:00:00Z").parse().map(Some).map_err(|_| ())
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path(agreement): Path<String>,
    query: Query,
) -> Result<Response, PageError> {
    let portfolio = customer::find(&context, &agreement).await?;
    let id = portfolio.agreement.uuid;
    let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
    let (kind, actor) = (text("kind"), text("actor"));
    let before: Option<EventId> = match query.get("before") {
        None => None,
        Some(event) => Some(event.parse().map_err(|_| PageError::not_found())?),
    };
    let dates = day(&query, "from").and_then(|from| Ok((from, day(&query, "until")?)));
    let (complaint, (from, until)) = match dates {
        Ok(dates) => ("", dates),
        Err(()) => ("A day is written like 2027-01-31.", (None, None)),
    };
    let wanted = AuditQuery { from, until, before, limit: Some(LOOKED_AT) };
    let entries = context.audit_trails.trail(Subject::Agreement(id), wanted).await?;
    let is_meant = |entry: &&AuditEntry| {
        (kind.is_empty() || show::word(&entry.kind).contains(&kind))
            && (actor.is_empty() || entry.actor.as_deref() == Some(actor.as_str()))
    };
    let mut found: Vec<&AuditEntry> = entries.iter().filter(is_meant).take(SHOWN + 1).collect();
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    // The next page goes on behind what is shown, or behind what was looked at.
    let last = if has_more { found.last().copied() } else { entries.last().filter(|_| entries.len() == LOOKED_AT) };
    let next = last.map(|last| {
        let before = last.event.to_string();
        let kept = ["kind", "actor", "from", "until"].into_iter().filter_map(|name| Some((name, query.get(name)?)));
        let parameters: Vec<(&str, &str)> = kept.chain([("before", before.as_str())]).collect();
        Next::new(&format!("/admin/customers/{id}/audit/"), &parameters, "Older changes")
    });
    let customer = name_of(&portfolio);
    Ok(page(&Audit {
        frame: Frame::of(&operator, format!("Changes of {customer}")),
        agreement: id,
        customer,
        from: text("from"),
        until: text("until"),
        complaint,
        history: found.into_iter().map(HistoryLine::from).collect(),
        next,
        kind,
        actor,
    }))
}
