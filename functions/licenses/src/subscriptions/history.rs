//! `GET /api/v1/subscriptions/{plan}/licenses/{license}/history/` and `GET /licenses/{license}/history/`: the changes
//! of a license, the newest first. Its learners are person ids: the same one for the same learner, and no address.

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ADMINS, ApiError, CursorQuery, PageQuery, Requester, RequiredPermission, Route, RouteAccess, history, id, wire,
};
use license_domain::{LicenseId, PlanId, Subject};

use crate::{
    Context,
    find::{self, FoundLicense},
};

/// The history of a plan's license.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/{license}/history/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: history::DOC,
};
/// The history of a license of any plan.
pub const ACROSS_PLANS: Route = ROUTE.at("/api/v1/licenses/{license}/history/");
pub const ALIAS: Route = ROUTE.at("/licenses/{license}/history/");

pub async fn of_plan(
    State(context): State<Context>,
    requester: Requester,
    Path((plan, license)): Path<(String, String)>,
    page: PageQuery,
) -> Result<Json<CursorQuery<wire::HistoryEntry>>, ApiError> {
    let (plan, license): (PlanId, LicenseId) = (id(&plan)?, id(&license)?);
    show(&context, find::in_plan(&context, &requester, plan, license).await?, &page).await
}

pub async fn across(
    State(context): State<Context>,
    requester: Requester,
    Path(license): Path<String>,
    page: PageQuery,
) -> Result<Json<CursorQuery<wire::HistoryEntry>>, ApiError> {
    let license: LicenseId = id(&license)?;
    show(&context, find::anywhere(&context, &requester, license).await?, &page).await
}

async fn show(
    context: &Context,
    FoundLicense(license): FoundLicense,
    page: &PageQuery,
) -> Result<Json<CursorQuery<wire::HistoryEntry>>, ApiError> {
    history::page(context.audit_trails.as_ref(), Subject::License(license.uuid), page).await
}
