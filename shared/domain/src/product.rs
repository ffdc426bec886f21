//! What plans are sold as.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ProductId;

/// A product that plans are sold as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub id: ProductId,
    /// Its name, at most 128 characters.
    pub name: String,
    /// Its description, at most 255 characters.
    #[serde(default)]
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce_product_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netsuite_id: Option<i64>,
    /// The number of its plan type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_type: Option<i64>,
}

/// A kind of plan: paid, trial, test …
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's fields")]
pub struct PlanType {
    pub id: i64,
    /// The label that clients show and test for.
    pub label: String,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// Whether it is paid for.
    pub is_paid_subscription: bool,
    /// Whether its products need a Netsuite id.
    pub ns_id_required: bool,
    /// Whether its plans need a Salesforce opportunity line item.
    pub sf_id_required: bool,
    /// Whether it is for the company's own use.
    pub internal_use_only: bool,
}

/// The stored products and plan types. There are few, and they change rarely.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCatalog {
    /// Every product.
    pub products: Vec<Product>,
    pub plan_types: Vec<PlanType>,
}

impl ProductCatalog {
    /// The product of that number.
    pub fn product(&self, id: ProductId) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    /// The plan type of the product of that number.
    pub fn plan_type(&self, id: ProductId) -> Option<&PlanType> {
        let plan_type = self.product(id)?.plan_type?;
        self.plan_types.iter().find(|kind| kind.id == plan_type)
    }

    /// The products and plan types of every new installation.
    pub fn usual() -> Self {
        let plan_type = |id, label: &str, description: &str, [paid, ns, sf, internal]: [bool; 4]| PlanType {
            id,
            label: label.to_owned(),
            description: description.to_owned(),
            is_paid_subscription: paid,
            ns_id_required: ns,
            sf_id_required: sf,
            internal_use_only: internal,
        };
        let product = |id, name: &str, description: &str, netsuite_id, plan_type| Product {
            id: ProductId(id),
            name: name.to_owned(),
            description: description.to_owned(),
            salesforce_product_id: None,
            netsuite_id,
            plan_type: Some(plan_type),
        };
        Self {
            products: vec![
                product(1, "B2B Paid", "B2B Catalog", Some(106), 1),
                product(2, "OC Paid", "OC Catalog", Some(110), 1),
                product(3, "Trial", "Trial Catalog", None, 3),
                product(4, "Test", "Test Catalog", None, 4),
                product(5, "OCE", "OCE Catalog", None, 2),
                product(6, "Self-service trial", "Self-service trial", None, 5),
                product(7, "Self-service paid", "Self-service paid", None, 6),
            ],
            plan_types: vec![
                plan_type(1, "Standard Paid", "A paid subscription plan", [true, true, true, false]),
                plan_type(2, "OCE", "An unpaid plan for academic institutions", [false, false, true, false]),
                plan_type(3, "Trial", "A limited free plan for prospective customers", [false, false, true, false]),
                plan_type(4, "Test", "A plan for internal tests", [false, false, false, true]),
                plan_type(
                    5,
                    "self-service-trial",
                    "A trial that a customer starts alone",
                    [false, false, false, false],
                ),
                plan_type(6, "self-service-paid", "A plan that a customer buys alone", [true, false, true, false]),
            ],
        }
    }
}
