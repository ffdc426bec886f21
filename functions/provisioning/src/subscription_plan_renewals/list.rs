//! `GET /api/v1/provisioning-admins/subscription-plan-renewals/`: renewals, ordered by number, 100 a page. Filters:
//! `salesforce_opportunity_id`, `prior_subscription_plan`, `renewed_subscription_plan`.

use license_domain::number::to_u64;
use std::collections::BTreeSet;

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Doc, PROVISIONERS, Page, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Kind, Param, ResponseDoc, Shape},
    wire,
};
use license_domain::{AgreementId, PlanId, Portfolio, SubscriptionPlanRenewal};
use serde_json::json;

use crate::Context;

/// The list.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/provisioning-admins/subscription-plan-renewals/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Renewals",
        query: &[
            Param::optional("salesforce_opportunity_id", Kind::Words, "Sold under this line item."),
            Param::optional("prior_subscription_plan", Kind::Uuid, "The plan that ends."),
            Param::optional("renewed_subscription_plan", Kind::Uuid, "The plan that follows."),
            doc::PAGE,
        ],
        body: &[],
        answers: &[ResponseDoc::new(200, "A page.", Shape::Of(doc::schema::<Page<wire::Renewal>>))],
    },
};

const PAGE_SIZE: usize = 100;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    params: Params,
    page: PageQuery,
) -> Result<Json<Page<wire::Renewal>>, ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    let prior = plan(&context, &params, "prior_subscription_plan").await?;
    let renewed = plan(&context, &params, "renewed_subscription_plan").await?;
    let sale = params.get("salesforce_opportunity_id").map(str::trim).filter(|sale| !sale.is_empty());
    let is_meant = |renewal: &SubscriptionPlanRenewal| {
        prior.is_none_or(|plan| renewal.prior_subscription_plan == plan)
            && renewed.is_none_or(|plan| renewal.renewed_subscription_plan == Some(plan))
            && sale.is_none_or(|sale| renewal.salesforce_opportunity_id.as_deref() == Some(sale))
    };
    let all = context.renewals.all_renewals().await?;
    let agreements: BTreeSet<AgreementId> = all.iter().map(|(_, agreement)| *agreement).collect();
    let agreements: Vec<AgreementId> = agreements.into_iter().collect();
    let portfolios = context.portfolios.portfolios(&agreements).await?;
    let mut found: Vec<(&Portfolio, &SubscriptionPlanRenewal)> = portfolios
        .iter()
        .flat_map(|portfolio| portfolio.renewals.iter().map(move |renewal| (portfolio, renewal)))
        .filter(|(_, renewal)| is_meant(renewal))
        .collect();
    found.sort_by_key(|(_, renewal)| renewal.id);
    let window = page.fixed_window(to_u64(found.len()), PAGE_SIZE)?;
    let shape = |(portfolio, renewal)| wire::Renewal::new(portfolio, renewal);
    Ok(Json(Page::new(&page, &window, window.of(found).into_iter().map(shape).collect())))
}

/// A plan that a filter names; 400 where there is none of that id.
async fn plan(context: &Context, params: &Params, name: &'static str) -> Result<Option<PlanId>, ApiError> {
    let Some(plan) = params.uuid::<PlanId>(name)? else { return Ok(None) };
    if context.portfolios.portfolio_of_plan(plan).await?.is_some() {
        return Ok(Some(plan));
    }
    let complaint = "Select a valid choice. That choice is not one of the available choices.";
    Err(ApiError::json(StatusCode::BAD_REQUEST, json!({ name: [complaint] })))
}
