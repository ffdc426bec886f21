//! Schemas and examples of fields.

use license_domain::email::MAX_EMAIL_LENGTH;
use serde_json::{Map, Value, json};

use crate::{Field, fields::Format};

/// The schema of a parameter of the query string.
pub(super) fn query(field: &Field) -> Value {
    let mut schema = match field.format {
        Format::Boolean => json!({ "type": "string", "enum": ["true", "false"] }),
        other => format(other),
    };
    if let Some(default) = field.default {
        schema["default"] = Value::from(default().to_string());
    }
    schema
}

/// The schema of a body, or of an object in it, with an example.
fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    let required: Vec<&str> = fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The schema of a body. If an object's fields depend on the body's kind, it is a choice of several.
pub(super) fn body(fields: &[Field]) -> Value {
    let mut schema = object(fields);
    if let Some((name, kinds)) = kinds(fields) {
        let kind = |(kind, fields): (&str, Vec<Field>)| json!({ "title": kind, "properties": { "kind": { "const": kind }, name: object(&fields) } });
        schema["oneOf"] = kinds.into_iter().map(kind).collect();
    }
    schema
}

/// Examples of a body by name: one, or one for each kind.
pub fn examples(fields: &[Field]) -> Vec<(&'static str, Value)> {
    let plain = example(fields);
    let Some((name, kinds)) = kinds(fields) else { return vec![("example", plain)] };
    let of_kind = |(kind, fields): (&'static str, Vec<Field>)| {
        let mut value = plain.clone();
        (value["kind"], value[name]) = (json!(kind), example(&fields));
        (kind, value)
    };
    kinds.into_iter().map(of_kind).collect()
}

/// The field whose fields depend on the kind, with the fields of each kind.
#[expect(clippy::type_complexity, reason = "as the format has it")]
fn kinds(fields: &[Field]) -> Option<(&'static str, Vec<(&'static str, Vec<Field>)>)> {
    fields.iter().find_map(|field| match field.format {
        Format::ByKind(kinds) => Some((field.name, kinds())),
        _ => None,
    })
}

/// An example of a body: its required fields, and the optional ones that declare an example.
fn example(fields: &[Field]) -> Value {
    let named = fields.iter().filter(|field| field.is_required || field.example.is_some());
    Value::Object(named.map(|field| (field.name.to_owned(), example_of(field))).collect())
}

/// A valid value of the field.
pub fn example_of(field: &Field) -> Value {
    field.example.or(field.default).map_or_else(|| sample(field.format), |example| example())
}

fn property(field: &Field) -> Value {
    let mut schema = format(field.format);
    schema["description"] = json!(field.text);
    if field.is_nullable {
        schema["type"] = json!([schema["type"], "null"]);
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
    }
    if let Some(default) = field.default {
        schema["default"] = default();
    }
    if let Some(example) = field.example {
        schema["examples"] = json!([example()]);
    }
    schema
}

fn format(format_: Format) -> Value {
    match format_ {
        Format::Text { min, max, .. } => {
            let mut schema = json!({ "type": "string" });
            if min > 0 {
                schema["minLength"] = json!(min);
            }
            if max < usize::MAX {
                schema["maxLength"] = json!(max);
            }
            schema
        }
        Format::Email => json!({ "type": "string", "format": "email", "maxLength": MAX_EMAIL_LENGTH }),
        Format::Uuid => json!({ "type": "string", "format": "uuid" }),
        Format::Integer { min, max, .. } => {
            let mut schema = json!({ "type": "integer" });
            if min > i64::MIN {
                schema["minimum"] = json!(min);
            }
            if max < i64::MAX {
                schema["maximum"] = json!(max);
            }
            schema
        }
        Format::Boolean => json!({ "type": "boolean" }),
        Format::Moment => json!({ "type": "string", "format": "date-time" }),
        Format::OneOf { words, .. } => json!({ "type": "string", "enum": words() }),
        Format::List { items, has_null, min, max } => {
            let mut items = format(*items);
            if has_null {
                items["type"] = json!([items["type"], "null"]);
            }
            let mut schema = json!({ "type": "array", "items": items, "maxItems": max });
            if min > 0 {
                schema["minItems"] = json!(min);
            }
            schema
        }
        Format::ByKind(_) => json!({ "type": "object" }),
        Format::Unchecked(schema) => schema(),
    }
}

/// A valid value of the format.
fn sample(format: Format) -> Value {
    match format {
        Format::Text { min, .. } => json!("x".repeat(min.max(1))),
        Format::Email => json!("ann@example.com"),
        Format::Uuid => json!("11110000-0000-4000-8000-000000000001"),
        Format::Integer { min, .. } => json!(min.max(1)),
        Format::Boolean => json!(true),
        Format::Moment => json!("2027-01-01T00:00:00Z"),
        Format::OneOf { words, .. } => json!(words().first()),
        Format::List { items, .. } => json!([sample(*items)]),
        Format::ByKind(_) => json!({}),
        Format::Unchecked(schema) => schema()["examples"][0].clone(),
    }
}
