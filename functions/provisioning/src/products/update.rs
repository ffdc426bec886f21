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
use license_domain::Product;

use super::{
    ProductShape,
    body::{ProductPatch, check_product},
    changing::{Changed, authorize, change, with},
};
use crate::{Context, products::ACCESS};

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
    let made: Product = change(&context, &requester, body.reason.as_ref(), |seen| {
        let before = seen.products.iter().find(|product| product.id.0 == number).cloned();
        let before = before.ok_or_else(|| ApiError::not_found("Product"))?;
        let after = body.apply(before.clone());
        let mut catalog = seen.clone();
        with(&mut catalog.products, after.clone(), |product| product.id.0 == number);
        check_product(&catalog, &after)?;
        Ok(Changed { subject: format!("product {number}"), before: Some(before), after, catalog })
    })
    .await?;
    Ok(Json(ProductShape::from(made)))
}
