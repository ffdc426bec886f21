//! `POST /api/v1/products/`: creates a product. 201 with it.
//!
//! ```json
//! {"name": "B2B Paid", "netsuite_id": 106, "plan_type": 1, "reason": "a new offer"}
//! ```

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, Requester, Route,
    doc::{self, ResponseDoc, Shape},
};
use license_use_cases::products::{body::ProductBody, change, new_product};

use super::{ACCESS, ProductShape, authorize, ports};
use crate::Context;

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/products/",
    access: ACCESS,
    doc: &Doc {
        summary: "Create a product",
        query: &[],
        body: ProductBody::FIELDS,
        answers: &[ResponseDoc::new(201, "The product.", Shape::Of(doc::schema::<ProductShape>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<ProductShape>), ApiError> {
    authorize(&requester)?;
    let body = ProductBody::read(&body?)?;
    let decide = |seen: &_| new_product(seen, &body);
    let made = change(ports(&context), &requester, (body.reason.as_ref(), None), decide).await?;
    Ok((StatusCode::CREATED, Json(ProductShape::from(made))))
}
