//! `POST /api/v1/provisioning-admins/subscriptions/`: a new plan with all its licences, however many.
//!
//! ```json
//! {"title": "Acme 2026", "start_date": "2026-01-01T00:00:00Z", "expiration_date": "2028-01-01T00:00:00Z",
//!  "customer_agreement": "…", "enterprise_catalog_uuid": "…", "desired_num_licenses": 500, "is_active": true,
//!  "product": 1, "change_reason": "new", "salesforce_opportunity_line_item": "00k…"}
//! ```
//! Every refusal is 400 `{"error": …}`: a map of the fields that are not valid, or a sentence.

use axum::{Json, extract::State, http::StatusCode};
use futures::try_join;
use license_domain::{
    AgreementId, ChangeReason, Portfolio, ProductCatalog, Random, SeatLayout, SeatPrefix, SubscriptionPlan, Timestamp,
    plan::MAX_LICENSES,
};
use license_store::ports::CreatePlanError;
use license_web::{ApiError, Body, Caller, Grants, Missing, PROVISIONERS, Route, wire};
use serde::Serialize;
use serde_json::json;

use crate::{Context, plan_body::PlanBody};

/// A new plan.
pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/provisioning-admins/subscriptions/",
    access: Grants::Roles { roles: PROVISIONERS, listing: false, missing: Missing::ProvisioningPlans },
};

/// With what the id of a line item in Salesforce begins.
const LINE_ITEM_PREFIX: &str = "00k";

/// Why a plan is not made, where no single field is to blame.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("An error occurred: There is no such customer agreement.")]
    NoAgreement,
    #[error("An error occurred: You must specify Salesforce ID for selected product. It must start with '00k'.")]
    NoLineItem,
    #[error("An error occurred: The plan needs a catalog, as its customer agreement has no default one.")]
    NoCatalog,
    #[error("An error occurred: A catalog with the given UUID does not exist for this enterprise customer.")]
    ForeignCatalog,
    #[error("An error occurred: Only plans for internal use may have more than 1000000 licenses.")]
    TooManyLicenses,
    #[error("Unknown error.")]
    NegativeLicenses,
    #[error("An error occurred: The customer agreement has a plan of that title.")]
    TitleTaken,
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::error(StatusCode::BAD_REQUEST, refusal.to_string())
    }
}

/// The new plan.
#[derive(Debug, Serialize)]
pub struct Answer {
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
    caller: Caller,
    body: Result<Body, ApiError>,
) -> Result<(StatusCode, Json<Answer>), ApiError> {
    caller.require_everywhere(PROVISIONERS, Missing::ProvisioningPlans)?;
    let body = PlanBody::parse(&body?)
        .map_err(|complaints| ApiError::json(StatusCode::BAD_REQUEST, json!({ "error": complaints })))?;
    let portfolios = &context.portfolios;
    let (portfolio, products) = try_join!(portfolios.portfolio(body.customer_agreement), portfolios.products())?;
    let portfolio = portfolio.ok_or(Refusal::NoAgreement)?;
    check_product(&body, &products)?;
    check_catalog(&context, &body, &portfolio).await?;
    let total = check_size(&body)?;

    let now = context.web.now();
    let plan = plan(body, total, context.web.random().as_ref(), now);
    match context.provision.create_plan(&portfolio.agreement, &plan, &caller.stamp("create-plan")).await {
        Ok(()) => Ok((StatusCode::CREATED, Json(Answer::new(&portfolio, &plan, &products, now)))),
        Err(CreatePlanError::TitleTaken) => Err(Refusal::TitleTaken.into()),
        Err(CreatePlanError::NoAgreement) => Err(Refusal::NoAgreement.into()),
        Err(CreatePlanError::Store(error)) => Err(error.into()),
    }
}

/// The product exists, and a line item is named if plans of its type need one.
fn check_product(body: &PlanBody, products: &ProductCatalog) -> Result<(), ApiError> {
    if products.product(body.product).is_none() {
        let complaint = format!("Invalid pk \"{}\" - object does not exist.", body.product);
        return Err(ApiError::json(StatusCode::BAD_REQUEST, json!({ "error": { "product": [complaint] } })));
    }
    let is_needed = products.plan_type(body.product).is_some_and(|kind| kind.sf_id_required);
    let line_item = body.salesforce_opportunity_line_item.as_deref();
    if is_needed && !line_item.is_some_and(|id| id.starts_with(LINE_ITEM_PREFIX)) {
        return Err(Refusal::NoLineItem.into());
    }
    Ok(())
}

/// The plan has a catalog, and one of its own is the customer's, as the catalog service says.
async fn check_catalog(context: &Context, body: &PlanBody, portfolio: &Portfolio) -> Result<(), ApiError> {
    let agreement = &portfolio.agreement;
    let Some(catalog) = body.enterprise_catalog_uuid else {
        return agreement.default_enterprise_catalog_uuid.map(|_| ()).ok_or_else(|| Refusal::NoCatalog.into());
    };
    match context.catalogs.belongs_to(catalog, agreement.enterprise_customer_uuid).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::ForeignCatalog.into()),
        Err(error) => Err(ApiError::Upstream {
            service: "catalog service",
            cause: error.to_string(),
            retryable: error.is_retryable(),
        }),
    }
}

fn check_size(body: &PlanBody) -> Result<u64, Refusal> {
    let total = u64::try_from(body.desired_num_licenses).map_err(|_| Refusal::NegativeLicenses)?;
    if total > MAX_LICENSES && !body.for_internal_use_only { Err(Refusal::TooManyLicenses) } else { Ok(total) }
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

impl Answer {
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
