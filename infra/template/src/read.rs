//! Reads YAML with CloudFormation's tags.

use serde_yaml_ng::{Mapping, Value};

use crate::TemplateError;

/// A resource: its logical id, type and properties.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub body: &'a Mapping,
    pub properties: &'a Mapping,
}

pub(crate) fn resources(document: &Value) -> Result<Vec<Resource<'_>>, TemplateError> {
    let all = document.get("Resources").and_then(Value::as_mapping);
    let all = all.ok_or_else(|| unexpected("Resources", "are missing"))?;
    let mut found = Vec::with_capacity(all.len());
    for (id, body) in all {
        let id = id.as_str().ok_or_else(|| unexpected("Resources", "have an id that is no text"))?;
        let body = body.as_mapping().ok_or_else(|| unexpected(id, "is no mapping"))?;
        let kind = body.get("Type").and_then(Value::as_str).ok_or_else(|| unexpected(id, "has no type"))?;
        let properties =
            body.get("Properties").and_then(Value::as_mapping).ok_or_else(|| unexpected(id, "has no properties"))?;
        found.push(Resource { id, kind, body, properties });
    }
    Ok(found)
}

pub(crate) fn unexpected(place: impl Into<String>, problem: &'static str) -> TemplateError {
    TemplateError::Unexpected { place: place.into(), problem }
}

/// The texts of a list, or a single text in its place. Tagged values (`!Ref …`) are not texts.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Sequence(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The list under that name; empty where there is none.
pub(crate) fn list<'a>(mapping: &'a Mapping, name: &str) -> &'a [Value] {
    mapping.get(name).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

/// The text under that name.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// A text, also after a tag (`!Sub …`).
pub(crate) fn tagged_text(value: &Value) -> Option<&str> {
    match value {
        Value::Tagged(tagged) => tagged.value.as_str(),
        other => other.as_str(),
    }
}
