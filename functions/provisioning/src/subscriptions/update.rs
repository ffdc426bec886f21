//! `PATCH /api/v1/provisioning-admins/subscriptions/{plan}/`: changes a plan's terms, and adds licenses if
//! `desired_num_licenses` is more than the total. A frozen plan gets no licenses, and licenses are never removed.
//!
//! ```json
//! {"change_reason": "other", "title": "Renamed", "desired_num_licenses": 700}
//! ```
//! `change_reason` is required. An unknown plan is 404; an inactive one is changed only with
//! `include_inactive=true`. Every refusal is `{"error": …}`.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use futures::try_join;
use license_api::{
    ApiError, Body, Conditions, Doc, PROVISIONERS, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, Shape},
    etag, id, wire,
};
use license_domain::{
    AgreementId, CatalogId, ChangeReason, EnterpriseId, PlanId, Portfolio, ProductCatalog, ProductId, SubscriptionPlan,
    Timestamp,
};
use license_storage::{Attempt, UpdateError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Context,
    subscriptions::body::PlanPatch,
    subscriptions::rules::{self as rules, Refusal},
};

pub const ROUTE: Route = Route {
    method: "PATCH",
    path: "/api/v1/provisioning-admins/subscriptions/{plan}/",
    access: RouteAccess::Roles { roles: PROVISIONERS, listing: false, missing: RequiredPermission::ProvisioningPlans },
    doc: &Doc {
        summary: "Update a plan; what is left out stays",
        query: &[doc::INCLUDE_INACTIVE],
        body: PlanPatch::FIELDS,
        answers: &[
            doc::ResponseDoc::new(200, "The plan.", Shape::Of(doc::schema::<UpdatePlanResponse>)),
            doc::ResponseDoc::new(400, "It is not valid.", Shape::Error),
            doc::ResponseDoc::new(404, "There is no such plan.", Shape::Error),
            doc::ResponseDoc::new(502, "The catalog service failed.", Shape::Detail),
        ],
    },
};

/// The unprefixed aliases; PUT, too, keeps fields that are left out.
pub const ALIAS: [Route; 4] = [
    ROUTE.at("/subscriptions/{plan}/"),
    ROUTE.at("/api/v1/subscriptions/{plan}/"),
    ROUTE.at("/subscriptions/{plan}/").by("PUT"),
    ROUTE.at("/api/v1/subscriptions/{plan}/").by("PUT"),
];

/// The changed plan.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's fields")]
#[schemars(rename = "ChangedPlan")]
pub struct UpdatePlanResponse {
    can_freeze_unused_licenses: bool,
    enterprise_catalog_uuid: Option<CatalogId>,
    #[serde(serialize_with = "wire::time::serialize")]
    expiration_date: Timestamp,
    for_internal_use_only: bool,
    is_active: bool,
    is_revocation_cap_enabled: bool,
    product: Option<ProductId>,
    revoke_max_percentage: u32,
    salesforce_opportunity_line_item: Option<String>,
    should_auto_apply_licenses: Option<bool>,
    #[serde(serialize_with = "wire::time::serialize")]
    start_date: Timestamp,
    title: String,
    customer_agreement: AgreementId,
    desired_num_licenses: Option<u64>,
    expiration_processed: bool,
    #[serde(serialize_with = "wire::time::serialize_option")]
    last_freeze_timestamp: Option<Timestamp>,
    num_revocations_applied: u64,
    uuid: PlanId,
    change_reason: ChangeReason,
    days_until_expiration_including_renewals: i64,
    days_until_expiration: i64,
    enterprise_customer_uuid: EnterpriseId,
    is_locked_for_renewal_processing: bool,
}

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    conditions: Conditions,
    Path(plan): Path<String>,
    params: Params,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let id: PlanId = id(&plan)?;
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)?;
    let patch = PlanPatch::read(&body?).map_err(rules::complain)?;
    let also_inactive = params.flag(&doc::INCLUDE_INACTIVE);
    let not_found = || ApiError::error(StatusCode::NOT_FOUND, "No record found.");
    if let Some(plan) = requester.recorded::<SubscriptionPlan>().await? {
        let portfolio = context.portfolios.portfolio_of_plan(id).await?.ok_or_else(not_found)?;
        return Ok(updated(&portfolio, &plan));
    }
    let (context, patch) = (&context, &patch);
    let attempt = || async {
        let (portfolio, products) = try_join!(context.portfolios.portfolio_of_plan(id), context.portfolios.products())?;
        let portfolio = portfolio.ok_or_else(not_found)?;
        let before = portfolio.plan(id).ok_or_else(not_found)?;
        if !before.is_active && !also_inactive {
            return Err(Refusal::Unknown.into());
        }
        conditions.check(before.modified)?;
        let after = changed(context, patch, &portfolio, before, &products).await?;
        let change = requester.change("update-plan").await?.recording(&after);
        match context.update.update_plan(&portfolio, before, &after, &change).await {
            Ok(()) => Ok(Attempt::Done(updated(&portfolio, &after))),
            // Another request has changed the plan since it was read.
            Err(UpdateError::Changed) => Ok(Attempt::Retry(())),
            Err(UpdateError::TitleTaken) => Err(Refusal::TitleTaken.into()),
            Err(UpdateError::Taken { .. }) => Err(Refusal::Unknown.into()),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("update plan", attempt).await
}

fn updated(portfolio: &Portfolio, plan: &SubscriptionPlan) -> Response {
    etag::changed(StatusCode::OK, plan.modified, UpdatePlanResponse::new(portfolio, plan, plan.modified))
}

/// The plan with the changes, which are checked like those of a new plan.
async fn changed(
    context: &Context,
    patch: &PlanPatch,
    portfolio: &Portfolio,
    before: &SubscriptionPlan,
    products: &ProductCatalog,
) -> Result<SubscriptionPlan, ApiError> {
    let mut after = patch.apply(before, context.app.now());
    if patch.customer_agreement.is_some_and(|agreement| agreement != before.customer_agreement) {
        return Err(Refusal::OtherAgreement.into());
    }
    if let (true, Some(product)) = (patch.touches_product(), after.product) {
        rules::check_product(product, after.salesforce_opportunity_line_item.as_deref(), products)?;
    }
    if patch.enterprise_catalog_uuid.is_named() && after.enterprise_catalog_uuid != before.enterprise_catalog_uuid {
        rules::check_catalog(context, after.enterprise_catalog_uuid, &portfolio.agreement).await?;
    }
    if let Some(desired) = patch.desired_num_licenses {
        let desired = rules::check_size(desired, after.for_internal_use_only)?;
        after.desired_num_licenses = Some(desired);
        if after.last_freeze_timestamp.is_none() {
            after.seats = before.seats.grown_to(desired);
        }
    }
    Ok(after)
}

impl UpdatePlanResponse {
    fn new(portfolio: &Portfolio, plan: &SubscriptionPlan, now: Timestamp) -> Self {
        // The days along the chain of renewals depend on the changed plan.
        let mut changed = portfolio.clone();
        changed.plans.retain(|other| other.uuid != plan.uuid);
        changed.plans.push(plan.clone());
        Self {
            can_freeze_unused_licenses: plan.can_freeze_unused_licenses,
            enterprise_catalog_uuid: changed.catalog_of(plan),
            expiration_date: plan.expiration_date,
            for_internal_use_only: plan.for_internal_use_only,
            is_active: plan.is_active,
            is_revocation_cap_enabled: plan.is_revocation_cap_enabled,
            product: plan.product,
            revoke_max_percentage: plan.revoke_max_percentage,
            salesforce_opportunity_line_item: plan.salesforce_opportunity_line_item.clone(),
            should_auto_apply_licenses: plan.should_auto_apply_licenses,
            start_date: plan.start_date,
            title: plan.title.clone(),
            customer_agreement: plan.customer_agreement,
            desired_num_licenses: plan.desired_num_licenses,
            expiration_processed: plan.expiration_processed,
            last_freeze_timestamp: plan.last_freeze_timestamp,
            num_revocations_applied: plan.num_revocations_applied,
            uuid: plan.uuid,
            change_reason: plan.change_reason,
            days_until_expiration_including_renewals: changed.days_until_expiration_including_renewals(plan, now),
            days_until_expiration: plan.days_until_expiration(now),
            enterprise_customer_uuid: changed.agreement.enterprise_customer_uuid,
            is_locked_for_renewal_processing: changed.is_locked_for_renewal_processing(plan.uuid, now),
        }
    }
}
