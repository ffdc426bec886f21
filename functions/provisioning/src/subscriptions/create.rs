//! `POST /api/v1/provisioning-admins/subscriptions/`: creates a plan with all its licenses.
//!
//! ```json
//! {"title": "Acme 2026", "start_date": "2026-01-01T00:00:00Z", "expiration_date": "2028-01-01T00:00:00Z",
//!  "customer_agreement": "…", "enterprise_catalog_uuid": "…", "desired_num_licenses": 500, "is_active": true,
//!  "product": 1, "change_reason": "new", "salesforce_opportunity_line_item": "00k…"}
//! ```
//! Every refusal is 400 `{"error": …}`: a map of the invalid fields, or a sentence.

use axum::{Json, extract::State, http::StatusCode};
use license_api::{
    ApiError, Body, Doc, PROVISIONERS, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Shape},
    wire,
};
use license_domain::{AgreementId, ChangeReason, Portfolio, ProductCatalog, SubscriptionPlan, Timestamp};
use license_use_cases::plans::{self, body::PlanBody};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Context;

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
    let new = plans::create(&context.provisioning, &requester, body).await?;
    Ok(created(&new.portfolio, &new.plan, &new.products))
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
