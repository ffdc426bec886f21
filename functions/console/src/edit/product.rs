//! The forms of products and plan types, which plans of all customers are sold as.

use license_api::{ApiError, AppState, Body, Requester};
use license_domain::{PlanType, Product, ProductCatalog};
use license_storage::ChangeProducts;
use license_use_cases::products::{
    self,
    body::{PlanTypeBody, PlanTypePatch, ProductBody, ProductPatch},
    changed_plan_type, changed_product, new_plan_type, new_product, version,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Draft, Subject,
    field::{Ask, Field},
};
use crate::{Context, error::PageError};

const LIST: &str = "/admin/products/";

fn back() -> (String, String) {
    (LIST.to_owned(), "Products and plan types".to_owned())
}

const NAME: (&str, &str) = ("Name", "At most 128 characters.");

fn product_fields(catalog: &ProductCatalog) -> Vec<Field> {
    let kinds = catalog.plan_types.iter().map(|kind| (json!(kind.id), kind.label.clone()));
    vec![
        Field::new("name", NAME.0, NAME.1, Ask::Line),
        Field::nullable("description", "Description", "At most 255 characters.", Ask::Line),
        Field::nullable("netsuite_id", "Number in Netsuite", "Some plan types require it.", Ask::Number),
        Field::nullable("salesforce_product_id", "Id in Salesforce", "", Ask::Line),
        Field::new("plan_type", "Plan type", "", Ask::OneOf(kinds.collect())),
    ]
}

fn plan_type_fields() -> Vec<Field> {
    vec![
        Field::new("label", "Label", "Clients show it and test for it. At most 128 characters.", Ask::Line),
        Field::nullable("description", "Description", "At most 255 characters.", Ask::Line),
        Field::new("is_paid_subscription", "It is paid for", "", Ask::YesNo),
        Field::new("ns_id_required", "Its products need a number in Netsuite", "", Ask::YesNo),
        Field::new("sf_id_required", "Its plans need a Salesforce line item", "", Ask::YesNo),
        Field::new("internal_use_only", "It is for the company's own use", "", Ask::YesNo),
    ]
}

/// The fields of an entry as its form shows them.
fn values<T: Serialize>(entry: &T) -> Map<String, Value> {
    match json!(entry) {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// The body of a form. An empty description is a text, and not null.
fn body(mut fields: Map<String, Value>) -> Body {
    if let Some(description) = fields.get_mut("description").filter(|description| description.is_null()) {
        *description = json!("");
    }
    Body::json(fields)
}

fn ports(context: &Context) -> (&AppState, &dyn ChangeProducts) {
    (&context.app, context.products.as_ref())
}

fn find_product(catalog: &ProductCatalog, number: i64) -> Result<&Product, PageError> {
    catalog.products.iter().find(|product| product.id.0 == number).ok_or_else(PageError::not_found)
}

fn find_plan_type(catalog: &ProductCatalog, number: i64) -> Result<&PlanType, PageError> {
    catalog.plan_types.iter().find(|kind| kind.id == number).ok_or_else(PageError::not_found)
}

pub async fn of_new(context: &Context) -> Result<Subject, PageError> {
    let catalog = context.products.stored_products().await?;
    Ok(Subject {
        title: "New product".to_owned(),
        back: back(),
        path: "/admin/products/new/".to_owned(),
        fields: product_fields(&catalog),
        values: Map::new(),
        version: None,
    })
}

pub async fn of_there(context: &Context, number: i64) -> Result<Subject, PageError> {
    let catalog = context.products.stored_products().await?;
    let product = find_product(&catalog, number)?;
    Ok(Subject {
        title: format!("Change the product “{}”", product.name),
        back: back(),
        path: format!("/admin/products/{number}/change/"),
        fields: product_fields(&catalog),
        values: values(product),
        version: Some(version(product)),
    })
}

pub fn of_new_plan_type() -> Subject {
    let values = [("is_paid_subscription", true), ("ns_id_required", true), ("sf_id_required", true)];
    Subject {
        title: "New plan type".to_owned(),
        back: back(),
        path: "/admin/plan-types/new/".to_owned(),
        fields: plan_type_fields(),
        values: values.into_iter().map(|(name, is_on)| (name.to_owned(), json!(is_on))).collect(),
        version: None,
    }
}

pub async fn of_plan_type(context: &Context, number: i64) -> Result<Subject, PageError> {
    let catalog = context.products.stored_products().await?;
    let kind = find_plan_type(&catalog, number)?;
    Ok(Subject {
        title: format!("Change the plan type “{}”", kind.label),
        back: back(),
        path: format!("/admin/plan-types/{number}/change/"),
        fields: plan_type_fields(),
        values: values(kind),
        version: Some(version(kind)),
    })
}

fn draft_of<T: Serialize>(after: &T, consequences: Vec<String>) -> Draft {
    Draft { after: values(after), consequences }
}

pub async fn draft_of_new(context: &Context, fields: Map<String, Value>) -> Result<Draft, ApiError> {
    let new = new_product(&context.products.stored_products().await?, &ProductBody::read(&body(fields))?)?;
    Ok(draft_of(&new.after, vec!["Plans can be sold as it at once.".to_owned()]))
}

pub async fn draft(context: &Context, number: i64, fields: Map<String, Value>) -> Result<Draft, ApiError> {
    let seen = context.products.stored_products().await?;
    let changed = changed_product(&seen, number, &ProductPatch::read(&body(fields))?)?;
    let line = "Plans that are sold as it show its name and type as they are then; nothing else of them changes.";
    Ok(draft_of(&changed.after, vec![line.to_owned()]))
}

pub async fn draft_of_new_plan_type(context: &Context, fields: Map<String, Value>) -> Result<Draft, ApiError> {
    let new = new_plan_type(&context.products.stored_products().await?, &PlanTypeBody::read(&body(fields))?)?;
    Ok(draft_of(&new.after, vec!["Products can have it at once.".to_owned()]))
}

pub async fn draft_of_plan_type(context: &Context, number: i64, fields: Map<String, Value>) -> Result<Draft, ApiError> {
    let seen = context.products.stored_products().await?;
    let changed = changed_plan_type(&seen, number, &PlanTypePatch::read(&body(fields))?)?;
    let products = seen.products.iter().filter(|product| product.plan_type == Some(number)).count();
    let line = format!("{products} products have this type. What it requires is asked of new plans and changes.");
    Ok(draft_of(&changed.after, vec![line]))
}

pub async fn create(context: &Context, requester: Requester, fields: Map<String, Value>) -> Result<String, ApiError> {
    let body = ProductBody::read(&body(fields))?;
    products::change(ports(context), &requester, (None, None), |seen| new_product(seen, &body)).await?;
    Ok(LIST.to_owned())
}

pub async fn change(
    context: &Context,
    requester: Requester,
    (number, version): (i64, &str),
    fields: Map<String, Value>,
) -> Result<String, ApiError> {
    let body = ProductPatch::read(&body(fields))?;
    let decide = |seen: &ProductCatalog| changed_product(seen, number, &body);
    products::change(ports(context), &requester, (None, Some(version)), decide).await?;
    Ok(LIST.to_owned())
}

pub async fn create_plan_type(
    context: &Context,
    requester: Requester,
    fields: Map<String, Value>,
) -> Result<String, ApiError> {
    let body = PlanTypeBody::read(&body(fields))?;
    products::change(ports(context), &requester, (None, None), |seen| new_plan_type(seen, &body)).await?;
    Ok(LIST.to_owned())
}

pub async fn change_plan_type(
    context: &Context,
    requester: Requester,
    (number, version): (i64, &str),
    fields: Map<String, Value>,
) -> Result<String, ApiError> {
    let body = PlanTypePatch::read(&body(fields))?;
    let decide = |seen: &ProductCatalog| changed_plan_type(seen, number, &body);
    products::change(ports(context), &requester, (None, Some(version)), decide).await?;
    Ok(LIST.to_owned())
}
