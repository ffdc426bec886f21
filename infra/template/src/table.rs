//! The table.

use serde_yaml_ng::Value;

use crate::{
    TemplateError,
    read::{Resource, list, text, texts, unexpected},
};

/// A table with its indexes. All key attributes are texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    pub id: String,
    /// The attributes that keys are made of.
    pub attributes: Vec<String>,
    pub key: KeySpec,
    pub indexes: Vec<IndexSpec>,
    /// The attribute with the expiration of items.
    pub ttl: Option<String>,
    /// The view of streamed changes, such as `NEW_IMAGE`; none without a stream.
    pub stream: Option<String>,
}

/// A key: both parts' attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    pub partition: String,
    pub sort: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSpec {
    pub name: String,
    pub key: KeySpec,
    /// The attributes that it contains.
    pub projection: Projection,
}

/// The attributes of an index besides keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    All,
    /// Nothing.
    KeysOnly,
    /// These attributes.
    Include(Vec<String>),
}

pub(crate) fn read(resources: &[Resource<'_>]) -> Result<TableSpec, TemplateError> {
    let mut tables = resources.iter().filter(|resource| resource.kind == "AWS::DynamoDB::Table");
    let (Some(table), None) = (tables.next(), tables.next()) else {
        return Err(unexpected("Resources", "do not have exactly one table"));
    };
    let properties = table.properties;
    let mut attributes = Vec::new();
    for attribute in list(properties, "AttributeDefinitions") {
        match (text(attribute, "AttributeName"), text(attribute, "AttributeType")) {
            (Some(name), Some("S")) => attributes.push(name.to_owned()),
            _ => return Err(unexpected(table.id, "has a key attribute that is no text")),
        }
    }
    let indexes = list(properties, "GlobalSecondaryIndexes").iter().map(index).collect::<Result<_, _>>()?;
    let ttl = properties.get("TimeToLiveSpecification").and_then(|ttl| text(ttl, "AttributeName"));
    let stream = properties.get("StreamSpecification").and_then(|stream| text(stream, "StreamViewType"));
    Ok(TableSpec {
        id: table.id.to_owned(),
        attributes,
        key: key(table.id, list(properties, "KeySchema"))?,
        indexes,
        ttl: ttl.map(str::to_owned),
        stream: stream.map(str::to_owned),
    })
}

fn index(value: &Value) -> Result<IndexSpec, TemplateError> {
    let name = text(value, "IndexName").ok_or_else(|| unexpected("an index", "has no name"))?;
    let schema = value.get("KeySchema").and_then(Value::as_sequence).map_or(&[][..], Vec::as_slice);
    let projection = value.get("Projection");
    let kind = projection.and_then(|projection| text(projection, "ProjectionType"));
    let projection = match (kind, projection.and_then(|projection| projection.get("NonKeyAttributes"))) {
        (Some("ALL"), None) => Projection::All,
        (Some("KEYS_ONLY"), None) => Projection::KeysOnly,
        (Some("INCLUDE"), Some(names)) => Projection::Include(texts(names)),
        _ => return Err(unexpected(name, "has a projection that is not understood")),
    };
    Ok(IndexSpec { name: name.to_owned(), key: key(name, schema)?, projection })
}

fn key(place: &str, schema: &[Value]) -> Result<KeySpec, TemplateError> {
    let part = |kind: &str| {
        let part = schema.iter().find(|part| text(part, "KeyType") == Some(kind));
        part.and_then(|part| text(part, "AttributeName")).map(str::to_owned)
    };
    match (part("HASH"), part("RANGE")) {
        (Some(partition), Some(sort)) => Ok(KeySpec { partition, sort }),
        _ => Err(unexpected(place, "has no key of two parts")),
    }
}
