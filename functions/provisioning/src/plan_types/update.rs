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

use crate::products::{
    body::{PlanTypePatch, check_plan_type},
    changing::{Changed, authorize, change, with},
};
use crate::{Context, products::ACCESS};

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
    let made: PlanType = change(&context, &requester, body.reason.as_ref(), |seen| {
        let before = seen.plan_types.iter().find(|plan_type| plan_type.id == number).cloned();
        let before = before.ok_or_else(|| ApiError::not_found("PlanType"))?;
        let after = body.apply(before.clone());
        let mut catalog = seen.clone();
        with(&mut catalog.plan_types, after.clone(), |plan_type| plan_type.id == number);
        check_plan_type(&catalog, &after)?;
        Ok(Changed { subject: format!("plan type {number}"), before: Some(before), after, catalog })
    })
    .await?;
    Ok(Json(made))
}
