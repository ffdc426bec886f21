//! `POST /api/v1/provisioning-admins/subscription-plan-renewals/`: creates a renewal of a plan.
//!
//! ```json
//! {"prior_subscription_plan": "…", "renewed_subscription_plan": "…", "salesforce_opportunity_id": "00k…",
//!  "number_of_licenses": 500, "effective_date": "2028-01-01T00:00:00Z", "renewed_expiration_date": "2029-01-01T00:00:00Z"}
//! ```
//! 201 if it was created; 200 if these two plans have this renewal already; 422 with the other renewal if one of the
//! plans has another one.

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Shape},
    wire,
};
use license_use_cases::renewals::{self, CreateBody, Created};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/subscription-plan-renewals/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Create a renewal",
        query: &[],
        body: CreateBody::FIELDS,
        answers: &[
            doc::ResponseDoc::new(201, "The renewal.", Shape::Of(doc::schema::<wire::Renewal>)),
            doc::ResponseDoc::new(
                200,
                "The renewal of just these plans, which was there.",
                Shape::Of(doc::schema::<wire::Renewal>),
            ),
            doc::ResponseDoc::new(
                422,
                "The other renewal that one of the plans has.",
                Shape::Of(doc::schema::<wire::Renewal>),
            ),
        ],
    },
};

type RenewalResponse = (StatusCode, Json<wire::Renewal>);

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<RenewalResponse, ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    Ok(match renewals::create(&context.provisioning, &requester, body).await? {
        Created::New(portfolio, renewal) => (StatusCode::CREATED, Json(wire::Renewal::new(&portfolio, &renewal))),
        Created::There(portfolio, renewal) => (StatusCode::OK, Json(wire::Renewal::new(&portfolio, &renewal))),
        Created::Rival(portfolio, there) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(wire::Renewal::new(&portfolio, &there)))
        }
    })
}
