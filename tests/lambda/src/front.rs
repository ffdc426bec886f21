//! A stand-in for API Gateway's HTTP API: routes as the transformed template declares them, events in format 2.0.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::Engine;
use license_domain::{Clock, Random};
use license_telemetry::{SystemClock, SystemRandom};
use license_template::RouteSpec;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::{
    policy::is_like,
    runtime::{Functions, InvokeError},
    sources::function_of,
    template::{API, Template, arn},
};

/// The largest request of API Gateway.
const REQUEST_BYTES: usize = 10 * 1024 * 1024;
/// API Gateway's timeout for a function.
const MAX_LENGTH: Duration = Duration::from_secs(30);
const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;

/// A route of the API, with the logical id of its function.
pub type Route = (RouteSpec, String);

/// A route's key in events.
fn key(route: &RouteSpec) -> String {
    if route.path == "$default" { route.path.clone() } else { format!("{} {}", route.method, route.path) }
}

/// The values of a path's parameters.
fn parameters(route: &RouteSpec, path: &str) -> Map<String, Value> {
    let given: Vec<&str> = path.split('/').collect();
    let wanted = route.path.split('/').enumerate();
    let named = wanted.filter_map(|(n, part)| Some((n, part.strip_prefix('{')?.strip_suffix('}')?)));
    let values = named.map(|(n, name)| match name.strip_suffix('+') {
        Some(name) => (name.to_owned(), json!(given.get(n..).unwrap_or_default().join("/"))),
        None => (name.to_owned(), json!(given.get(n))),
    });
    values.collect()
}

/// The routes of the API's definition, each with a permission to invoke its function.
pub fn routes(template: &Template) -> Vec<Route> {
    let (_, api) = template.resources("AWS::ApiGatewayV2::Api").next().expect("an API");
    let body = template.evaluate(&api["Body"]);
    let permissions: Vec<Value> =
        template.resources("AWS::Lambda::Permission").map(|(_, permission)| template.evaluate(permission)).collect();
    let mut routes = Vec::new();
    for (path, methods) in body["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let method = match method.as_str() {
                "x-amazon-apigateway-any-method" => "ANY".to_owned(),
                "parameters" => continue,
                method => method.to_uppercase(),
            };
            let integration = integration(&body, &operation["x-amazon-apigateway-integration"]);
            assert_eq!(integration["type"], "aws_proxy", "{method} {path}");
            assert_eq!(integration["payloadFormatVersion"], "2.0", "{method} {path}");
            let uri = integration["uri"].as_str().unwrap_or_default();
            let function = uri.split_once("/functions/").map(|(_, rest)| rest.trim_end_matches("/invocations"));
            let function = function.unwrap_or_else(|| panic!("{method} {path} calls {uri}"));
            let verb = if method == "ANY" { "*" } else { method.as_str() };
            let source = arn("execute-api", &format!("{API}/$default/{verb}{path}"));
            let is_allowed = permissions.iter().any(|permission| {
                let (name, pattern) = (permission["FunctionName"].as_str(), permission["SourceArn"].as_str());
                let named = name.unwrap_or_default();
                let is_this = named == function || arn("lambda", &format!("function:{named}")) == function;
                is_this && pattern.is_none_or(|pattern| is_like(pattern, &source))
            });
            assert!(is_allowed, "API Gateway may not invoke {function} for {method} {path}");
            let path = path.strip_prefix('/').filter(|path| *path == "$default").unwrap_or(path).to_owned();
            routes.push((RouteSpec { method, path }, function_of(function).to_owned()));
        }
    }
    routes
}

/// The integration itself, or the one to which it refers.
fn integration<'a>(body: &'a Value, integration: &'a Value) -> &'a Value {
    match integration["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => body.pointer(pointer).unwrap_or_else(|| panic!("nothing is at {pointer}")),
        None => integration,
    }
}

/// The route of a request: the most specific one.
pub fn route<'a>(routes: &'a [Route], method: &Method, path: &str) -> Option<&'a Route> {
    let matching = routes.iter().filter_map(|route| Some((route.0.matches(method.as_str(), path)?, route)));
    matching.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, route)| route)
}

struct Front {
    routes: Vec<Route>,
    functions: Functions,
}

/// Starts to serve; returns the API's URL.
pub async fn serve(routes: Vec<Route>, functions: Functions) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let front = Arc::new(Front { routes, functions });
    let app = Router::new().fallback(answer).layer(DefaultBodyLimit::max(REQUEST_BYTES)).with_state(front);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            eprintln!("the API stopped: {error}");
        }
    });
    url
}

async fn answer(
    State(front): State<Arc<Front>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let Ok(body) = body else { return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large") };
    let Some((route, id)) = route(&front.routes, &method, uri.path()) else {
        return message(StatusCode::NOT_FOUND, "Not Found");
    };
    let Some(function) = front.functions.get(id) else {
        return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    let event = event(route, &method, &uri, &headers, &body);
    match tokio::time::timeout(MAX_LENGTH, function.invoke(&event)).await {
        Ok(Ok(answer)) => {
            read(&answer).unwrap_or_else(|| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
        }
        Ok(Err(InvokeError::TimedOut)) | Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Ok(Err(error)) => {
            eprintln!("{id}: {method} {}: {error:?}", uri.path());
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

fn message(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json!({ "message": text }).to_string()).into_response()
}

/// The event in format 2.0.
fn event(route: &RouteSpec, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Value {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut joined = Map::new();
    for name in headers.keys().filter(|name| *name != header::COOKIE) {
        let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
        joined.insert(name.to_string(), json!(values.join(",")));
    }
    joined.insert("x-forwarded-for".to_owned(), json!("203.0.113.7"));
    joined.insert("x-forwarded-proto".to_owned(), json!("https"));
    joined.insert("x-amzn-trace-id".to_owned(), json!("Root=1-6924f0f0-0f1e2d3c4b5a69788796a5b4"));
    let cookies: Vec<String> = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| text(value).split("; ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let kind = headers.get(header::CONTENT_TYPE).map(text).unwrap_or_default();
    let is_text = kind.is_empty()
        || ["text/", "json", "xml", "javascript", "form-urlencoded"].iter().any(|part| kind.contains(part));
    let as_text = std::str::from_utf8(body).ok().filter(|_| is_text);
    let now = SystemClock.now();
    let mut event = json!({
        "version": "2.0",
        "routeKey": key(route),
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": joined,
        "requestContext": {
            "accountId": crate::template::ACCOUNT,
            "apiId": API,
            "domainName": format!("{API}.execute-api.us-east-1.amazonaws.com"),
            "domainPrefix": API,
            "http": {
                "method": method.as_str(), "path": uri.path(), "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7",
                "userAgent": headers.get(header::USER_AGENT).map(text).unwrap_or_default(),
            },
            "requestId": SystemRandom.uuid().simple().to_string(),
            "routeKey": key(route),
            "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": now.timestamp_millis(),
        },
        "isBase64Encoded": as_text.is_none(),
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let parameters = parameters(route, uri.path());
    if !parameters.is_empty() {
        event["pathParameters"] = Value::Object(parameters);
    }
    if let Some(query) = uri.query() {
        let mut all: Map<String, Value> = Map::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let joined = all.get(&*name).and_then(Value::as_str).map(|before| format!("{before},{value}"));
            all.insert(name.into_owned(), json!(joined.unwrap_or_else(|| value.into_owned())));
        }
        event["queryStringParameters"] = Value::Object(all);
    }
    if !body.is_empty() {
        event["body"] = json!(as_text.map_or_else(|| BASE64.encode(body), str::to_owned));
    }
    event
}

/// The response in a function's result.
fn read(answer: &Value) -> Option<Response> {
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok())?;
    let mut response = Response::builder().status(status);
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str()?);
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        response = response.header(header::SET_COOKIE, cookie.as_str()?);
    }
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true { BASE64.decode(body).ok()? } else { body.as_bytes().to_vec() };
    response.body(Body::from(body)).ok()
}
