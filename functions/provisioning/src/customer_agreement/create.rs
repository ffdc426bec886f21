//! `POST /api/v1/provisioning-admins/customer-agreement/`: creates an agreement with a customer.
//!
//! ```json
//! {"enterprise_customer_uuid": "…", "enterprise_customer_slug": "acme", "default_enterprise_catalog_uuid": "…",
//!  "disable_expiration_notifications": true, "enable_auto_applied_subscriptions_with_universal_link": true}
//! ```
//! Only the customer is required. The response is the agreement, which has no plans yet.

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    wire,
};
use license_domain::{CustomerAgreement, Portfolio, ProductCatalog};
use license_use_cases::agreements::{self, CreateBody};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/customer-agreement/",
    access: RouteAccess::Roles {
        roles: PROVISIONERS,
        listing: false,
        missing: RequiredPermission::ProvisioningAgreements,
    },
    doc: &Doc {
        summary: "Create a customer agreement",
        query: &[],
        body: CreateBody::FIELDS,
        answers: &[ResponseDoc::new(201, "The agreement.", Shape::Of(doc::schema::<wire::ProvisionedAgreement>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<wire::ProvisionedAgreement>), ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningAgreements)?;
    agreements::create(&context.provisioning, &requester, body).await.map(created)
}

/// The response with a new agreement, which has no plans yet.
fn created(agreement: CustomerAgreement) -> (StatusCode, Json<wire::ProvisionedAgreement>) {
    let now = agreement.created;
    let portfolio = Portfolio { agreement, plans: Vec::new(), renewals: Vec::new() };
    let body = wire::ProvisionedAgreement::new(&portfolio, &HashMap::new(), &ProductCatalog::default(), now);
    (StatusCode::CREATED, Json(body))
}
