//! `PATCH /api/v1/plan-types/{plan_type}/`: changes a plan type. Fields that are left out stay. Plans that exist are not touched.
//!
//! ```json
//! {"sf_id_required": false}
//! ```

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ApiError, Body, Doc, Requester, Route,
    doc::{self, ResponseDoc, Shape},
};
use license_domain::PlanType;
use license_use_cases::products::{body::PlanTypePatch, change, changed_plan_type};

use crate::{
    Context,
    products::{ACCESS, authorize, ports},
};

pub const ROUTE: Route = Route {
    method: "PATCH",
    path: "/api/v1/plan-types/{plan_type}/",
    access: ACCESS,
    doc: &Doc {
        summary: "Update a plan type",
        query: &[],
        body: PlanTypePatch::FIELDS,
        answers: &[ResponseDoc::new(200, "The plan type.", Shape::Of(doc::schema::<PlanType>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(number): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Json<PlanType>, ApiError> {
    authorize(&requester)?;
    let number: i64 = number.parse().map_err(|_| ApiError::malformed())?;
    let body = PlanTypePatch::read(&body?)?;
    let decide = |seen: &_| changed_plan_type(seen, number, &body);
    let made = change(ports(&context), &requester, (body.reason.as_ref(), None), decide).await?;
    Ok(Json(made))
}
