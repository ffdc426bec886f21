//! `POST /licenses/assign/`: as [`crate::assign`], with the plan in the body.
//!
//! ```json
//! {"subscription_plan": "…", "user_emails": ["ann@example.com"]}
//! ```

use axum::{Json, extract::State};
use license_domain::PlanId;
use license_web::{
    ADMINS, ApiError, Body, Caller, Doc, Fields, Grants, Missing, Presence, Route,
    doc::{self, Answer, Kind, Param, Shape},
};

use crate::{Context, assign, plan};

/// Assigning.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/licenses/assign/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "Assigns licences of a plan",
        query: &[],
        body: &doc::with_first::<5, 6>(Param::required("subscription_plan", Kind::Uuid, "The plan."), assign::FIELDS),
        answers: &[
            Answer::new(200, "Who got a licence, and how many had one.", Shape::Of(doc::schema::<assign::Answer>)),
            Answer::new(
                400,
                "The body is not valid, or the plan has too few unassigned licences: nothing was assigned.",
                Shape::Complaints,
            ),
        ],
    },
};
/// The same where the product's own description names it.
pub const PLAIN: Route = ROUTE.at("/licenses/assign/");

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    body: Result<Body, ApiError>,
) -> Result<Json<assign::Answer>, ApiError> {
    plan::require_some_role(&caller)?;
    let body = body?;
    let mut fields = Fields::new(&body);
    let plan = fields.uuid("subscription_plan", Presence::Required).map(PlanId);
    fields.finish()?;
    match plan {
        Some(plan) => assign::assign(&context, &caller, plan, Ok(body)).await,
        None => Err(ApiError::malformed()),
    }
}
