//! The fields of a record that a change touched.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Changed fields by their names.
pub type Changes = BTreeMap<String, FieldChange>;

/// One field's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// What was there; null where there was nothing.
    #[serde(default)]
    pub before: Value,
    /// What is there; null where there is nothing.
    #[serde(default)]
    pub after: Value,
}

/// The fields in which two versions of a record differ, except those `left_out`. All fields of a record that is created
/// or deleted differ.
pub fn changes<T: Serialize>(before: Option<&T>, after: Option<&T>, left_out: &[&str]) -> Changes {
    let (before, after) = (fields(before), fields(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let at = |fields: &Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .filter(|name| !left_out.contains(&name.as_str()))
        .map(|name| (name.clone(), FieldChange { before: at(&before, name), after: at(&after, name) }))
        .filter(|(_, change)| change.before != change.after)
        .collect()
}

/// The record as it was before those changes.
pub fn undo(record: &mut Map<String, Value>, changes: &Changes) {
    for (name, change) in changes {
        if change.before.is_null() {
            record.remove(name);
        } else {
            record.insert(name.clone(), change.before.clone());
        }
    }
}

fn fields<T: Serialize>(record: Option<&T>) -> Map<String, Value> {
    match record.map(serde_json::to_value) {
        Some(Ok(Value::Object(fields))) => fields,
        // Records are structs with text keys, so they are objects.
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn undoing_the_changes_restores_the_record() {
        let (before, after) =
            (json!({"a": 1, "b": "x", "gone": true}), json!({"a": 2, "b": "x", "new": null, "c": []}));
        let changes = changes(Some(&before), Some(&after), &["c"]);
        assert_eq!(changes.keys().collect::<Vec<_>>(), ["a", "gone"]);
        let mut record = after.as_object().expect("an object").clone();
        undo(&mut record, &changes);
        assert_eq!(Value::Object(record), json!({"a": 1, "b": "x", "gone": true, "new": null, "c": []}));
    }

    #[test]
    fn a_new_record_differs_in_everything() {
        let made = changes(None, Some(&json!({"a": 1, "b": null})), &[]);
        assert_eq!(made.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(made["a"].before, Value::Null);
    }
}
