//! Rows of Django's models, and the domain types that correspond to them. Each model's fields are declared once, for
//! reading and for writing.

mod agreement;
mod license;
mod license_event;
mod plan;
mod product;
mod renewal;
mod source;
mod user;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::{
    agreement::{agreement, agreement_row, messaging, messaging_row},
    license::{license, license_row},
    license_event::{license_event, license_event_row},
    plan::{plan, plan_row},
    product::{plan_type, plan_type_row, product, product_row},
    renewal::{renewal, renewal_row},
    source::{SourceOf, source, source_row, source_type, source_type_row},
    user::{AssignedRole, UserReference, role, role_assignment, role_assignment_row, role_row, user, user_row},
};
use crate::dump::Row;

/// The names of the models that are imported and exported.
pub mod model {
    pub const LICENSE: &str = "subscriptions.license";
    pub const LICENSE_EVENT: &str = "subscriptions.licenseevent";
    pub const AGREEMENT: &str = "subscriptions.customeragreement";
    pub const MESSAGING: &str = "subscriptions.customsubscriptionexpirationmessaging";
    pub const PLAN: &str = "subscriptions.subscriptionplan";
    pub const RENEWAL: &str = "subscriptions.subscriptionplanrenewal";
    pub const PRODUCT: &str = "subscriptions.product";
    pub const PLAN_TYPE: &str = "subscriptions.plantype";
    pub const SOURCE: &str = "subscriptions.subscriptionlicensesource";
    pub const SOURCE_TYPE: &str = "subscriptions.subscriptionlicensesourcetype";
    pub const USER: &str = "core.user";
    /// The name of Django's own model of users, which is accepted, too.
    pub const AUTH_USER: &str = "auth.user";
    pub const ROLE: &str = "subscriptions.subscriptionsfeaturerole";
    pub const ROLE_ASSIGNMENT: &str = "subscriptions.subscriptionsroleassignment";
}

/// A row as `loaddata` reads it.
#[derive(Debug, Serialize)]
pub struct WrittenRow<K, F> {
    pub model: &'static str,
    pub pk: K,
    pub fields: F,
}

/// The result of reading a row; the error is a message.
pub type Reading<T> = Result<T, String>;

/// A key that is a UUID or a number.
pub fn key<T: DeserializeOwned>(value: &Value) -> Reading<T> {
    serde_json::from_value(value.clone()).map_err(|_| "the key is not of the kind that the model has".to_owned())
}

fn fields<T: DeserializeOwned>(row: &Row) -> Reading<T> {
    // The position in the text is left out, because the row's position is reported.
    let words = |error: serde_json::Error| {
        let text = error.to_string();
        text.rsplit_once(" at line").map_or(text.clone(), |(words, _)| words.to_owned())
    };
    serde_json::from_str(row.fields.get()).map_err(words)
}

/// An empty text counts as none.
fn text(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}
