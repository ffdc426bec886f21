//! The fields of products and plan types, and what they must fit.

use license_api::{
    Change, Complaints, Field, body,
    fields::{BOOLEAN, blank_text, integer, text},
};
use license_domain::{PlanType, Product, ProductCatalog, ProductId, maxima::MAX_DESCRIPTION};
use serde_json::json;

/// The most characters of a name or a label.
const MAX_NAME: usize = 128;
/// The most products, and the most plan types: they are one item, which is read as a whole.
pub const MAX_PRODUCTS: usize = 300;

const NAME: Field = Field::new(text(MAX_NAME), "Its name.").example(|| json!("B2B Paid"));
const DESCRIPTION: Field = Field::new(blank_text(MAX_DESCRIPTION), "What it is.").optional();
const SALESFORCE_ID: Field =
    Field::new(text(MAX_NAME), "Its id in Salesforce.").nullable().optional().example(|| json!("01t000000000001AAA"));
const NETSUITE_ID: Field = Field::new(integer(0, i64::MAX), "Its id in Netsuite; some plan types require it.")
    .nullable()
    .optional()
    .example(|| json!(106));
const PLAN_TYPE: Field = Field::new(integer(1, i64::MAX), "The number of its plan type.").example(|| json!(1));
const LABEL: Field =
    Field::new(text(MAX_NAME), "The label, which clients show and test for.").example(|| json!("Standard Paid"));
const IS_PAID: Field = Field::new(BOOLEAN, "Whether it is paid for.").optional();
const NEEDS_NETSUITE: Field = Field::new(BOOLEAN, "Whether its products need a Netsuite id.").optional();
const NEEDS_SALESFORCE: Field = Field::new(BOOLEAN, "Whether its plans need a Salesforce line item.").optional();
const IS_INTERNAL: Field = Field::new(BOOLEAN, "Whether it is for the company's own use.").optional();
const REASON: Field = Field::new(blank_text(MAX_DESCRIPTION), "Why, for the record.").nullable().optional();

body! {
    /// A new product.
    pub struct ProductBody {
        name: String = NAME,
        description: Option<String> = DESCRIPTION,
        salesforce_product_id: Option<String> = SALESFORCE_ID,
        netsuite_id: Option<i64> = NETSUITE_ID,
        plan_type: i64 = PLAN_TYPE,
        pub reason: Option<String> = REASON,
    }
}

body! {
    /// A change of a product. Fields that are left out stay.
    pub struct ProductPatch {
        name: Option<String> = NAME.optional(),
        description: Option<String> = DESCRIPTION,
        #[serde(default)]
        salesforce_product_id: Change<String> = SALESFORCE_ID,
        #[serde(default)]
        netsuite_id: Change<i64> = NETSUITE_ID,
        plan_type: Option<i64> = PLAN_TYPE.optional(),
        pub reason: Option<String> = REASON,
    }
}

body! {
    /// A new plan type.
    pub struct PlanTypeBody {
        label: String = LABEL,
        description: Option<String> = DESCRIPTION,
        is_paid_subscription: Option<bool> = IS_PAID,
        ns_id_required: Option<bool> = NEEDS_NETSUITE,
        sf_id_required: Option<bool> = NEEDS_SALESFORCE,
        internal_use_only: Option<bool> = IS_INTERNAL,
        pub reason: Option<String> = REASON,
    }
}

body! {
    /// A change of a plan type. Fields that are left out stay.
    pub struct PlanTypePatch {
        label: Option<String> = LABEL.optional(),
        description: Option<String> = DESCRIPTION,
        is_paid_subscription: Option<bool> = IS_PAID,
        ns_id_required: Option<bool> = NEEDS_NETSUITE,
        sf_id_required: Option<bool> = NEEDS_SALESFORCE,
        internal_use_only: Option<bool> = IS_INTERNAL,
        pub reason: Option<String> = REASON,
    }
}

impl ProductBody {
    /// The new product, with the next number.
    pub fn product(&self, catalog: &ProductCatalog) -> Product {
        let last = catalog.products.iter().map(|product| product.id.0).max().unwrap_or_default();
        Product {
            id: ProductId(last + 1),
            name: self.name.clone(),
            description: self.description.clone().unwrap_or_default(),
            salesforce_product_id: self.salesforce_product_id.clone(),
            netsuite_id: self.netsuite_id,
            plan_type: Some(self.plan_type),
        }
    }
}

impl ProductPatch {
    pub fn apply(&self, before: Product) -> Product {
        Product {
            id: before.id,
            name: self.name.clone().unwrap_or(before.name),
            description: self.description.clone().unwrap_or(before.description),
            salesforce_product_id: self.salesforce_product_id.over(before.salesforce_product_id),
            netsuite_id: self.netsuite_id.over(before.netsuite_id),
            plan_type: self.plan_type.or(before.plan_type),
        }
    }
}

impl PlanTypeBody {
    /// The new plan type, with the next number. Like the peer's it is paid for and needs both ids, unless the body says
    /// otherwise.
    pub fn plan_type(&self, catalog: &ProductCatalog) -> PlanType {
        let last = catalog.plan_types.iter().map(|kind| kind.id).max().unwrap_or_default();
        PlanType {
            id: last + 1,
            label: self.label.clone(),
            description: self.description.clone().unwrap_or_default(),
            is_paid_subscription: self.is_paid_subscription.unwrap_or(true),
            ns_id_required: self.ns_id_required.unwrap_or(true),
            sf_id_required: self.sf_id_required.unwrap_or(true),
            internal_use_only: self.internal_use_only.unwrap_or(false),
        }
    }
}

impl PlanTypePatch {
    pub fn apply(&self, before: PlanType) -> PlanType {
        PlanType {
            id: before.id,
            label: self.label.clone().unwrap_or(before.label),
            description: self.description.clone().unwrap_or(before.description),
            is_paid_subscription: self.is_paid_subscription.unwrap_or(before.is_paid_subscription),
            ns_id_required: self.ns_id_required.unwrap_or(before.ns_id_required),
            sf_id_required: self.sf_id_required.unwrap_or(before.sf_id_required),
            internal_use_only: self.internal_use_only.unwrap_or(before.internal_use_only),
        }
    }
}

/// Refuses a product of an unknown plan type, and one without the Netsuite id that its plan type requires. An id of 0 is
/// none.
pub fn check_product(catalog: &ProductCatalog, product: &Product) -> Result<(), Complaints> {
    let kind = catalog.plan_types.iter().find(|kind| Some(kind.id) == product.plan_type);
    let Some(kind) = kind else { return Err(Complaints::of("plan_type", "There is no such plan type.")) };
    if kind.ns_id_required && product.netsuite_id.unwrap_or_default() == 0 {
        return Err(Complaints::of("netsuite_id", format!("The plan type {} requires a Netsuite id.", kind.label)));
    }
    if catalog.products.len() > MAX_PRODUCTS {
        return Err(Complaints::of("non_field_errors", format!("There are {MAX_PRODUCTS} products already.")));
    }
    Ok(())
}

/// Refuses a change that leaves a product without the id that its plan type would require.
pub fn check_plan_type(catalog: &ProductCatalog, kind: &PlanType) -> Result<(), Complaints> {
    let is_without = |product: &&Product| product.plan_type == Some(kind.id) && product.netsuite_id.unwrap_or(0) == 0;
    if let Some(product) = catalog.products.iter().find(is_without).filter(|_| kind.ns_id_required) {
        let complaint = format!("Product {} has no Netsuite id.", product.id.0);
        return Err(Complaints::of("ns_id_required", complaint));
    }
    if catalog.plan_types.len() > MAX_PRODUCTS {
        return Err(Complaints::of("non_field_errors", format!("There are {MAX_PRODUCTS} plan types already.")));
    }
    Ok(())
}
