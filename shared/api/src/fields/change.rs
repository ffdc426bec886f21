//! A change to a field that may be null.

use serde::{Deserialize, Deserializer};

/// Whether a field changes, and its new value. The field of a body has `#[serde(default)]`, so that it may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// The body does not have the field.
    #[default]
    Keep,
    /// The new value, or null.
    To(Option<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::To)
    }
}

impl<T: Clone> Change<T> {
    /// The value after the change; `before` is the one now.
    pub fn over(&self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::To(value) => value.clone(),
        }
    }

    /// Whether the body has the field.
    pub const fn is_named(&self) -> bool {
        matches!(self, Self::To(_))
    }
}
