//! `x-pii`: the class of each field and parameter that holds personal data.

use license_domain::{Pii, pii::class_of};
use serde_json::{Map, Value, json};

/// Adds `x-pii` to every property and parameter of a document.
pub(super) fn mark(document: &mut Value) {
    each_field(document, &mut |name, field| {
        if let Some(class) = class_of(name).filter(|class| *class != Pii::None) {
            field.insert("x-pii".to_owned(), json!(class));
        }
    });
}

/// The names of all properties and parameters of a document.
pub fn fields(document: &Value) -> Vec<String> {
    let mut names = Vec::new();
    each_field(&mut document.clone(), &mut |name, _| names.push(name.to_owned()));
    names.sort_unstable();
    names.dedup();
    names
}

fn each_field(value: &mut Value, see: &mut impl FnMut(&str, &mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match (name.as_str(), value) {
                    // Examples and defaults are values and have no properties.
                    ("example" | "examples" | "default", _) => {}
                    ("properties", Value::Object(properties)) => {
                        for (name, property) in properties {
                            // The schema `true` (any value) has no room for a mark.
                            match property {
                                Value::Object(schema) => see(name, schema),
                                _ => see(name, &mut Map::new()),
                            }
                            each_field(property, see);
                        }
                    }
                    ("parameters", Value::Array(parameters)) => {
                        for parameter in parameters.iter_mut().filter_map(Value::as_object_mut) {
                            if let Some(name) = parameter.get("name").and_then(Value::as_str).map(str::to_owned) {
                                see(&name, parameter);
                            }
                        }
                    }
                    (_, value) => each_field(value, see),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each_field(value, see)),
        _ => {}
    }
}
