//! `GET /api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/history/`: what was changed of a renewal, the newest
//! change first. It is there also when the renewal is deleted.

use axum::{
    Json,
    extract::{Path, State},
};
use license_domain::Subject;
use license_store::ports::TrailQuery;
use license_web::{ApiError, Caller, PageQuery, Route, Walk, history, wire};

use crate::{
    Context,
    renewal_one::{ACCESS, not_found, number},
};

/// A renewal's history.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/history/",
    access: ACCESS,
    doc: history::DOC,
};

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    Path(renewal): Path<String>,
    page: PageQuery,
) -> Result<Json<Walk<wire::HistoryEntry>>, ApiError> {
    let id = number(&caller, &renewal)?;
    let subject = Subject::Renewal(id);
    if context.renewals.portfolio_of_renewal(id).await?.is_none() {
        let newest = TrailQuery { limit: Some(1), ..TrailQuery::default() };
        if context.trails.trail(subject, newest).await?.is_empty() {
            return Err(not_found());
        }
    }
    history::page(context.trails.as_ref(), subject, &page).await
}
