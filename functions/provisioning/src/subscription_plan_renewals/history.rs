//! `GET /api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/history/`: the changes of a renewal, the
//! newest first. It remains available when the renewal is deleted.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{ApiError, CursorQuery, PageQuery, Requester, Route, history, wire};
use license_domain::Subject;
use license_storage::AuditQuery;

use crate::{
    Context,
    subscription_plan_renewals::get::{ACCESS, not_found, number},
};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/history/",
    access: ACCESS,
    doc: history::DOC,
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(renewal): Path<String>,
    page: PageQuery,
) -> Result<Json<CursorQuery<wire::HistoryEntry>>, ApiError> {
    let id = number(&requester, &renewal)?;
    let subject = Subject::Renewal(id);
    if context.renewals.portfolio_of_renewal(id).await?.is_none() {
        let newest = AuditQuery { limit: Some(1), ..AuditQuery::default() };
        if context.audit_trails.trail(subject, newest).await?.is_empty() {
            return Err(not_found());
        }
    }
    history::page(context.audit_trails.as_ref(), subject, &page).await
}
