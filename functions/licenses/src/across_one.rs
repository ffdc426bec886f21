//! `GET /licenses/{license}/`: one licence, of whatever plan that the caller administers; `?as_of=…`: as it was
//! then.

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::LicenseId;
use license_web::{
    ADMINS, ApiError, Caller, Conditions, Doc, Grants, Missing, Params, Route,
    doc::{self, Answer, Shape},
    id, wire,
};

use crate::{Context, find};

/// One licence.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/licenses/{license}/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "A licence",
        query: &[doc::AS_OF],
        body: &[],
        answers: &[
            Answer::new(200, "The licence.", Shape::Of(doc::schema::<wire::License>)),
            Answer::new(400, "A time that is none, or is yet to come.", Shape::Complaints),
        ],
    },
};
/// The same where the product's own description names it.
pub const PLAIN: Route = ROUTE.at("/licenses/{license}/");

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    conditions: Conditions,
    Path(license): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let license: LicenseId = id(&license)?;
    let found = find::anywhere(&context, &caller, license).await?;
    found.answer(&context, &conditions, &params).await
}
