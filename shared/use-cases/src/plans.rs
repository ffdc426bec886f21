//! Plans: new ones and changes.

pub mod body;
pub mod rules;

use axum::http::StatusCode;
use futures::try_join;
use license_api::{ApiError, Body, Complaints, Conditions, Requester};
use license_domain::{PlanId, Portfolio, ProductCatalog, Random, SeatLayout, SeatPrefix, SubscriptionPlan, Timestamp};
use license_storage::{Attempt, CreatePlanError, UpdateError};

use self::{
    body::{PlanBody, PlanPatch},
    rules::Refusal,
};
use crate::Provisioning;

/// A new plan with the agreement and the products that it was checked against.
#[derive(Debug)]
pub struct NewPlan {
    /// Its agreement.
    pub portfolio: Portfolio,
    pub plan: SubscriptionPlan,
    pub products: ProductCatalog,
}

/// Puts a new plan with all its licenses on record.
pub async fn create(
    context: &Provisioning,
    requester: &Requester,
    body: Result<Body, ApiError>,
) -> Result<NewPlan, ApiError> {
    if let Some(plan) = requester.recorded::<SubscriptionPlan>().await? {
        let portfolios = &context.portfolios;
        let (portfolio, products) = try_join!(portfolios.portfolio(plan.customer_agreement), portfolios.products())?;
        return Ok(NewPlan { portfolio: portfolio.ok_or(Refusal::NoAgreement)?, plan, products });
    }
    let new = draft(context, rules::read(body)?).await?;
    let change = requester.change("create-plan").await?.recording(&new.plan);
    match context.provision.create_plan(&new.portfolio.agreement, &new.plan, &change).await {
        Ok(()) => Ok(new),
        Err(CreatePlanError::TitleTaken) => {
            Err(rules::complain(Complaints::of("non_field_errors", Refusal::TitleTaken.to_string())))
        }
        Err(CreatePlanError::NoAgreement) => Err(Refusal::NoAgreement.into()),
        Err(CreatePlanError::Store(error)) => Err(error.into()),
    }
}

/// The plan that the body asks for, checked. Nothing is changed.
pub async fn draft(context: &Provisioning, body: PlanBody) -> Result<NewPlan, ApiError> {
    let portfolios = &context.portfolios;
    let (portfolio, products) = try_join!(portfolios.portfolio(body.customer_agreement), portfolios.products())?;
    let portfolio = portfolio.ok_or(Refusal::NoAgreement)?;
    // The contract has a sentence for it here, and a complaint by the field's name where a plan is changed.
    products.product(body.product).ok_or(Refusal::NoProduct)?;
    rules::check_product(body.product, body.salesforce_opportunity_line_item.as_deref(), &products)?;
    rules::check_catalog(context, body.enterprise_catalog_uuid, &portfolio.agreement).await?;
    let total = rules::check_size(body.desired_num_licenses, body.for_internal_use_only)?;
    let plan = plan(body, total, context.app.random().as_ref(), context.app.now());
    Ok(NewPlan { portfolio, plan, products })
}

/// 404: there is no such plan.
pub fn not_found() -> ApiError {
    ApiError::error(StatusCode::NOT_FOUND, "No record found.")
}

/// Changes a plan: its agreement as it was before, and the plan as it is then.
pub async fn update(
    context: &Provisioning,
    requester: &Requester,
    conditions: &Conditions,
    id: PlanId,
    patch: &PlanPatch,
    also_inactive: bool,
) -> Result<(Portfolio, SubscriptionPlan), ApiError> {
    if let Some(plan) = requester.recorded::<SubscriptionPlan>().await? {
        let portfolio = context.portfolios.portfolio_of_plan(id).await?.ok_or_else(not_found)?;
        return Ok((portfolio, plan));
    }
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
            Ok(()) => Ok(Attempt::Done((portfolio, after))),
            // Another change has changed what this one starts from.
            Err(UpdateError::Changed) => Ok(Attempt::Retry(())),
            Err(UpdateError::TitleTaken) => Err(Refusal::TitleTaken.into()),
            Err(UpdateError::Taken { .. }) => Err(Refusal::Unknown.into()),
            Err(UpdateError::Store(error)) => Err(error.into()),
        }
    };
    context.app.attempts("update plan", attempt).await
}

/// The plan with the changes, checked like a new one as far as they go.
pub async fn changed(
    context: &Provisioning,
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

fn plan(body: PlanBody, total: u64, random: &dyn Random, now: Timestamp) -> SubscriptionPlan {
    let bits = random.bits().to_be_bytes();
    let mut prefix = [0_u8; 8];
    prefix.copy_from_slice(&bits[..8]);
    let plan = SubscriptionPlan {
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
        auto_apply_since: None,
        desired_num_licenses: Some(total),
        created: now,
        modified: now,
        change_reason: body.change_reason,
        seats: SeatLayout::for_total(total, SeatPrefix::from_bits(u64::from_be_bytes(prefix))),
    };
    plan.noting_auto_apply(None)
}
