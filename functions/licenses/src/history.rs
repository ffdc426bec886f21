//! `GET /api/v1/subscriptions/{plan}/licenses/{license}/history/` and `GET /licenses/{license}/history/`: what was changed of a
//! licence, the newest change first. Who held it is a person id: the same for the same learner, and no address.

use axum::{
    Json,
    extract::{Path, State},
};
use license_domain::{LicenseId, PlanId, Subject};
use license_web::{ADMINS, ApiError, Caller, Grants, Missing, PageQuery, Route, Walk, history, id, wire};

use crate::{
    Context,
    find::{self, Found},
};

/// The history of a plan's licence.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/{license}/history/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: history::DOC,
};
/// The history of a licence of whatever plan.
pub const ACROSS: Route = ROUTE.at("/api/v1/licenses/{license}/history/");
/// The same beside the licence's other address.
pub const PLAIN: Route = ROUTE.at("/licenses/{license}/history/");

pub async fn of_plan(
    State(context): State<Context>,
    caller: Caller,
    Path((plan, license)): Path<(String, String)>,
    page: PageQuery,
) -> Result<Json<Walk<wire::HistoryEntry>>, ApiError> {
    let (plan, license): (PlanId, LicenseId) = (id(&plan)?, id(&license)?);
    show(&context, find::in_plan(&context, &caller, plan, license).await?, &page).await
}

pub async fn across(
    State(context): State<Context>,
    caller: Caller,
    Path(license): Path<String>,
    page: PageQuery,
) -> Result<Json<Walk<wire::HistoryEntry>>, ApiError> {
    let license: LicenseId = id(&license)?;
    show(&context, find::anywhere(&context, &caller, license).await?, &page).await
}

async fn show(
    context: &Context,
    Found(license): Found,
    page: &PageQuery,
) -> Result<Json<Walk<wire::HistoryEntry>>, ApiError> {
    history::page(context.trails.as_ref(), Subject::License(license.uuid), page).await
}
