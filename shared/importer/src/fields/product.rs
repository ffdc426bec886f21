use license_domain::{PlanType, Product, ProductId};
use serde::{Deserialize, Serialize};

use super::{Reading, WrittenRow, fields, key, model, text};
use crate::dump::Row;

#[derive(Deserialize, Serialize)]
struct ProductFields {
    name: String,
    description: Option<String>,
    salesforce_product_id: Option<String>,
    netsuite_id: Option<i64>,
    plan_type: Option<i64>,
}

pub fn product(row: &Row) -> Reading<Product> {
    let fields: ProductFields = fields(row)?;
    Ok(Product {
        id: key(&row.pk)?,
        name: fields.name,
        description: fields.description.unwrap_or_default(),
        salesforce_product_id: text(fields.salesforce_product_id),
        netsuite_id: fields.netsuite_id,
        plan_type: fields.plan_type,
    })
}

#[derive(Deserialize, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the model's fields")]
struct PlanTypeFields {
    label: String,
    description: Option<String>,
    is_paid_subscription: bool,
    ns_id_required: bool,
    sf_id_required: bool,
    internal_use_only: bool,
}

pub fn plan_type(row: &Row) -> Reading<PlanType> {
    let fields: PlanTypeFields = fields(row)?;
    Ok(PlanType {
        id: key(&row.pk)?,
        label: fields.label,
        description: fields.description.unwrap_or_default(),
        is_paid_subscription: fields.is_paid_subscription,
        ns_id_required: fields.ns_id_required,
        sf_id_required: fields.sf_id_required,
        internal_use_only: fields.internal_use_only,
    })
}

/// The row of a product.
pub fn product_row(product: &Product) -> WrittenRow<ProductId, impl Serialize + use<>> {
    let fields = ProductFields {
        name: product.name.clone(),
        description: Some(product.description.clone()),
        salesforce_product_id: product.salesforce_product_id.clone(),
        netsuite_id: product.netsuite_id,
        plan_type: product.plan_type,
    };
    WrittenRow { model: model::PRODUCT, pk: product.id, fields }
}

/// The row of a plan type.
pub fn plan_type_row(kind: &PlanType) -> WrittenRow<i64, impl Serialize + use<>> {
    let fields = PlanTypeFields {
        label: kind.label.clone(),
        description: Some(kind.description.clone()),
        is_paid_subscription: kind.is_paid_subscription,
        ns_id_required: kind.ns_id_required,
        sf_id_required: kind.sf_id_required,
        internal_use_only: kind.internal_use_only,
    };
    WrittenRow { model: model::PLAN_TYPE, pk: kind.id, fields }
}
