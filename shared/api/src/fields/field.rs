//! One field of a body, or one parameter of a query string.

use std::borrow::Cow;

use serde_json::Value;

use super::{Complaint, Format};
use crate::Body;

/// A field: its name, what its value has to be like, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// What its value has to be like.
    pub format: Format,
    /// Whether it has to be there.
    pub is_required: bool,
    /// Whether null is a value.
    pub is_nullable: bool,
    /// What it means, for the API's document.
    pub text: &'static str,
    /// Its value where it is left out.
    pub default: Option<fn() -> Value>,
    /// Its value in the example of the whole request; without one, an optional field is not part of that.
    pub example: Option<fn() -> Value>,
}

impl Field {
    /// A field that is required. [`body!`](crate::body) names it.
    pub const fn new(format: Format, text: &'static str) -> Self {
        Self { name: "", format, is_required: true, is_nullable: false, text, default: None, example: None }
    }

    /// The same under that name.
    #[must_use]
    pub const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The same, and it may be left out.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { is_required: false, default: None, ..self }
    }

    /// The same, and it may be null.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { is_nullable: true, ..self }
    }

    /// The same, with that value where it is left out.
    #[must_use]
    pub const fn default(self, value: fn() -> Value) -> Self {
        Self { is_required: false, default: Some(value), ..self }
    }

    /// The same, with that value in the example of the whole request.
    #[must_use]
    pub const fn example(self, value: fn() -> Value) -> Self {
        Self { example: Some(value), ..self }
    }

    /// The body's value of the field in its canonical form, if there is one.
    pub(super) fn read(&self, body: &Body) -> Result<Option<Value>, Complaint> {
        let value = match body.0.get(self.name) {
            None if self.is_required => return Err("This field is required.".into()),
            None => return Ok(self.default.map(|default| default())),
            Some(Value::Null) if self.is_nullable => return Ok(Some(Value::Null)),
            Some(Value::Null) => return Err("This field may not be null.".into()),
            // One item of a list looks like a text in a form.
            Some(text @ Value::String(_)) if body.is_form() && matches!(self.format, Format::List { .. }) => {
                Cow::Owned(Value::Array(vec![text.clone()]))
            }
            Some(value) => Cow::Borrowed(value),
        };
        self.format.parse(&value).map(Some)
    }
}
