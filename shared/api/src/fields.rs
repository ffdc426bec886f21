//! A request's fields, declared once: `body!` makes the type that a handler gets, and the list of [`Field`]s that is in
//! the route's `doc`. The list checks bodies (in the contract's words), and the OpenAPI document and the tests of
//! malformed requests are made from it.
//!
//! ```
//! # use license_api::{Body, Field, body, fields::{BOOLEAN, EMAIL, list}};
//! # use license_domain::EmailAddress;
//! body! {
//!     /// Whom to invite.
//!     struct InviteBody {
//!         user_emails: Vec<EmailAddress> = Field::new(list(&EMAIL), "The learners."),
//!         notify_users: bool = Field::new(BOOLEAN, "Whether they get a mail.").default(|| true.into()),
//!     }
//! }
//! let refused = InviteBody::read(&Body::default()).map(|body| body.user_emails.len() + usize::from(body.notify_users));
//! assert!(refused.is_err(), "user_emails is required");
//! ```

mod change;
mod complaints;
mod field;
mod format;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) use self::format::rfc3339;
pub use self::{
    change::Change,
    complaints::{Complaints, MAX_COMPLAINTS},
    field::Field,
    format::{
        BOOLEAN, Complaint, EMAIL, Format, INTEGER, MAX_ITEMS, MOMENT, TEXT, UUID, blank_text, integer, list, one_of,
        text, text_item,
    },
};
use crate::Body;

/// Declares a request's body: a type whose fields are the body's, each with its [`Field`]. A field that is not required is an
/// `Option`, has a default, or is a [`Change`] with `#[serde(default)]`. A field that no handler reads is dead code to rustc.
#[macro_export]
macro_rules! body {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Body:ident {
            $($(#[$attribute:meta])* $field_vis:vis $name:ident: $type:ty = $field:expr),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, ::serde::Deserialize)]
        $vis struct $Body {
            $($(#[$attribute])* $field_vis $name: $type,)*
        }

        impl $Body {
            /// The declared fields, in order.
            $vis const FIELDS: &'static [$crate::Field] = &[$($field.named(stringify!($name))),*];

            /// Reads a body, or returns what is wrong with it.
            $vis fn read(body: &$crate::Body) -> Result<Self, $crate::fields::Complaints> {
                $crate::fields::read(body, Self::FIELDS)
            }
        }
    };
}

/// The fields of a body as a value of `T`, or the complaints about all of them. What is not among `fields` is ignored.
pub fn read<T: DeserializeOwned>(body: &Body, fields: &[Field]) -> Result<T, Complaints> {
    let mut complaints = Complaints::default();
    let mut values = Map::new();
    for field in fields {
        match field.read(body) {
            Ok(Some(value)) => {
                values.insert(field.name.to_owned(), value);
            }
            Ok(None) => {}
            Err(complaint) => complaints.set(field.name, complaint),
        }
    }
    complaints.finish()?;
    let values = serde_json::from_value(Value::Object(values));
    Ok(values.expect("what a declaration admits is of the type beside it: `malformed_requests` sends every field"))
}

#[cfg(test)]
mod tests;
