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

use crate::products::{
    body::{PlanTypeBody, check_plan_type},
    changing::{Changed, authorize, change, with},
};
use crate::{Context, products::ACCESS};

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
    let made: PlanType = change(&context, &requester, body.reason.as_ref(), |seen| {
        let plan_type = body.plan_type(seen);
        let mut catalog = seen.clone();
        with(&mut catalog.plan_types, plan_type.clone(), |_| false);
        check_plan_type(&catalog, &plan_type)?;
        Ok(Changed { subject: format!("plan type {}", plan_type.id), before: None, after: plan_type, catalog })
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)))
}
