//! The table's engine in tests: the embedded one, or the DynamoDB Local that `DYNAMODB_TEST_ENDPOINT` names, which
//! refuses some requests that the embedded one accepts. infra/dynamodb-local.sh runs the tests over it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use license_local::{
    StartError,
    engine::{Engine, IsRead, TableStream},
    table,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The URL of DynamoDB Local.
const ENDPOINT: &str = "DYNAMODB_TEST_ENDPOINT";

/// Whether the tests run over DynamoDB Local.
pub fn is_used() -> bool {
    std::env::var_os(ENDPOINT).is_some()
}

/// An empty engine.
pub async fn engine() -> Engine {
    let Ok(endpoint) = std::env::var(ENDPOINT) else { return Engine::start(None).await.expect("the engine starts") };
    let database = Arc::new(Database::new(endpoint));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(forward).with_state(database.clone());
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            eprintln!("the way to DynamoDB Local ended: {error}");
        }
    });
    Engine::elsewhere(url, database)
}

/// DynamoDB Local keeps a database for each access key, so each test has its own.
#[derive(Debug)]
struct Database {
    endpoint: String,
    authorization: HeaderValue,
    http: reqwest::Client,
}

impl Database {
    fn new(endpoint: String) -> Self {
        static DATABASES: AtomicUsize = AtomicUsize::new(0);
        let key = format!("test{}x{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
        let scope = format!("{key}/20261124/us-east-1/dynamodb/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
        let authorization = HeaderValue::from_str(&signature).expect("a header");
        Self { endpoint, authorization, http: reqwest::Client::new() }
    }

    async fn send(&self, target: &HeaderValue, body: Vec<u8>) -> reqwest::Result<reqwest::Response> {
        let request = self.http.post(&self.endpoint).header(header::AUTHORIZATION, &self.authorization);
        request
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .body(body)
            .send()
            .await
    }

    async fn call(&self, operation: &str, body: Value) -> Result<Value, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Engine(format!("{operation}: {error}"));
        let target = format!("DynamoDBStreams_20120810.{operation}");
        let target = HeaderValue::from_str(&target).map_err(|error| failed(&error))?;
        let answer = self.send(&target, body.to_string().into_bytes()).await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body: Value =
            answer.bytes().await.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
        if status.is_success() { Ok(body) } else { Err(failed(&body)) }
    }
}

async fn forward(State(database): State<Arc<Database>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").cloned().unwrap_or_else(|| HeaderValue::from_static(""));
    let Ok(answer) = database.send(&target, body.to_vec()).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let status = answer.status();
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}

#[async_trait]
impl TableStream for Database {
    async fn changes(&self, after: Option<&str>, most: usize, _: IsRead<'_>) -> Result<Vec<Value>, StartError> {
        let streams = self.call("ListStreams", json!({ "TableName": table::NAME })).await?;
        let Some(arn) = streams["Streams"][0]["StreamArn"].as_str() else { return Ok(Vec::new()) };
        let stream = self.call("DescribeStream", json!({ "StreamArn": arn })).await?;
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u128>().ok());
        let after_number = after.and_then(|text| text.parse::<u128>().ok());
        let mut changes = Vec::new();
        for shard in stream["StreamDescription"]["Shards"].as_array().into_iter().flatten() {
            let range = &shard["SequenceNumberRange"];
            let (first, last) = (number(&range["StartingSequenceNumber"]), number(&range["EndingSequenceNumber"]));
            if last.zip(after_number).is_some_and(|(last, after)| last <= after) {
                continue;
            }
            let mut at = json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
            if let Some(after) = after.filter(|_| first <= after_number) {
                at["ShardIteratorType"] = json!("AFTER_SEQUENCE_NUMBER");
                at["SequenceNumber"] = json!(after);
            }
            let at = self.call("GetShardIterator", at).await?;
            let read = json!({ "ShardIterator": at["ShardIterator"], "Limit": most });
            let records = self.call("GetRecords", read).await?;
            changes.extend(records["Records"].as_array().cloned().unwrap_or_default());
            if !changes.is_empty() {
                break;
            }
        }
        Ok(changes)
    }
}
