//! Classifies personal data: the class of every stored attribute and every field of the API, by its name. A name has
//! the same meaning everywhere.
//!
//! The following derive from this table: what retirement erases, what logs mask, what an event on the bus may contain,
//! `docs/pii.md`, and `x-pii` in the OpenAPI document. A test compares it with the table's items and with the document.

use schemars::JsonSchema;
use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::pii::Pii::{Identifier, Personal, Secret};

mod names;

/// How a field relates to a person.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum Pii {
    /// It says nothing about a person.
    None,
    /// It names a person for those who have other records: a user name, a number in the LMS, a person id.
    Identifier,
    /// It is an address, or a text that may hold one.
    Personal,
    /// Who has it may act with it: keys, links, passwords. It is never logged.
    Secret,
}

impl Pii {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Whether logs mask it.
    pub const fn is_masked(self) -> bool {
        matches!(self, Personal | Secret)
    }

    /// Whether retirement erases it from records that stay.
    pub const fn is_erased(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// The class of an attribute or field of that name; none where the name is not classified.
pub fn class_of(name: &str) -> Option<Pii> {
    let of = |names: &[&str]| names.contains(&name);
    if of(names::SECRET) {
        Some(Secret)
    } else if of(names::PERSONAL) {
        Some(Personal)
    } else if of(names::IDENTIFIER) {
        Some(Identifier)
    } else {
        of(names::NONE).then_some(Pii::None)
    }
}

/// All names of a class.
pub const fn names_of(class: Pii) -> &'static [&'static str] {
    match class {
        Pii::None => names::NONE,
        Identifier => names::IDENTIFIER,
        Personal => names::PERSONAL,
        Secret => names::SECRET,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_has_one_class_and_the_lists_are_sorted() {
        let all: Vec<&str> = Pii::ALL.iter().flat_map(|class| names_of(*class)).copied().collect();
        let different: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), different.len());
        for class in Pii::ALL {
            assert!(names_of(*class).is_sorted(), "the names of {} are sorted", class.as_str());
            assert!(names_of(*class).iter().all(|name| class_of(name) == Some(*class)));
        }
    }
}
