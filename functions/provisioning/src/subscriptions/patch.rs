//! The fields of a change to a plan, checked one by one. What is left out stays as it is.

use license_api::{Body, Fields, Presence, Text};
use license_domain::{
    AgreementId, CatalogId, ChangeReason, ProductId, SubscriptionPlan, Timestamp,
    maxima::{MAX_LINE_ITEM, MAX_TITLE},
};
use serde_json::{Map, Value};

use crate::change::Change;

/// A change as the body has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanPatch {
    pub change_reason: ChangeReason,
    pub title: Option<String>,
    pub start_date: Option<Timestamp>,
    pub expiration_date: Option<Timestamp>,
    pub customer_agreement: Option<AgreementId>,
    pub enterprise_catalog_uuid: Change<CatalogId>,
    /// Negative numbers are refused later, as the contract has it.
    pub desired_num_licenses: Option<i64>,
    pub is_active: Option<bool>,
    pub product: Option<ProductId>,
    pub salesforce_opportunity_line_item: Change<String>,
    pub for_internal_use_only: Option<bool>,
    pub is_revocation_cap_enabled: Option<bool>,
    pub revoke_max_percentage: Option<u32>,
    pub can_freeze_unused_licenses: Option<bool>,
    pub should_auto_apply_licenses: Change<bool>,
}

impl PlanPatch {
    /// The change, or the complaints about its fields.
    pub fn parse(body: &Body) -> Result<Self, Map<String, Value>> {
        use Presence::{Nullable, Optional, Required};
        let mut fields = Fields::new(body);
        let text = |presence, max| Text { presence, blank: false, max };
        let there = |name: &str| body.0.contains_key(name);
        let change_reason = fields.choice("change_reason", Required);
        let title = fields.text("title", text(Optional, MAX_TITLE));
        let start_date = fields.datetime("start_date", Optional);
        let expiration_date = fields.datetime("expiration_date", Optional);
        let customer_agreement = fields.uuid("customer_agreement", Optional).map(AgreementId);
        let catalog = fields.uuid("enterprise_catalog_uuid", Nullable).map(CatalogId);
        let desired_num_licenses = fields.integer("desired_num_licenses", Optional, None, None);
        let is_active = fields.boolean("is_active", Optional);
        let product = fields.integer("product", Optional, None, None).map(ProductId);
        let line_item = fields.text("salesforce_opportunity_line_item", text(Nullable, MAX_LINE_ITEM));
        let for_internal_use_only = fields.boolean("for_internal_use_only", Optional);
        let is_revocation_cap_enabled = fields.boolean("is_revocation_cap_enabled", Optional);
        let percentage = fields.integer("revoke_max_percentage", Optional, Some(0), Some(100));
        let can_freeze_unused_licenses = fields.boolean("can_freeze_unused_licenses", Optional);
        let should_auto_apply_licenses = fields.boolean("should_auto_apply_licenses", Nullable);
        let (Some(change_reason), true) = (change_reason, fields.is_valid()) else {
            return Err(fields.into_errors());
        };
        Ok(Self {
            change_reason,
            title,
            start_date,
            expiration_date,
            customer_agreement,
            enterprise_catalog_uuid: Change::new(there("enterprise_catalog_uuid"), catalog),
            desired_num_licenses,
            is_active,
            product,
            salesforce_opportunity_line_item: Change::new(there("salesforce_opportunity_line_item"), line_item),
            for_internal_use_only,
            is_revocation_cap_enabled,
            revoke_max_percentage: percentage
                .map(|percentage| u32::try_from(percentage).expect("the field is a percentage")),
            can_freeze_unused_licenses,
            should_auto_apply_licenses: Change::new(there("should_auto_apply_licenses"), should_auto_apply_licenses),
        })
    }

    /// Whether it changes what the plan is sold as.
    pub const fn touches_product(&self) -> bool {
        self.product.is_some() || self.salesforce_opportunity_line_item.is_named()
    }

    /// The plan with the change; its number of licenses is decided elsewhere.
    pub fn apply(&self, before: &SubscriptionPlan, now: Timestamp) -> SubscriptionPlan {
        let before = before.clone();
        let line_item = &self.salesforce_opportunity_line_item;
        SubscriptionPlan {
            title: self.title.clone().unwrap_or(before.title),
            start_date: self.start_date.unwrap_or(before.start_date),
            expiration_date: self.expiration_date.unwrap_or(before.expiration_date),
            enterprise_catalog_uuid: self.enterprise_catalog_uuid.over(before.enterprise_catalog_uuid),
            is_active: self.is_active.unwrap_or(before.is_active),
            product: self.product.or(before.product),
            salesforce_opportunity_line_item: line_item.over(before.salesforce_opportunity_line_item),
            for_internal_use_only: self.for_internal_use_only.unwrap_or(before.for_internal_use_only),
            is_revocation_cap_enabled: self.is_revocation_cap_enabled.unwrap_or(before.is_revocation_cap_enabled),
            revoke_max_percentage: self.revoke_max_percentage.unwrap_or(before.revoke_max_percentage),
            can_freeze_unused_licenses: self.can_freeze_unused_licenses.unwrap_or(before.can_freeze_unused_licenses),
            should_auto_apply_licenses: self.should_auto_apply_licenses.over(before.should_auto_apply_licenses),
            change_reason: self.change_reason,
            modified: now,
            ..before
        }
    }
}
