//! `GET /licenses/{license}/`: one license of any plan that the requester administers; `?as_of=…` shows it as it was at
//! that time.

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_api::{
    ADMINS, ApiError, Conditions, Doc, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    id, wire,
};
use license_domain::LicenseId;

use crate::{Context, find};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/licenses/{license}/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "A license",
        query: &[doc::AS_OF],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "The license.", Shape::Of(doc::schema::<wire::License>)),
            ResponseDoc::new(400, "A time that is none, or is yet to come.", Shape::Complaints),
        ],
    },
};
pub const ALIAS: Route = ROUTE.at("/licenses/{license}/");

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(license): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let license: LicenseId = id(&license)?;
    let found = find::anywhere(&context, &requester, license).await?;
    found.respond(&context, &conditions, &params).await
}
