//! A change of the products and plan types: what was read is replaced, if it is still the same.

use license_api::{ApiError, PROVISIONERS, Requester, RequiredPermission};
use license_domain::{ProductCatalog, change::changes};
use license_storage::Attempt;
use serde::{Serialize, de::DeserializeOwned};

use crate::Context;

/// What a change does to the catalog.
pub struct Changed<T> {
    /// What it is about, for the record, such as `product 3`.
    pub subject: String,
    /// It before; none if it is new.
    pub before: Option<T>,
    pub after: T,
    /// The catalog with it.
    pub catalog: ProductCatalog,
}

/// Makes a change, for those who make plans. `decide` says what it does, and may be called several times.
pub async fn change<T, F>(
    context: &Context,
    requester: &Requester,
    reason: Option<&String>,
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
        let seen = context.products.stored_products().await?;
        let Changed { subject, before, after, catalog } = decide(&seen)?;
        let why = reason.filter(|reason| !reason.is_empty()).map_or("change products", String::as_str);
        let recorded = requester.change(why).await?.recording(&after);
        let fields = changes(before.as_ref(), Some(&after), &[]);
        let is_changed = context.products.change_products(&seen, &catalog, (&subject, fields), &recorded).await?;
        Ok(if is_changed { Attempt::Done(after) } else { Attempt::Retry(()) })
    };
    context.app.attempts("change products", attempt).await
}

/// The catalog with that entry in place of the one that `is_it` finds, or behind the others.
pub fn with<T>(entries: &mut Vec<T>, entry: T, is_it: impl Fn(&T) -> bool) {
    match entries.iter_mut().find(|known| is_it(known)) {
        Some(known) => *known = entry,
        None => entries.push(entry),
    }
}

/// Only who makes plans everywhere may change what all customers' plans are sold as.
pub fn authorize(requester: &Requester) -> Result<(), ApiError> {
    requester.require_everywhere(PROVISIONERS, RequiredPermission::ProvisioningPlans)
}
