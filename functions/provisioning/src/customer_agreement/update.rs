//! `PUT` and `PATCH /api/v1/provisioning-admins/customer-agreement/{agreement}/`: change an agreement. Fields that are
//! left out stay. PUT requires the customer, which may be another one; PATCH must not have it.
//!
//! ```json
//! {"disable_expiration_notifications": true}
//! ```

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use futures::try_join;
use license_api::{
    ApiError, Body, Conditions, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    etag, id, wire,
};
use license_domain::{AgreementId, Portfolio};
use license_use_cases::agreements::{self, AgreementChange, PatchBody, PutBody};

use crate::Context;

const PATH: &str = "/api/v1/provisioning-admins/customer-agreement/{agreement}/";
const ACCESS: RouteAccess =
    RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningAgreements };

/// Changes an agreement, with the customer in the body.
pub const PUT: Route = Route {
    method: "PUT",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Update a customer agreement; what is left out stays",
        query: &[],
        body: PutBody::FIELDS,
        answers: &[ResponseDoc::new(200, "The agreement.", Shape::Of(doc::schema::<wire::ProvisionedAgreement>))],
    },
};
/// Changes an agreement, without the customer in the body.
pub const PATCH: Route = Route {
    method: "PATCH",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Update a customer agreement; what is left out stays",
        query: &[],
        body: PatchBody::FIELDS,
        answers: &[ResponseDoc::new(200, "The agreement.", Shape::Of(doc::schema::<wire::ProvisionedAgreement>))],
    },
};

pub async fn put(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(agreement): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningAgreements)?;
    let change = AgreementChange::from(PutBody::read(&body?)?);
    updated(&context, agreements::update(&context.provisioning, &requester, &conditions, agreement, &change).await?)
        .await
}

pub async fn patch(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(agreement): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningAgreements)?;
    let body = body?;
    if body.0.contains_key("enterprise_customer_uuid") {
        return Err(ApiError::text(StatusCode::BAD_REQUEST, "enterprise_customer_uuid cannot be changed by PATCH."));
    }
    let change = AgreementChange::from(PatchBody::read(&body)?);
    updated(&context, agreements::update(&context.provisioning, &requester, &conditions, agreement, &change).await?)
        .await
}

async fn updated(context: &Context, portfolio: Portfolio) -> Result<Response, ApiError> {
    let plans: Vec<_> = portfolio.plans.iter().collect();
    let (counts, products) =
        try_join!(context.provisioning.portfolios.seat_counts(&plans), context.provisioning.portfolios.products())?;
    let modified = portfolio.agreement.modified;
    let body = wire::ProvisionedAgreement::new(&portfolio, &counts, &products, modified);
    Ok(etag::changed(StatusCode::OK, modified, body))
}
