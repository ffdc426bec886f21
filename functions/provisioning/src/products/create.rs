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
use license_domain::Product;

use super::{
    ProductShape,
    body::{ProductBody, check_product},
    changing::{Changed, authorize, change, with},
};
use crate::{Context, products::ACCESS};

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
    let made: Product = change(&context, &requester, body.reason.as_ref(), |seen| {
        let product = body.product(seen);
        let mut catalog = seen.clone();
        with(&mut catalog.products, product.clone(), |_| false);
        check_product(&catalog, &product)?;
        Ok(Changed { subject: format!("product {}", product.id.0), before: None, after: product, catalog })
    })
    .await?;
    Ok((StatusCode::CREATED, Json(ProductShape::from(made))))
}
