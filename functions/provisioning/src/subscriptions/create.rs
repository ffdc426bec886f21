//! `POST /api/v1/provisioning-admins/subscriptions/`: creates a plan with all its licenses.
//!
//! ```json
//! {"title": "Acme 2026", "start_date": "2026-01-01T00:00:00Z", "expiration_date": "2028-01-01T00:00:00Z",
//!  "customer_agreement": "…", "enterprise_catalog_uuid": "…", "desired_num_licenses": 500, "is_active": true,
//!  "product": 1, "change_reason": "new", "salesforce_opportunity_line_item": "00k…"}
//! ```
//! Every refusal is 400 `{"error": …}`: a map of the invalid fields, or a sentence.

use axum::{Json, extract::State, http::StatusCode};
use futures::try_join;
use license_api::{
    ApiError, Body, Complaints, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Shape},
    wire,
};
use license_domain::{
    AgreementId, ChangeReason, Portfolio, ProductCatalog, Random, SeatLayout, SeatPrefix, SubscriptionPlan, Timestamp,
};
use license_storage::CreatePlanError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Context,
    subscriptions::body::PlanBody,
    subscriptions::rules::{self as rules, Refusal},
};

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/subscriptions/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Create a plan with all its licenses",
        query: &[],
        body: PlanBody::FIELDS,
        answers: &[
            doc::ResponseDoc::new(201, "The plan.", Shape::Of(doc::schema::<CreatePlanResponse>)),
            doc::ResponseDoc::new(400, "It is not valid.", Shape::Error),
            doc::ResponseDoc::new(502, "The catalog service failed.", Shape::Detail),
        ],
    },
};

/// The unprefixed aliases.
pub const ALIAS: [Route; 2] = [ROUTE.at("/subscriptions/"), ROUTE.at("/api/v1/subscriptions/")];

/// The new plan.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CreatedPlan")]
pub struct CreatePlanResponse {
    #[serde(flatten)]
    plan: wire::MinimalPlan,
    can_freeze_unused_licenses: bool,
    customer_agreement: AgreementId,
    desired_num_licenses: Option<u64>,
    expiration_processed: bool,
    for_internal_use_only: bool,
    last_freeze_timestamp: Option<String>,
    num_revocations_applied: u64,
    revoke_max_percentage: u32,
    change_reason: ChangeReason,
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<CreatePlanResponse>), ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    if let Some(plan) = requester.recorded::<SubscriptionPlan>().await? {
        let portfolios = &context.portfolios;
        let (portfolio, products) = try_join!(portfolios.portfolio(plan.customer_agreement), portfolios.products())?;
        return Ok(created(&portfolio.ok_or(Refusal::NoAgreement)?, &plan, &products));
    }
    let body = rules::read(body)?;
    let portfolios = &context.portfolios;
    let (portfolio, products) = try_join!(portfolios.portfolio(body.customer_agreement), portfolios.products())?;
    let portfolio = portfolio.ok_or(Refusal::NoAgreement)?;
    // The contract has a sentence for it here, and a message by field if a plan is changed.
    products.product(body.product).ok_or(Refusal::NoProduct)?;
    rules::check_product(body.product, body.salesforce_opportunity_line_item.as_deref(), &products)?;
    rules::check_catalog(&context, body.enterprise_catalog_uuid, &portfolio.agreement).await?;
    let total = rules::check_size(body.desired_num_licenses, body.for_internal_use_only)?;

    let now = context.app.now();
    let plan = plan(body, total, context.app.random().as_ref(), now);
    let change = requester.change("create-plan").await?.recording(&plan);
    match context.provision.create_plan(&portfolio.agreement, &plan, &change).await {
        Ok(()) => Ok(created(&portfolio, &plan, &products)),
        Err(CreatePlanError::TitleTaken) => {
            Err(rules::complain(Complaints::of("non_field_errors", Refusal::TitleTaken.to_string())))
        }
        Err(CreatePlanError::NoAgreement) => Err(Refusal::NoAgreement.into()),
        Err(CreatePlanError::Store(error)) => Err(error.into()),
    }
}

fn created(
    portfolio: &Portfolio,
    plan: &SubscriptionPlan,
    products: &ProductCatalog,
) -> (StatusCode, Json<CreatePlanResponse>) {
    // The plan is not part of the agreement yet, so values that depend on other plans and renewals are unknown.
    let mut before = portfolio.clone();
    before.plans.retain(|other| other.uuid != plan.uuid);
    (StatusCode::CREATED, Json(CreatePlanResponse::new(&before, plan, products, plan.created)))
}

fn plan(body: PlanBody, total: u64, random: &dyn Random, now: Timestamp) -> SubscriptionPlan {
    let bits = random.bits().to_be_bytes();
    let mut prefix = [0_u8; 8];
    prefix.copy_from_slice(&bits[..8]);
    SubscriptionPlan {
        uuid: random.plan_id(),
        title: body.title,
        customer_agreement: body.customer_agreement,
        start_date: body.start_date,
        expiration_date: body.expiration_date,
        expiration_processed: false,
        enterprise_catalog_uuid: body.enterprise_catalog_uuid,
        is_active: body.is_active,
        is_revocation_cap_enabled: body.is_revocation_cap_enabled,
        revoke_max_percentage: body.revoke_max_percentage,
        num_revocations_applied: 0,
        salesforce_opportunity_id: None,
        salesforce_opportunity_line_item: body.salesforce_opportunity_line_item,
        product: Some(body.product),
        for_internal_use_only: body.for_internal_use_only,
        can_freeze_unused_licenses: body.can_freeze_unused_licenses,
        last_freeze_timestamp: None,
        should_auto_apply_licenses: body.should_auto_apply_licenses,
        desired_num_licenses: Some(total),
        created: now,
        modified: now,
        change_reason: body.change_reason,
        seats: SeatLayout::for_total(total, SeatPrefix::from_bits(u64::from_be_bytes(prefix))),
    }
}

impl CreatePlanResponse {
    fn new(portfolio: &Portfolio, plan: &SubscriptionPlan, products: &ProductCatalog, now: Timestamp) -> Self {
        Self {
            plan: wire::MinimalPlan::new(portfolio, plan, products, now),
            can_freeze_unused_licenses: plan.can_freeze_unused_licenses,
            customer_agreement: plan.customer_agreement,
            desired_num_licenses: plan.desired_num_licenses,
            expiration_processed: plan.expiration_processed,
            for_internal_use_only: plan.for_internal_use_only,
            last_freeze_timestamp: plan.last_freeze_timestamp.map(wire::timestamp),
            num_revocations_applied: plan.num_revocations_applied,
            revoke_max_percentage: plan.revoke_max_percentage,
            change_reason: plan.change_reason,
        }
    }
}
