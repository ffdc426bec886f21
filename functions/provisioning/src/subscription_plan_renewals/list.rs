//! `GET /api/v1/provisioning-admins/subscription-plan-renewals/`: renewals, ordered by number, 100 a page. Filters:
//! `salesforce_opportunity_id`, `prior_subscription_plan`, `renewed_subscription_plan`.

use license_domain::number::to_u64;
use std::collections::BTreeSet;

use axum::{Json, extract::State};
use license_api::{
    ApiError, Complaints, Doc, Field, PROVISIONERS, Page, PageQuery, Params, Requester, RequiredPermission, Route,
    RouteAccess,
    doc::{self, ResponseDoc, Shape},
    fields::{TEXT, UUID},
    wire,
};
use license_domain::{AgreementId, PlanId, Portfolio, SubscriptionPlanRenewal};

use crate::Context;

const SALE: Field = Field::new(TEXT, "Sold under this line item.").optional().named("salesforce_opportunity_id");
const PRIOR_PLAN: Field = Field::new(UUID, "The plan that ends.").optional().named("prior_subscription_plan");
const RENEWED_PLAN: Field = Field::new(UUID, "The plan that follows.").optional().named("renewed_subscription_plan");

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/provisioning-admins/subscription-plan-renewals/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Renewals",
        query: &[SALE, PRIOR_PLAN, RENEWED_PLAN, doc::PAGE],
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
    let prior = plan(&context, &params, &PRIOR_PLAN).await?;
    let renewed = plan(&context, &params, &RENEWED_PLAN).await?;
    let sale = params.text(&SALE);
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

/// The plan in a filter; 400 if it does not exist.
async fn plan(context: &Context, params: &Params, parameter: &Field) -> Result<Option<PlanId>, ApiError> {
    let plan = params.uuid::<PlanId>(parameter).map_err(|_| Complaints::of(parameter.name, "Enter a valid UUID."))?;
    let Some(plan) = plan else { return Ok(None) };
    if context.portfolios.portfolio_of_plan(plan).await?.is_some() {
        return Ok(Some(plan));
    }
    let complaint = "Select a valid choice. That choice is not one of the available choices.";
    Err(Complaints::of(parameter.name, complaint).into())
}
