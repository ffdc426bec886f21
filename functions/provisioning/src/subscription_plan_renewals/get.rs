//! `GET`, `PUT`, `PATCH` and `DELETE /api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/`. PUT, like
//! PATCH, keeps fields that are left out; unknown fields, and fields that cannot be changed, are refused. While a
//! renewal is being processed it can be neither changed nor deleted: 422.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_api::{
    ApiError, Body, Conditions, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    etag, wire,
};
use license_domain::{Portfolio, RenewalId, SubscriptionPlanRenewal};
use license_storage::{Attempt, RenewalError};
use license_use_cases::renewals::{self, PatchBody, find, under_way};

use crate::Context;

const PATH: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/";
pub(crate) const ACCESS: RouteAccess =
    RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans };

pub const GET: Route = Route {
    method: "GET",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Get a renewal",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The renewal.", Shape::Of(doc::schema::<wire::Renewal>))],
    },
};
/// PUT has the meaning of PATCH.
pub const PUT: Route = PATCH.by("PUT");
pub const PATCH: Route = Route {
    method: "PATCH",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Update a renewal; what is left out stays",
        query: &[],
        body: PatchBody::FIELDS,
        answers: &[
            ResponseDoc::new(200, "The renewal.", Shape::Of(doc::schema::<wire::Renewal>)),
            ResponseDoc::new(422, "Another renewal leads to the plan, or it is being processed.", Shape::Text),
        ],
    },
};
pub const DELETE: Route = Route {
    method: "DELETE",
    path: PATH,
    access: ACCESS,
    doc: &Doc {
        summary: "Delete a renewal",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(204, "It is deleted.", Shape::Nothing),
            ResponseDoc::new(422, "It is being processed.", Shape::Text),
        ],
    },
};

/// Reads the number after the requester was authorized.
pub(crate) fn number(requester: &Requester, text: &str) -> Result<RenewalId, ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    text.parse().map(RenewalId).map_err(|_| ApiError::malformed())
}

pub async fn get(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(renewal): Path<String>,
) -> Result<Response, ApiError> {
    let (portfolio, renewal) = find(&context.provisioning, number(&requester, &renewal)?).await?;
    Ok(conditions.read(renewal.modified, wire::Renewal::new(&portfolio, &renewal)))
}

pub async fn update(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(renewal): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let id = number(&requester, &renewal)?;
    let (portfolio, renewal) = renewals::update(&context.provisioning, &requester, &conditions, id, body).await?;
    Ok(updated(&portfolio, &renewal))
}

fn updated(portfolio: &Portfolio, renewal: &SubscriptionPlanRenewal) -> Response {
    etag::changed(StatusCode::OK, renewal.modified, wire::Renewal::new(portfolio, renewal))
}

pub async fn delete(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(renewal): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = number(&requester, &renewal)?;
    if let Some(()) = requester.recorded().await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let attempt = || async {
        let (portfolio, renewal) = find(&context.provisioning, id).await?;
        conditions.check(renewal.modified)?;
        let change = requester.change("delete-renewal").await?;
        match context.provisioning.renewals.delete_renewal(&portfolio, &renewal, &change).await {
            Ok(()) => Ok(Attempt::Done(StatusCode::NO_CONTENT)),
            Err(RenewalError::Changed | RenewalError::Taken) => Ok(Attempt::Retry(())),
            Err(RenewalError::UnderWay) => Err(under_way()),
            Err(RenewalError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("delete renewal", attempt).await
}
