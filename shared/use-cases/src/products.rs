//! Products and plan types: new ones and changes. They are one item: what was read is replaced, if it is still the same.

pub mod body;

use axum::http::StatusCode;
use license_api::{ApiError, AppState, Requester};
use license_domain::{PlanType, Product, ProductCatalog, change::changes};
use license_storage::{Attempt, ChangeProducts};
use serde::{Serialize, de::DeserializeOwned};

use self::body::{PlanTypeBody, PlanTypePatch, ProductBody, ProductPatch, check_plan_type, check_product};

/// What a change does to the catalog.
#[derive(Debug)]
pub struct Changed<T> {
    /// What it is about, for the record, such as `product 3`.
    subject: String,
    /// It before; none if it is new.
    before: Option<T>,
    pub after: T,
    /// The catalog with it.
    catalog: ProductCatalog,
}

/// A product that is created.
pub fn new_product(seen: &ProductCatalog, body: &ProductBody) -> Result<Changed<Product>, ApiError> {
    let product = body.product(seen);
    let mut catalog = seen.clone();
    catalog.products.push(product.clone());
    check_product(&catalog, &product)?;
    Ok(Changed { subject: format!("product {}", product.id.0), before: None, after: product, catalog })
}

/// A product that is changed.
pub fn changed_product(seen: &ProductCatalog, number: i64, body: &ProductPatch) -> Result<Changed<Product>, ApiError> {
    let mut catalog = seen.clone();
    let entry = catalog.products.iter_mut().find(|product| product.id.0 == number);
    let entry = entry.ok_or_else(|| ApiError::not_found("Product"))?;
    let before = entry.clone();
    let after = body.apply(before.clone());
    *entry = after.clone();
    check_product(&catalog, &after)?;
    Ok(Changed { subject: format!("product {number}"), before: Some(before), after, catalog })
}

/// A plan type that is created.
pub fn new_plan_type(seen: &ProductCatalog, body: &PlanTypeBody) -> Result<Changed<PlanType>, ApiError> {
    let plan_type = body.plan_type(seen);
    let mut catalog = seen.clone();
    catalog.plan_types.push(plan_type.clone());
    check_plan_type(&catalog, &plan_type)?;
    Ok(Changed { subject: format!("plan type {}", plan_type.id), before: None, after: plan_type, catalog })
}

/// A plan type that is changed.
pub fn changed_plan_type(
    seen: &ProductCatalog,
    number: i64,
    body: &PlanTypePatch,
) -> Result<Changed<PlanType>, ApiError> {
    let mut catalog = seen.clone();
    let entry = catalog.plan_types.iter_mut().find(|plan_type| plan_type.id == number);
    let entry = entry.ok_or_else(|| ApiError::not_found("PlanType"))?;
    let before = entry.clone();
    let after = body.apply(before.clone());
    *entry = after.clone();
    check_plan_type(&catalog, &after)?;
    Ok(Changed { subject: format!("plan type {number}"), before: Some(before), after, catalog })
}

/// The version of an entry: a change that starts from another one is refused.
pub fn version<T: Serialize>(entry: &T) -> String {
    serde_json::to_string(entry).expect("an entry is made of texts, numbers and booleans")
}

/// Makes a change. `decide` says what it does, and may be called several times; `from` is the version that it starts from.
pub async fn change<T, F>(
    (app, products): (&AppState, &dyn ChangeProducts),
    requester: &Requester,
    (reason, from): (Option<&String>, Option<&str>),
    decide: F,
) -> Result<T, ApiError>
where
    T: Serialize + DeserializeOwned + Clone,
    F: Fn(&ProductCatalog) -> Result<Changed<T>, ApiError>,
{
    if let Some(outcome) = requester.recorded::<T>().await? {
        return Ok(outcome);
    }
    let decide = &decide;
    let attempt = || async {
        let seen = products.stored_products().await?;
        let Changed { subject, before, after, catalog } = decide(&seen)?;
        if from.is_some_and(|from| before.as_ref().is_some_and(|before| version(before) != from)) {
            let detail = "It was changed since the version that the change starts from.";
            return Err(ApiError::detail(StatusCode::PRECONDITION_FAILED, detail));
        }
        let why = reason.filter(|reason| !reason.is_empty()).map_or("change products", String::as_str);
        let recorded = requester.change(why).await?.recording(&after);
        let fields = changes(before.as_ref(), Some(&after), &[]);
        let is_changed = products.change_products(&seen, &catalog, (&subject, fields), &recorded).await?;
        Ok(if is_changed { Attempt::Done(after) } else { Attempt::Retry(()) })
    };
    app.attempts("change products", attempt).await
}
