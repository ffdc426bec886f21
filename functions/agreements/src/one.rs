//! `GET /api/v1/customer-agreement/{agreement}/`: one agreement with its plans.
//!
//! Parameters: `enterprise_customer_uuid` (the customer in whose name is asked; the agreement's own where it is
//! left out), `active_plans_only` (true).

use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::{AgreementId, EnterpriseId};
use license_web::{
    ApiError, Caller, Conditions, Doc, Grants, LEARNERS_AND_ADMINS, Missing, Params, Route,
    doc::{self, Answer, Kind, Param, Shape},
    id, wire,
};

use crate::{Context, list};

/// One agreement.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/customer-agreement/{agreement}/",
    access: Grants::Roles { roles: LEARNERS_AND_ADMINS, listing: false, missing: Missing::LearnerOrAdmin },
    doc: &Doc {
        summary: "A customer agreement with its plans",
        query: &[doc::ENTERPRISE, Param::optional("active_plans_only", Kind::Words, "`false`: inactive plans, too.")],
        body: &[],
        answers: &[Answer::new(200, "The agreement.", Shape::Of(doc::schema::<wire::Agreement>))],
    },
};
/// The same where the product's own description names it.
pub const PLAIN: [Route; 2] =
    [ROUTE.at("/customer-agreements/{agreement}/"), ROUTE.at("/api/v1/customer-agreements/{agreement}/")];

pub async fn handle(
    State(context): State<Context>,
    caller: Caller,
    conditions: Conditions,
    Path(agreement): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let agreement: AgreementId = id(&agreement)?;
    let named: Option<EnterpriseId> = params.uuid("enterprise_customer_uuid")?;
    let portfolio = context.portfolios.portfolio(agreement).await?;
    let owner = portfolio.as_ref().map(|portfolio| portfolio.agreement.enterprise_customer_uuid);
    caller.require(LEARNERS_AND_ADMINS, named.or(owner), Missing::LearnerOrAdmin)?;
    let portfolio = portfolio.filter(|_| named.is_none() || named == owner);
    let portfolio = portfolio.ok_or_else(|| ApiError::not_found("CustomerAgreement"))?;
    let modified = portfolio.agreement.modified;
    let shown = list::show(&context, &[portfolio], params.flag("active_plans_only", true)).await?;
    let shown = shown.into_iter().next().map(|body| conditions.read(modified, body));
    shown.ok_or_else(|| ApiError::not_found("CustomerAgreement"))
}
