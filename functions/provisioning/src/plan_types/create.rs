//! `POST /api/v1/plan-types/`: creates a plan type. 201 with it.
//!
//! ```json
//! {"label": "Academy", "ns_id_required": false, "reason": "a new offer"}
//! ```

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, Requester, Route,
    doc::{self, ResponseDoc, Shape},
};
use license_domain::PlanType;
use license_use_cases::products::{body::PlanTypeBody, change, new_plan_type};

use crate::{
    Context,
    products::{ACCESS, authorize, ports},
};

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/plan-types/",
    access: ACCESS,
    doc: &Doc {
        summary: "Create a plan type",
        query: &[],
        body: PlanTypeBody::FIELDS,
        answers: &[ResponseDoc::new(201, "The plan type.", Shape::Of(doc::schema::<PlanType>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<PlanType>), ApiError> {
    authorize(&requester)?;
    let body = PlanTypeBody::read(&body?)?;
    let decide = |seen: &_| new_plan_type(seen, &body);
    let made = change(ports(&context), &requester, (body.reason.as_ref(), None), decide).await?;
    Ok((StatusCode::CREATED, Json(made)))
}
