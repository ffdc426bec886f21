//! `GET /admin/plans/{plan}/licenses/{license}/`: a license with its history; with `as_of`, what it was at that time, too.

mod was;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::try_join;
use license_domain::{LicenseId, Subject, SubscriptionPlan};
use license_storage::AuditQuery;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Query,
    guard::Operator,
    history::path as history_of,
    plan,
    render::{Frame, page, redirect},
    show::{HistoryLine, LicenseLine},
};

use self::was::Was;

/// A license.
pub const ROUTE: Page = Page::get("/admin/plans/{plan}/licenses/{license}/", Access::Needs(Right::View));

/// How many changes are shown: a license has few.
const CHANGES: usize = 200;

#[derive(Template)]
#[template(path = "license.html")]
struct LicensePage<'a> {
    frame: Frame,
    plan: &'a SubscriptionPlan,
    license: LicenseLine,
    lms_user: String,
    renewed_to: Option<LicenseId>,
    renewed_from: Option<LicenseId>,
    auto_applied: &'static str,
    source: String,
    catalog: String,
    was: Was,
    history: Vec<HistoryLine>,
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, license)): Path<(String, String)>,
    query: Query,
) -> Result<Response, PageError> {
    let (portfolio, plan) = plan::find(&context, &plan).await?;
    let id: LicenseId = license.parse().map_err(|_| PageError::not_found())?;
    let trail = AuditQuery { limit: Some(CHANGES), ..AuditQuery::default() };
    let (license, history) =
        try_join!(context.licenses.license(&plan, id), context.audit_trails.trail(Subject::License(id), trail),)?;
    let Some(license) = license else {
        // It may be deleted: its history stays.
        return if history.is_empty() {
            Err(PageError::not_found())
        } else {
            Ok(redirect(&history_of(Subject::License(id))))
        };
    };
    let was = Was::read(query.get("as_of"), &license, &history, context.app.now());
    Ok(page(&LicensePage {
        frame: Frame::of(&operator, format!("License {id}")),
        plan: &plan,
        license: LicenseLine::from(&license),
        lms_user: license.lms_user_id.map(|user| user.0.to_string()).unwrap_or_default(),
        renewed_to: license.renewed_to,
        renewed_from: history.iter().find_map(|entry| entry.license.as_ref()?.previous),
        auto_applied: match license.auto_applied {
            Some(true) => "yes",
            _ => "no",
        },
        source: license
            .source
            .as_ref()
            .map(|source| format!("{} ({})", source.source_id, source.source_type))
            .unwrap_or_default(),
        catalog: portfolio.catalog_of(&plan).map(|catalog| catalog.to_string()).unwrap_or_default(),
        was,
        history: history.iter().map(HistoryLine::from).collect(),
    }))
}
