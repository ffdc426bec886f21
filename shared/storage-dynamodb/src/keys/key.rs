//! Primary keys and index keys, and how they lie in an item.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::ARCHIVED;

/// Names of the key attributes, as the template declares them.
pub const PK: &str = "pk";
/// The table's sort key.
pub const SK: &str = "sk";
/// The attribute by which expired items are deleted.
pub const TTL: &str = "ttl";
/// The plan's list index.
pub const GSI1: &str = "gsi1";
/// The index of the operator's lists.
pub const GSI2: &str = "gsi2";
/// The index of licenses by id, and of items that become due.
pub const GSI3: &str = "gsi3";

/// The prefixes of the partitions of persons.
pub(crate) const PERSONAL_PREFIXES: [&str; 2] = ["LEARNER#", "LMS#"];

/// The sort key of the only or main item of a partition.
pub(super) const HEAD: &str = "@";

/// An item's primary key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

/// An item in DynamoDB's own form.
pub type Item = HashMap<String, AttributeValue>;

impl Key {
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(super) fn head(pk: impl Into<String>) -> Self {
        Self::new(pk, HEAD)
    }

    pub fn attributes(&self) -> Item {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }

    /// The key of an item that was read.
    pub fn of(item: &Item) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        Some(Self { pk: text(PK)?, sk: text(SK)? })
    }

    /// Whether the license is archived beside its learner's slot.
    pub fn is_archived(&self) -> bool {
        self.sk.contains(ARCHIVED)
    }

    /// Whether the key contains personal data, so that it must not be logged.
    pub fn is_personal(&self) -> bool {
        PERSONAL_PREFIXES.iter().any(|prefix| self.pk.starts_with(prefix))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexKey {
    pub(super) index: &'static str,
    pub(super) pk: String,
    pub(super) sk: String,
}

impl IndexKey {
    pub fn put(&self, item: &mut Item) {
        item.insert(format!("{}pk", self.index), AttributeValue::S(self.pk.clone()));
        item.insert(format!("{}sk", self.index), AttributeValue::S(self.sk.clone()));
    }

    /// The attributes' names and values, for update expressions.
    pub fn pairs(&self) -> [(String, String); 2] {
        [(format!("{}pk", self.index), self.pk.clone()), (format!("{}sk", self.index), self.sk.clone())]
    }
}

/// An item's sort key in that index, or in the table itself if the name is empty.
pub fn sort_key_in<'a>(item: &'a Item, index: &str) -> Option<&'a str> {
    item.get(&format!("{index}sk"))?.as_s().ok().map(String::as_str)
}

/// An item's position in that index, likewise: a Query begins after it.
pub fn position_in(item: &Item, index: &str) -> Item {
    let of_index = key_names(index).into_iter().filter(|_| !index.is_empty());
    let names = [PK.to_owned(), SK.to_owned()].into_iter().chain(of_index);
    names.filter_map(|name| item.get_key_value(&name).map(|(name, value)| (name.clone(), value.clone()))).collect()
}

/// The names of an index's key attributes: an item without them is not in the index.
pub fn key_names(index: &str) -> [String; 2] {
    [format!("{index}pk"), format!("{index}sk")]
}

/// Whether an attribute of that name is part of a key.
pub fn is_key(name: &str) -> bool {
    [PK, SK].contains(&name) || [GSI1, GSI2, GSI3].iter().any(|index| name.starts_with(index))
}
