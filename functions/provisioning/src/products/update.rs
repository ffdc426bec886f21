//! `PATCH /api/v1/products/{product}/`: changes a product. Fields that are left out stay. Plans that exist are not touched.
//!
//! ```json
//! {"netsuite_id": 110, "reason": "a typo"}
//! ```

use axum::{
    Json,
    extract::{Path, State},
};
use license_api::{
    ApiError, Body, Doc, Requester, Route,
    doc::{self, ResponseDoc, Shape},
};
use license_use_cases::products::{body::ProductPatch, change, changed_product};

use super::{ACCESS, ProductShape, authorize, ports};
use crate::Context;

pub const ROUTE: Route = Route {
    method: "PATCH",
    path: "/api/v1/products/{product}/",
    access: ACCESS,
    doc: &Doc {
        summary: "Update a product",
        query: &[],
        body: ProductPatch::FIELDS,
        answers: &[ResponseDoc::new(200, "The product.", Shape::Of(doc::schema::<ProductShape>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(number): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Json<ProductShape>, ApiError> {
    authorize(&requester)?;
    let number: i64 = number.parse().map_err(|_| ApiError::malformed())?;
    let body = ProductPatch::read(&body?)?;
    let decide = |seen: &_| changed_product(seen, number, &body);
    let made = change(ports(&context), &requester, (body.reason.as_ref(), None), decide).await?;
    Ok(Json(ProductShape::from(made)))
}
