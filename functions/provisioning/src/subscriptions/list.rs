//! `GET /api/v1/provisioning-admins/subscriptions/`: the active plans, of one customer
//! (`enterprise_customer_uuid`) or of all, the newest start first, 100 a page; `include_inactive=true` adds the others.

use axum::{Json, extract::State};
use license_api::{
    ApiError, Doc, PROVISIONERS, Page, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
    plans, wire,
};
use license_domain::{EnterpriseId, Portfolio};

use crate::Context;

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/provisioning-admins/subscriptions/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Plans",
        query: &[doc::ENTERPRISE, doc::INCLUDE_INACTIVE, doc::PAGE],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<wire::Plan>>))],
    },
};

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<wire::Plan>>, ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    let also_inactive = params.flag(&doc::INCLUDE_INACTIVE);
    let portfolios = portfolios(&context, params.uuid(&doc::ENTERPRISE)?).await?;
    let listed = portfolios.iter().flat_map(|found| found.plans.iter().map(move |plan| (found, plan)));
    let listed: Vec<_> = listed.filter(|(_, plan)| plan.is_active || also_inactive).collect();
    Ok(Json(plans::page(&*context.portfolios, listed, &page, context.app.now()).await?))
}

async fn portfolios(context: &Context, enterprise: Option<EnterpriseId>) -> Result<Vec<Portfolio>, ApiError> {
    let portfolios = &context.portfolios;
    Ok(match enterprise {
        Some(enterprise) => portfolios.portfolio_of_enterprise(enterprise).await?.into_iter().collect(),
        None => portfolios.portfolios(&portfolios.all_agreements().await?).await?,
    })
}
