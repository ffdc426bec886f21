//! `GET /admin/plans/{plan}/licenses/{license}/`: a license with its history.

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
    guard::Operator,
    plan,
    render::{Frame, page},
    show::{HistoryLine, LicenseLine},
};

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
    history: Vec<HistoryLine>,
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, license)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let (_, plan) = plan::find(&context, &plan).await?;
    let id: LicenseId = license.parse().map_err(|_| PageError::not_found())?;
    let trail = AuditQuery { limit: Some(CHANGES), ..AuditQuery::default() };
    let (license, history) =
        try_join!(context.licenses.license(&plan, id), context.audit_trails.trail(Subject::License(id), trail),)?;
    let license = license.ok_or_else(PageError::not_found)?;
    Ok(page(&LicensePage {
        frame: Frame::of(&operator, format!("License {id}")),
        plan: &plan,
        license: LicenseLine::from(&license),
        lms_user: license.lms_user_id.map(|user| user.0.to_string()).unwrap_or_default(),
        renewed_to: license.renewed_to,
        history: history.iter().map(HistoryLine::from).collect(),
    }))
}
