use license_domain::{
    AgreementId, CatalogId, ChangeReason, PlanId, ProductId, SeatLayout, SubscriptionPlan, Timestamp, clock::to_micros,
};
use serde::{Deserialize, Serialize};

use super::{Reading, WrittenRow, fields, key, model, text};
use crate::dump::Row;

#[derive(Deserialize, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the model's fields")]
struct PlanFields {
    title: String,
    customer_agreement: AgreementId,
    start_date: Timestamp,
    expiration_date: Timestamp,
    #[serde(default)]
    expiration_processed: bool,
    enterprise_catalog_uuid: Option<CatalogId>,
    is_active: bool,
    #[serde(default)]
    is_revocation_cap_enabled: bool,
    revoke_max_percentage: Option<u32>,
    #[serde(default)]
    num_revocations_applied: Option<u64>,
    salesforce_opportunity_id: Option<String>,
    salesforce_opportunity_line_item: Option<String>,
    product: Option<ProductId>,
    #[serde(default)]
    for_internal_use_only: bool,
    #[serde(default)]
    can_freeze_unused_licenses: bool,
    last_freeze_timestamp: Option<Timestamp>,
    should_auto_apply_licenses: Option<bool>,
    desired_num_licenses: Option<u64>,
    created: Timestamp,
    modified: Timestamp,
}

/// The percentage of licenses that may be revoked if the row has none.
const REVOKE_MAX_PERCENTAGE: u32 = 5;

/// Reads a plan. The layout of its seats is known when its licenses are counted.
pub fn plan(row: &Row, seats: SeatLayout) -> Reading<SubscriptionPlan> {
    let fields: PlanFields = fields(row)?;
    if fields.title.trim().is_empty() {
        return Err("the plan has no title".to_owned());
    }
    Ok(SubscriptionPlan {
        uuid: key(&row.pk)?,
        title: fields.title,
        customer_agreement: fields.customer_agreement,
        start_date: to_micros(fields.start_date),
        expiration_date: to_micros(fields.expiration_date),
        expiration_processed: fields.expiration_processed,
        enterprise_catalog_uuid: fields.enterprise_catalog_uuid,
        is_active: fields.is_active,
        is_revocation_cap_enabled: fields.is_revocation_cap_enabled,
        revoke_max_percentage: fields.revoke_max_percentage.unwrap_or(REVOKE_MAX_PERCENTAGE),
        num_revocations_applied: fields.num_revocations_applied.unwrap_or_default(),
        salesforce_opportunity_id: text(fields.salesforce_opportunity_id),
        salesforce_opportunity_line_item: text(fields.salesforce_opportunity_line_item),
        product: fields.product,
        for_internal_use_only: fields.for_internal_use_only,
        can_freeze_unused_licenses: fields.can_freeze_unused_licenses,
        last_freeze_timestamp: fields.last_freeze_timestamp.map(to_micros),
        should_auto_apply_licenses: fields.should_auto_apply_licenses,
        auto_apply_since: None,
        desired_num_licenses: fields.desired_num_licenses,
        created: to_micros(fields.created),
        modified: to_micros(fields.modified),
        change_reason: ChangeReason::New,
        seats,
    })
}

/// The row of a plan.
pub fn plan_row(plan: &SubscriptionPlan) -> WrittenRow<PlanId, impl Serialize + use<>> {
    let fields = PlanFields {
        title: plan.title.clone(),
        customer_agreement: plan.customer_agreement,
        start_date: plan.start_date,
        expiration_date: plan.expiration_date,
        expiration_processed: plan.expiration_processed,
        enterprise_catalog_uuid: plan.enterprise_catalog_uuid,
        is_active: plan.is_active,
        is_revocation_cap_enabled: plan.is_revocation_cap_enabled,
        revoke_max_percentage: Some(plan.revoke_max_percentage),
        num_revocations_applied: Some(plan.num_revocations_applied),
        salesforce_opportunity_id: plan.salesforce_opportunity_id.clone(),
        salesforce_opportunity_line_item: plan.salesforce_opportunity_line_item.clone(),
        product: plan.product,
        for_internal_use_only: plan.for_internal_use_only,
        can_freeze_unused_licenses: plan.can_freeze_unused_licenses,
        last_freeze_timestamp: plan.last_freeze_timestamp,
        should_auto_apply_licenses: plan.should_auto_apply_licenses,
        desired_num_licenses: plan.desired_num_licenses,
        created: plan.created,
        modified: plan.modified,
    };
    WrittenRow { model: model::PLAN, pk: plan.uuid, fields }
}
