//! The fields of a new plan, checked one by one.

use license_api::{Body, Fields, Presence, Text};
use license_domain::{
    AgreementId, CatalogId, ChangeReason, ProductId, Timestamp,
    maxima::{MAX_LINE_ITEM, MAX_TITLE},
};
use serde_json::{Map, Value};

/// The share of a plan that may be revoked under a cap where the body does not say it, in percent.
const REVOKE_MAX_PERCENTAGE: i64 = 5;

/// A new plan as the body has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's fields")]
pub struct PlanBody {
    pub title: String,
    pub start_date: Timestamp,
    pub expiration_date: Timestamp,
    pub customer_agreement: AgreementId,
    pub enterprise_catalog_uuid: Option<CatalogId>,
    /// Negative numbers are refused later, as the contract has it.
    pub desired_num_licenses: i64,
    pub is_active: bool,
    pub product: ProductId,
    pub change_reason: ChangeReason,
    pub salesforce_opportunity_line_item: Option<String>,
    pub for_internal_use_only: bool,
    pub is_revocation_cap_enabled: bool,
    pub revoke_max_percentage: u32,
    pub can_freeze_unused_licenses: bool,
    pub should_auto_apply_licenses: Option<bool>,
}

impl PlanBody {
    /// The plan, or the complaints about its fields.
    pub fn parse(body: &Body) -> Result<Self, Map<String, Value>> {
        let mut fields = Fields::new(body);
        let text = |presence, max| Text { presence, blank: false, max };
        let title = fields.text("title", text(Presence::Required, MAX_TITLE));
        let start_date = fields.datetime("start_date", Presence::Required);
        let expiration_date = fields.datetime("expiration_date", Presence::Required);
        let customer_agreement = fields.uuid("customer_agreement", Presence::Required);
        let enterprise_catalog_uuid = fields.uuid("enterprise_catalog_uuid", Presence::Nullable).map(CatalogId);
        let desired_num_licenses = fields.integer("desired_num_licenses", Presence::Required, None, None);
        let is_active = fields.boolean("is_active", Presence::Optional).unwrap_or_default();
        let product = fields.integer("product", Presence::Required, None, None);
        let change_reason = fields.choice("change_reason", Presence::Required);
        let line_item = text(Presence::RequiredNullable, MAX_LINE_ITEM);
        let salesforce_opportunity_line_item = fields.text("salesforce_opportunity_line_item", line_item);
        let for_internal_use_only = fields.boolean("for_internal_use_only", Presence::Optional).unwrap_or_default();
        let is_revocation_cap_enabled =
            fields.boolean("is_revocation_cap_enabled", Presence::Optional).unwrap_or_default();
        let percentage = fields.integer("revoke_max_percentage", Presence::Optional, Some(0), Some(100));
        let can_freeze_unused_licenses =
            fields.boolean("can_freeze_unused_licenses", Presence::Optional).unwrap_or_default();
        let should_auto_apply_licenses = fields.boolean("should_auto_apply_licenses", Presence::Nullable);
        let plan = if fields.is_valid() {
            // Each of these is there, as nothing was complained about.
            (|| {
                Some(Self {
                    title: title?,
                    start_date: start_date?,
                    expiration_date: expiration_date?,
                    customer_agreement: AgreementId(customer_agreement?),
                    enterprise_catalog_uuid,
                    desired_num_licenses: desired_num_licenses?,
                    is_active,
                    product: ProductId(product?),
                    change_reason: change_reason?,
                    salesforce_opportunity_line_item,
                    for_internal_use_only,
                    is_revocation_cap_enabled,
                    revoke_max_percentage: u32::try_from(percentage.unwrap_or(REVOKE_MAX_PERCENTAGE)).ok()?,
                    can_freeze_unused_licenses,
                    should_auto_apply_licenses,
                })
            })()
        } else {
            None
        };
        plan.ok_or_else(|| fields.into_errors())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(changes: &Value) -> Result<PlanBody, Value> {
        let mut body = json!({
            "title": "Acme", "start_date": "2026-01-01T00:00:00Z", "expiration_date": "2028-01-01T00:00:00Z",
            "customer_agreement": "aaaaaaaa-0000-4000-8000-100000000042", "desired_num_licenses": 5, "product": 1,
            "change_reason": "new", "salesforce_opportunity_line_item": null,
        });
        let fields = body.as_object_mut().expect("an object");
        for (name, value) in changes.as_object().expect("an object") {
            match value {
                Value::String(text) if text == "absent" => fields.remove(name),
                value => fields.insert(name.clone(), value.clone()),
            };
        }
        PlanBody::parse(&Body::json(fields.clone())).map_err(Value::Object)
    }

    #[test]
    fn what_may_be_left_out_has_its_default() {
        let plan = parsed(&json!({})).expect("valid");
        assert_eq!((plan.is_active, plan.revoke_max_percentage), (false, 5));
        assert_eq!((plan.should_auto_apply_licenses, plan.salesforce_opportunity_line_item), (None, None));
    }

    #[test]
    fn complaints_are_those_of_the_contract() {
        for (changes, complaints) in [
            (json!({"salesforce_opportunity_line_item": "absent"}), json!(["This field is required."])),
            (json!({"customer_agreement": "x"}), json!(["Must be a valid UUID."])),
            (json!({"desired_num_licenses": "absent"}), json!(["This field is required."])),
            (json!({"title": "x".repeat(129)}), json!(["Ensure this field has no more than 128 characters."])),
            (json!({"change_reason": "because"}), json!(["\"because\" is not a valid choice."])),
            (json!({"revoke_max_percentage": 101}), json!(["Ensure this value is less than or equal to 100."])),
        ] {
            let name = changes.as_object().and_then(|fields| fields.keys().next()).expect("a field").clone();
            assert_eq!(parsed(&changes), Err(json!({ name: complaints })));
        }
    }

    #[test]
    fn a_plan_may_end_before_it_starts_and_have_no_licenses() {
        let changes = json!({"start_date": "2028-01-01T00:00:00Z", "expiration_date": "2026-01-01T00:00:00Z",
                             "desired_num_licenses": -1});
        assert_eq!(parsed(&changes).map(|plan| plan.desired_num_licenses), Ok(-1));
    }
}
