//! One field of a body, or one parameter of a query string.

use std::borrow::Cow;

use serde_json::Value;

use super::{Complaint, Format};
use crate::Body;

/// A field: its name, the format of its value, and its description.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub format: Format,
    /// Whether the field is required.
    pub is_required: bool,
    pub is_nullable: bool,
    /// The description in the OpenAPI document.
    pub text: &'static str,
    /// The default value.
    pub default: Option<fn() -> Value>,
    /// Its value in the example of the whole request; an optional field without one is left out of the example.
    pub example: Option<fn() -> Value>,
}

impl Field {
    /// A required field. [`body!`](crate::body) gives it its name.
    pub const fn new(format: Format, text: &'static str) -> Self {
        Self { name: "", format, is_required: true, is_nullable: false, text, default: None, example: None }
    }

    /// A copy with this name.
    #[must_use]
    pub const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// A copy that may be left out.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { is_required: false, default: None, ..self }
    }

    /// A copy that may be null.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { is_nullable: true, ..self }
    }

    /// A copy with a default value.
    #[must_use]
    pub const fn default(self, value: fn() -> Value) -> Self {
        Self { is_required: false, default: Some(value), ..self }
    }

    /// A copy with this value in the example of the whole request.
    #[must_use]
    pub const fn example(self, value: fn() -> Value) -> Self {
        Self { example: Some(value), ..self }
    }

    /// The field's value from the body in canonical form, if it is there.
    pub(super) fn read(&self, body: &Body) -> Result<Option<Value>, Complaint> {
        let value = match body.0.get(self.name) {
            None if self.is_required => return Err("This field is required.".into()),
            None => return Ok(self.default.map(|default| default())),
            Some(Value::Null) if self.is_nullable => return Ok(Some(Value::Null)),
            Some(Value::Null) => return Err("This field may not be null.".into()),
            // In a form, a list of one item cannot be distinguished from a text.
            Some(text @ Value::String(_)) if body.is_form() && matches!(self.format, Format::List { .. }) => {
                Cow::Owned(Value::Array(vec![text.clone()]))
            }
            Some(value) => Cow::Borrowed(value),
        };
        self.format.parse(&value).map(Some)
    }
}
