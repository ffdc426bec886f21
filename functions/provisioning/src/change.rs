//! A change to a field that may be null.

/// What becomes of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// The body does not name it.
    Keep,
    /// It gets this value, or none.
    To(Option<T>),
}

impl<T: Clone> Change<T> {
    /// Of a field that the body names, or does not.
    pub fn new(is_named: bool, value: Option<T>) -> Self {
        if is_named { Self::To(value) } else { Self::Keep }
    }

    /// The value after the change.
    pub fn over(&self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::To(value) => value.clone(),
        }
    }

    /// Whether the body names it.
    pub const fn is_named(&self) -> bool {
        matches!(self, Self::To(_))
    }
}
