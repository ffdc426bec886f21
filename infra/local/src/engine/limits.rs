//! Limits of DynamoDB that the embedded engine does not check: the lengths of an index's keys. A write beyond them
//! fails here as it fails on AWS, before it reaches the engine. The engine itself checks the other limits: keys of the
//! table, items, transactions.

use std::sync::LazyLock;

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use license_template::Template;
use serde_json::{Value, json};

/// The longest partition key, in bytes.
const MAX_PARTITION_KEY: usize = 2_048;

/// The longest sort key, in bytes.
const MAX_SORT_KEY: usize = 1_024;

const PARTITION_KEY_TOO_LONG: &str =
    "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes";
const SORT_KEY_TOO_LONG: &str = "One or more parameter values were invalid: \
                                 Aggregated size of all range keys has exceeded the size limit of 1024 bytes";

/// The attributes that are keys of indexes: partition keys, and sort keys.
static INDEX_KEYS: LazyLock<(Vec<String>, Vec<String>)> = LazyLock::new(|| {
    let template = Template::embedded().expect("the template is part of this program, and the runner has read it");
    template.table().indexes.iter().map(|index| (index.key.partition.clone(), index.key.sort.clone())).unzip()
});

/// The error for an attribute with so many bytes, if it is too long.
pub(super) fn refusal(attribute: &str, bytes: usize) -> Option<&'static str> {
    if bytes <= MAX_SORT_KEY {
        return None;
    }
    let (partitions, sorts) = &*INDEX_KEYS;
    if sorts.iter().any(|name| name == attribute) {
        return Some(SORT_KEY_TOO_LONG);
    }
    let is_too_long = bytes > MAX_PARTITION_KEY && partitions.iter().any(|name| name == attribute);
    is_too_long.then_some(PARTITION_KEY_TOO_LONG)
}

/// The client's connection to the table, which checks these limits first.
#[derive(Debug)]
pub(crate) struct Limited<T>(pub T);

impl Limited<SharedHttpClient> {
    pub(crate) fn shared(self) -> SharedHttpClient {
        SharedHttpClient::new(self)
    }
}

impl HttpClient for Limited<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Limited(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Limited<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match refused(&request) {
            Some(message) => HttpConnectorFuture::ready(Ok(validation_error(message))),
            None => self.0.call(request),
        }
    }
}

fn validation_error(message: &str) -> HttpResponse {
    let body = json!({ "__type": "com.amazon.coral.validate#ValidationException", "message": message });
    let status = StatusCode::try_from(400).expect("a status");
    HttpResponse::new(status, body.to_string().into())
}

fn refused(request: &HttpRequest) -> Option<&'static str> {
    let (_, operation) = request.headers().get("x-amz-target")?.split_once('.')?;
    let body = request.body().bytes().filter(|body| body.len() > MAX_SORT_KEY)?;
    let is_write = matches!(operation, "PutItem" | "UpdateItem" | "BatchWriteItem" | "TransactWriteItems");
    if !is_write || !has_long_text(body) {
        return None;
    }
    refused_write(operation, &serde_json::from_slice(body).ok()?)
}

/// Whether any text in the JSON could be too long for a key. Most requests have none, and are not parsed.
fn has_long_text(json: &[u8]) -> bool {
    json.split(|byte| *byte == b'"').any(|part| part.len() > MAX_SORT_KEY)
}

fn refused_write(operation: &str, body: &Value) -> Option<&'static str> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    match operation {
        "PutItem" => put(&body["Item"]),
        "UpdateItem" => update(body),
        "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object()?.values();
            tables.flat_map(list).find_map(|write| put(&write["PutRequest"]["Item"]))
        }
        _ => list(&body["TransactItems"])
            .iter()
            .find_map(|write| put(&write["Put"]["Item"]).or(update(&write["Update"]))),
    }
}

fn put(item: &Value) -> Option<&'static str> {
    item.as_object()?.iter().find_map(|(name, value)| refusal(name, text_length(value)))
}

/// Checks the attributes that an update sets to values of the request: `#name = :value`.
fn update(update: &Value) -> Option<&'static str> {
    let expression = update["UpdateExpression"].as_str()?.replace('=', " = ").replace(',', " ");
    let words: Vec<&str> = expression.split_whitespace().collect();
    words.windows(3).filter(|words| words[1] == "=").find_map(|words| {
        let name = update["ExpressionAttributeNames"][words[0]].as_str().unwrap_or(words[0]);
        refusal(name, text_length(&update["ExpressionAttributeValues"][words[2]]))
    })
}

fn text_length(value: &Value) -> usize {
    value["S"].as_str().map_or(0, str::len)
}
