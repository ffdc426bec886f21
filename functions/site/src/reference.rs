//! The API's document as people read it: grouped by what an operation is about, and each operation once, though many have a
//! second path without `/api/v1`.

use serde_json::{Map, Value, json};

const PREFIX: &str = "/api/v1";

/// The groups in their order, with what they are.
const GROUPS: [(&str, &str); 9] = [
    ("Customer agreements", "What a company has agreed with one customer."),
    ("Plans", "Plans of an agreement, and products."),
    ("Renewals", "Which plan follows another."),
    ("Licenses", "Licenses of a plan: assigning, revoking, reminding, lists."),
    ("Learners", "What a learner sees and does."),
    ("Jobs", "Work on many rows."),
    ("Webhooks", "Where a customer hears of changes."),
    ("Support", "Look-ups, mails and retirement."),
    ("Service", "Health and this document."),
];

pub fn folded(mut document: Value) -> Value {
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    let mut kept = Map::new();
    for (path, item) in &paths {
        if !path.starts_with(PREFIX) && paths.get(&format!("{PREFIX}{path}")).is_some_and(|other| covers(other, item)) {
            continue;
        }
        let mut item = item.clone();
        let short = path.strip_prefix(PREFIX).filter(|short| paths.contains_key(*short));
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let Some(operation) = operation.as_object_mut() else { continue };
            operation.insert("tags".to_owned(), json!([group(path)]));
            if let Some(short) = short.filter(|short| paths[*short].get(method).is_some()) {
                let text = operation.get("description").and_then(Value::as_str).unwrap_or_default();
                let text = format!("{text}\n\nAlso at `{short}`.");
                operation.insert("description".to_owned(), json!(text.trim_start()));
            }
        }
        kept.insert(path.clone(), item);
    }
    document["paths"] = Value::Object(kept);
    let tag = |(name, description): &(&str, &str)| json!({ "name": name, "description": description });
    document["tags"] = GROUPS.iter().map(tag).collect();
    document
}

/// Whether every method of the one path is a method of the other.
fn covers(other: &Value, item: &Value) -> bool {
    item.as_object().is_some_and(|methods| methods.keys().all(|method| other.get(method).is_some()))
}

/// What an operation is about, by its path.
fn group(path: &str) -> &'static str {
    let rest = path.strip_prefix(PREFIX).unwrap_or(path).trim_matches('/');
    let segments: Vec<&str> = rest.split('/').filter(|segment| *segment != "provisioning-admins").collect();
    let first = segments.first().copied().unwrap_or_default();
    if segments.contains(&"webhooks") {
        return "Webhooks";
    }
    match first {
        "customer-agreement" | "customer-agreements" => "Customer agreements",
        "subscription-plan-renewals" => "Renewals",
        "subscriptions" if segments.iter().any(|segment| matches!(*segment, "licenses" | "license")) => "Licenses",
        "subscriptions" | "products" | "plan-types" => "Plans",
        "licenses" | "bulk-license-enrollment" => "Licenses",
        "learner-licenses" | "learner-subscriptions" | "license-activation" | "license-subsidy" => "Learners",
        "jobs" => "Jobs",
        "admin-license-view" | "mails" | "retire_user" | "staff_lookup_licenses" => "Support",
        _ => "Service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::TEXT;

    #[test]
    fn each_operation_is_there_once_and_in_a_group_that_is_described() {
        let document: Value = serde_json::from_str(TEXT).expect("JSON");
        let folded = folded(document.clone());
        let paths = |document: &Value| document["paths"].as_object().expect("paths").clone();
        let (all, kept) = (paths(&document), paths(&folded));
        assert!(kept.len() < all.len() && kept.keys().all(|path| all.contains_key(path)));
        for (path, item) in &all {
            for method in item.as_object().expect("methods").keys() {
                let long = format!("{PREFIX}{path}");
                let is_there = |path: &str| kept.get(path).is_some_and(|item| item.get(method).is_some());
                assert!(is_there(path) != is_there(&long) || path.starts_with(PREFIX), "{method} {path}");
            }
        }
        let short = &folded["paths"]["/api/v1/subscriptions/{plan}/licenses/"]["get"];
        assert_eq!(short["tags"], json!(["Licenses"]));
        let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
        for operation in kept.values().flat_map(|item| item.as_object().expect("methods").values()) {
            assert!(names.contains(&operation["tags"][0].as_str().expect("a group")), "{operation}");
        }
        for name in names {
            assert!(kept.keys().any(|path| group(path) == name), "{name} is empty");
        }
    }
}
