//! `GET /products/` and `GET /plan-types/`: the products and plan types, by number, 100 a page.
//!
//! ```json
//! {"count": 1, "next": null, "previous": null, "results": [{"id": 1, "name": "B2B Paid", "description": "…",
//!   "salesforce_product_id": null, "netsuite_id": 106, "plan_type": 1}]}
//! ```

pub mod create;
pub mod update;

use axum::{Json, extract::State};
use license_api::{
    ApiError, AppState, Doc, PROVISIONERS, Page, PageQuery, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
};
use license_domain::number::to_u64;
use license_domain::{PlanType, Product};
use license_storage::ChangeProducts;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;

pub const ACCESS: RouteAccess =
    RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans };

pub const PRODUCTS: Route = Route {
    method: "GET",
    path: "/api/v1/products/",
    access: ACCESS,
    doc: &Doc {
        summary: "What plans are sold as",
        query: &[doc::PAGE],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<ProductShape>>))],
    },
};
pub const PLAIN_PRODUCTS: Route = PRODUCTS.at("/products/");
pub const PLAN_TYPES: Route = Route {
    method: "GET",
    path: "/api/v1/plan-types/",
    access: ACCESS,
    doc: &Doc {
        summary: "Kinds of plans",
        query: &[doc::PAGE],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<PlanType>>))],
    },
};
pub const PLAIN_PLAN_TYPES: Route = PLAN_TYPES.at("/plan-types/");

const PAGE_SIZE: usize = 100;

/// Only who makes plans everywhere may change what all customers' plans are sold as.
pub fn authorize(requester: &Requester) -> Result<(), ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)
}

/// What changes of products need.
pub fn ports(context: &Context) -> (&AppState, &dyn ChangeProducts) {
    (&context.app, context.products.as_ref())
}

/// A product with all its fields.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Product")]
pub struct ProductShape {
    id: i64,
    name: String,
    description: String,
    salesforce_product_id: Option<String>,
    netsuite_id: Option<i64>,
    plan_type: Option<i64>,
}

impl From<Product> for ProductShape {
    fn from(product: Product) -> Self {
        Self {
            id: product.id.0,
            name: product.name,
            description: product.description,
            salesforce_product_id: product.salesforce_product_id,
            netsuite_id: product.netsuite_id,
            plan_type: product.plan_type,
        }
    }
}

pub async fn products(
    State(context): State<Context>,
    requester: Requester,
    page: PageQuery,
) -> Result<Json<Page<ProductShape>>, ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    let mut products = context.provisioning.portfolios.products().await?.products;
    products.sort_by_key(|product| product.id);
    let window = page.fixed_window(to_u64(products.len()), PAGE_SIZE)?;
    Ok(Json(Page::new(&page, &window, window.of(products).into_iter().map(ProductShape::from).collect())))
}

pub async fn plan_types(
    State(context): State<Context>,
    requester: Requester,
    page: PageQuery,
) -> Result<Json<Page<PlanType>>, ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    let mut kinds = context.provisioning.portfolios.products().await?.plan_types;
    kinds.sort_by_key(|kind| kind.id);
    let window = page.fixed_window(to_u64(kinds.len()), PAGE_SIZE)?;
    Ok(Json(Page::new(&page, &window, window.of(kinds))))
}
