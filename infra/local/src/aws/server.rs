//! AWS's protocols, as far as the product uses them: JSON with the operation in a header. Signatures are not verified.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use super::Aws;

pub fn router(aws: Aws) -> Router {
    Router::new().route("/", post(respond)).route("/v2/email/outbound-emails", post(mail)).with_state(aws)
}

async fn respond(State(aws): State<Aws>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let call: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let result = match (service, operation) {
        ("AmazonSQS", operation) => aws.queue_call(operation, &call),
        ("AWSEvents", "PutEvents") => aws.put_events(&call),
        ("secretsmanager", "GetSecretValue") => aws.get_secret(&call),
        ("AmazonSSM", "GetParameter") => aws.get_parameter(&call),
        _ => Err(format!("{target:?} is not stood in for")),
    };
    finish(result)
}

async fn mail(State(aws): State<Aws>, body: Bytes) -> Response {
    finish(aws.send_email(&serde_json::from_slice(&body).unwrap_or_default()))
}

fn finish(result: Result<Value, String>) -> Response {
    let json = |status: StatusCode, body: &Value| {
        (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], body.to_string()).into_response()
    };
    match result {
        Ok(body) => json(StatusCode::OK, &body),
        Err(message) => json(
            StatusCode::BAD_REQUEST,
            &json!({ "__type": "com.amazonaws#InvalidParameterValue", "message": message }),
        ),
    }
}
