//! `POST /licenses/assign/`: as [`crate::assign`], with the plan in the body.
//!
//! ```json
//! {"subscription_plan": "…", "user_emails": ["ann@example.com"]}
//! ```

use axum::{Json, extract::State};
use license_api::{
    ADMINS, ApiError, Body, Doc, Fields, Presence, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Kind, Param, ResponseDoc, Shape},
};
use license_domain::PlanId;

use crate::{Context, plan, subscriptions::assign};

/// Assigning.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/licenses/assign/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Assigns licenses of a plan",
        query: &[],
        body: &doc::with_first::<5, 6>(Param::required("subscription_plan", Kind::Uuid, "The plan."), assign::FIELDS),
        answers: &[
            ResponseDoc::new(
                200,
                "Who got a license, and how many had one.",
                Shape::Of(doc::schema::<assign::AssignResponse>),
            ),
            ResponseDoc::new(
                400,
                "The body is not valid, or the plan has too few unassigned licenses: nothing was assigned.",
                Shape::Complaints,
            ),
        ],
    },
};
/// The same where the product's own description names it.
pub const ALIAS: Route = ROUTE.at("/licenses/assign/");

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<Json<assign::AssignResponse>, ApiError> {
    plan::require_some_role(&requester)?;
    let body = body?;
    let mut fields = Fields::new(&body);
    let plan = fields.uuid("subscription_plan", Presence::Required).map(PlanId);
    fields.finish()?;
    match plan {
        Some(plan) => assign::assign(&context, &requester, plan, Ok(body)).await,
        None => Err(ApiError::malformed()),
    }
}
