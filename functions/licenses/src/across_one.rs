//! `GET /licenses/{license}/`: one licence, of whatever plan that the caller administers.

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::LicenseId;
use license_web::{
    ADMINS, ApiError, Caller, Conditions, Doc, Grants, Missing, Route,
    doc::{self, Answer, Shape},
    id, wire,
};

use crate::{Context, plan};

/// One licence.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/licenses/{license}/",
    access: Grants::Roles { roles: ADMINS, listing: false, missing: Missing::Admin },
    doc: &Doc {
        summary: "A licence",
        query: &[],
        body: &[],
        answers: &[Answer::new(200, "The licence.", Shape::Of(doc::schema::<wire::License>))],
    },
};
/// The same where the product's own description names it.
pub const PLAIN: Route = ROUTE.at("/licenses/{license}/");

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    conditions: Conditions,
    Path(license): Path<String>,
) -> Result<Response, ApiError> {
    let license: LicenseId = id(&license)?;
    plan::require_some_role(&caller)?;
    let portfolio = match context.licenses.plan_of(license).await? {
        Some(plan) => context.portfolios.portfolio_of_plan(plan).await?.map(|portfolio| (plan, portfolio)),
        None => None,
    };
    plan::require(&caller, portfolio.as_ref().map(|(_, portfolio)| portfolio))?;
    let not_found = || ApiError::not_found("License");
    let (plan, portfolio) = portfolio.ok_or_else(not_found)?;
    let plan = portfolio.plan(plan).ok_or_else(not_found)?;
    let license = context.licenses.license(plan, license).await?.ok_or_else(not_found)?;
    Ok(conditions.read(license.modified, wire::License::new(&license)))
}
