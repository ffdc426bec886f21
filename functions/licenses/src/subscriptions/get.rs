//! `GET /api/v1/subscriptions/{plan}/licenses/{license}/`: one license of a plan.
//!
//! ```json
//! {"uuid": "…", "status": "assigned", "user_email": "ann@example.com", "activation_date": null,
//!  "last_remind_date": null, "subscription_plan_uuid": "…", "revoked_date": null, "activation_key": "…"}
//! ```
//!
//! `?as_of=2026-01-01T00:00:00Z` shows it as it was at that time.

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_api::{
    ADMINS, ApiError, Conditions, Doc, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, wire,
};
use license_domain::{LicenseId, PlanId};

use crate::{Context, find};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/{license}/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "One license of a plan",
        query: &[doc::AS_OF],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "The license.", Shape::Of(doc::schema::<wire::License>)),
            ResponseDoc::new(400, "A time that is none, or is yet to come.", Shape::Complaints),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path((plan, license)): Path<(String, String)>,
    params: Params,
) -> Result<Response, ApiError> {
    let (plan, license): (PlanId, LicenseId) = (id(&plan)?, id(&license)?);
    let found = find::in_plan(&context, &requester, plan, license).await?;
    found.respond(&context, &conditions, &params).await
}
