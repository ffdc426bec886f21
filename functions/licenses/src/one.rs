//! `GET /api/v1/subscriptions/{plan}/licenses/{license}/`: one licence of a plan.
//!
//! ```json
//! {"uuid": "…", "status": "assigned", "user_email": "ann@example.com", "activation_date": null,
//!  "last_remind_date": null, "subscription_plan_uuid": "…", "revoked_date": null, "activation_key": "…"}
//! ```
//!
//! `?as_of=2026-01-01T00:00:00Z` shows it as it was then.

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::{LicenseId, PlanId};
use license_web::{
    ADMINS, ApiError, Caller, Conditions, Doc, Grants, Missing, Params, Route,
    doc::{self, Answer, Shape},
    id, wire,
};

use crate::{Context, find};

/// One licence.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/{license}/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "One licence of a plan",
        query: &[doc::AS_OF],
        body: &[],
        answers: &[
            Answer::new(200, "The licence.", Shape::Of(doc::schema::<wire::License>)),
            Answer::new(400, "A time that is none, or is yet to come.", Shape::Complaints),
        ],
    },
};

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    conditions: Conditions,
    Path((plan, license)): Path<(String, String)>,
    params: Params,
) -> Result<Response, ApiError> {
    let (plan, license): (PlanId, LicenseId) = (id(&plan)?, id(&license)?);
    let found = find::in_plan(&context, &caller, plan, license).await?;
    found.answer(&context, &conditions, &params).await
}
