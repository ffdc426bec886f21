//! Paths of Django's admin that support tools and people's notes contain: each leads to the page of the same thing.

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::LicenseId;

use crate::{Access, Context, Page, Right, all_plans, error::PageError, guard::Operator, render::redirect};

const VIEW: Access = Access::Needs(Right::View);

/// A plan; support tools have a link "Open in Django" to it.
pub const PLAN: Page = Page::get("/admin/subscriptions/subscriptionplan/{plan}/change/", VIEW);
/// An agreement.
pub const AGREEMENT: Page = Page::get("/admin/subscriptions/customeragreement/{agreement}/change/", VIEW);
/// A license.
pub const LICENSE: Page = Page::get("/admin/subscriptions/license/{license}/change/", VIEW);
/// The lists.
pub const PLANS: Page = Page::get("/admin/subscriptions/subscriptionplan/", VIEW);
/// The same of agreements.
pub const AGREEMENTS: Page = Page::get("/admin/subscriptions/customeragreement/", VIEW);

pub async fn plan(_: Operator, Path(plan): Path<String>) -> Result<Response, PageError> {
    let plan: license_domain::PlanId = plan.parse().map_err(|_| PageError::not_found())?;
    Ok(redirect(&format!("/admin/plans/{plan}/")))
}

pub async fn agreement(_: Operator, Path(agreement): Path<String>) -> Result<Response, PageError> {
    let agreement: license_domain::AgreementId = agreement.parse().map_err(|_| PageError::not_found())?;
    Ok(redirect(&format!("/admin/customers/{agreement}/")))
}

pub async fn license(
    State(context): State<Context>,
    _: Operator,
    Path(license): Path<String>,
) -> Result<Response, PageError> {
    let license: LicenseId = license.parse().map_err(|_| PageError::not_found())?;
    let plan = context.licenses.plan_of(license).await?.ok_or_else(PageError::not_found)?;
    Ok(redirect(&format!("/admin/plans/{plan}/licenses/{license}/")))
}

pub async fn list(_: Operator) -> Response {
    redirect("/admin/")
}

pub async fn plans(_: Operator) -> Response {
    redirect(all_plans::ROUTE.path)
}
