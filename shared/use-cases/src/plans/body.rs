//! The fields of a plan's body: of a new plan, and of a change.

use license_api::{
    Change, Field, body,
    fields::{BOOLEAN, Format, INTEGER, MOMENT, UUID, integer, one_of, text},
};
use license_domain::{
    AgreementId, CatalogId, ChangeReason, ProductId, SubscriptionPlan, Timestamp,
    maxima::{MAX_LINE_ITEM, MAX_TITLE},
};
use serde_json::json;

const REASONS: Format = one_of(|| ChangeReason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect());
/// The endpoint refuses negative numbers, with the contract's message.
const SIZE: Format = Format::Integer { min: 0, max: i64::MAX, is_checked: false };

const CHANGE_REASON: Field = Field::new(REASONS, "Why.");
const TITLE: Field = Field::new(text(MAX_TITLE), "Its title, unique in the agreement.").example(|| json!("Acme 2027"));
const START_DATE: Field = Field::new(MOMENT, "When it starts.").example(|| json!("2027-01-01T00:00:00Z"));
const EXPIRATION_DATE: Field = Field::new(MOMENT, "When it ends.").example(|| json!("2028-01-01T00:00:00Z"));
const CUSTOMER_AGREEMENT: Field = Field::new(UUID, "Its agreement.");
const CATALOG: Field = Field::new(UUID, "Its catalog; the agreement's, if left out.").nullable().optional();
const DESIRED_NUM_LICENSES: Field =
    Field::new(SIZE, "How many licenses it has, at most 1,000,000 unless for internal use.").example(|| json!(500));
const IS_ACTIVE: Field = Field::new(BOOLEAN, "Whether it is in use.").optional();
const PRODUCT: Field = Field::new(INTEGER, "What it is sold as.").example(|| json!(1));
const LINE_ITEM: Field =
    Field::new(text(MAX_LINE_ITEM), "The line item, `00k…`; may be null where the plan type allows it.")
        .nullable()
        .example(|| json!("00k000000000000001"));
const INTERNAL: Field = Field::new(BOOLEAN, "Whether it is for the company's own use.").optional();
const HAS_CAP: Field = Field::new(BOOLEAN, "Whether revocations are limited.").optional();
const CAP: Field = Field::new(integer(0, 100), "The limit, in percent of its licenses.").optional();
const CAN_FREEZE: Field = Field::new(BOOLEAN, "Whether unused licenses may be frozen.").optional();
const AUTO_APPLY: Field =
    Field::new(BOOLEAN, "Whether learners may take a license without an invitation.").nullable().optional();

body! {
    #[derive(PartialEq, Eq)]
    pub struct PlanBody {
        pub change_reason: ChangeReason = CHANGE_REASON,
        pub title: String = TITLE,
        pub start_date: Timestamp = START_DATE,
        pub expiration_date: Timestamp = EXPIRATION_DATE,
        pub customer_agreement: AgreementId = CUSTOMER_AGREEMENT,
        pub desired_num_licenses: i64 = DESIRED_NUM_LICENSES,
        pub product: ProductId = PRODUCT,
        pub salesforce_opportunity_line_item: Option<String> = LINE_ITEM,
        pub enterprise_catalog_uuid: Option<CatalogId> = CATALOG,
        pub is_active: bool = IS_ACTIVE.default(|| json!(false)),
        pub for_internal_use_only: bool = INTERNAL.default(|| json!(false)),
        pub is_revocation_cap_enabled: bool = HAS_CAP.default(|| json!(false)),
        pub revoke_max_percentage: u32 = CAP.default(|| json!(5)),
        pub can_freeze_unused_licenses: bool = CAN_FREEZE.default(|| json!(false)),
        pub should_auto_apply_licenses: Option<bool> = AUTO_APPLY,
    }
}

body! {
    /// A change of a plan. Fields that are left out stay.
    #[derive(PartialEq, Eq)]
    pub struct PlanPatch {
        pub change_reason: ChangeReason = CHANGE_REASON,
        pub title: Option<String> = TITLE.optional(),
        pub start_date: Option<Timestamp> = START_DATE.optional(),
        pub expiration_date: Option<Timestamp> = EXPIRATION_DATE.optional(),
        pub customer_agreement: Option<AgreementId> = CUSTOMER_AGREEMENT.optional(),
        pub desired_num_licenses: Option<i64> = DESIRED_NUM_LICENSES.optional(),
        pub product: Option<ProductId> = PRODUCT.optional(),
        #[serde(default)]
        pub salesforce_opportunity_line_item: Change<String> = LINE_ITEM.optional(),
        #[serde(default)]
        pub enterprise_catalog_uuid: Change<CatalogId> = CATALOG,
        pub is_active: Option<bool> = IS_ACTIVE,
        pub for_internal_use_only: Option<bool> = INTERNAL,
        pub is_revocation_cap_enabled: Option<bool> = HAS_CAP,
        pub revoke_max_percentage: Option<u32> = CAP,
        pub can_freeze_unused_licenses: Option<bool> = CAN_FREEZE,
        #[serde(default)]
        pub should_auto_apply_licenses: Change<bool> = AUTO_APPLY,
    }
}

impl PlanPatch {
    /// Whether it changes the plan's product or its line item.
    pub const fn touches_product(&self) -> bool {
        self.product.is_some() || self.salesforce_opportunity_line_item.is_named()
    }

    /// The plan with the change, except its number of licenses.
    pub fn apply(&self, before: &SubscriptionPlan, now: Timestamp) -> SubscriptionPlan {
        let line_item = &self.salesforce_opportunity_line_item;
        let stood = before;
        let before = before.clone();
        let after = SubscriptionPlan {
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
        };
        after.noting_auto_apply(Some(stood))
    }
}

#[cfg(test)]
mod tests {
    use license_api::Body;
    use serde_json::{Value, json};

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
        PlanBody::read(&Body::json(fields.clone())).map_err(license_api::Complaints::into_value)
    }

    #[test]
    fn optional_fields_have_their_defaults() {
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
