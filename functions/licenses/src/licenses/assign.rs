//! `POST /licenses/assign/`: as [`crate::assign`], with the plan in the body.
//!
//! ```json
//! {"subscription_plan": "…", "user_emails": ["ann@example.com"]}
//! ```

use axum::{Json, extract::State};
use license_api::{
    ADMINS, ApiError, Body, Doc, Field, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{self, ResponseDoc, Shape},
    fields::UUID,
};
use license_domain::PlanId;

use crate::{
    Context, plan,
    subscriptions::assign::{self, AssignBody},
};

body! {
    /// The plan is read before the other fields, because the permission to assign depends on it.
    struct PlanBody {
        subscription_plan: PlanId = Field::new(UUID, "The plan."),
    }
}

const FIELDS: &[Field] = &{
    let rest = AssignBody::FIELDS;
    [PlanBody::FIELDS[0], rest[0], rest[1], rest[2], rest[3], rest[4]]
};
const _: () = assert!(FIELDS.len() == AssignBody::FIELDS.len() + 1, "a field of `AssignBody` is left out");

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/licenses/assign/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Assign licenses of a plan",
        query: &[],
        body: FIELDS,
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
pub const ALIAS: Route = ROUTE.at("/licenses/assign/");

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<Json<assign::AssignResponse>, ApiError> {
    plan::require_some_role(&requester)?;
    let body = body?;
    let PlanBody { subscription_plan } = PlanBody::read(&body)?;
    assign::assign(&context, &requester, subscription_plan, Ok(body)).await
}
