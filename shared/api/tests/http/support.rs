//! What the tests of the HTTP layer share: a small API behind [`license_api::Endpoints`], tokens, and a clock that
//! tests set.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{
    Json, Router,
    body::Body,
    extract::{FromRef, Path},
    http::{HeaderMap, Request, StatusCode, header},
};
use license_api::{
    ADMINS, ApiError, ApiSettings, AppState, Doc, Endpoints, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ENTERPRISE},
    id,
};
use license_domain::{Clock, EnterpriseId, JobId, Random, RoleGrant, RoleName, Scope, Timestamp};
use license_storage::{
    Change, Idempotency, IdempotencyKey, IdempotencyRecord, IdempotencyRecords, RequestCount, RequestCounts,
    StoreError, StoredUser, Users,
};

use serde_json::{Value, json};
use tower::ServiceExt;

pub const ADMIN: &str = "enterprise_admin:00000000-0000-0000-0000-0000000000ea";
pub const LEARNER: &str = "enterprise_learner:00000000-0000-0000-0000-0000000000ea";
pub const THINGS: &str = "/api/v1/things/";
pub const THING: &str = "/api/v1/things/00000000-0000-0000-0000-0000000000ea/";

/// A clock that tests set.
#[derive(Debug)]
pub struct Standing(Mutex<Timestamp>);

impl Standing {
    pub fn at(text: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(text.parse().expect("a date"))))
    }

    pub fn advance(&self, seconds: i64) {
        *self.0.lock().expect("not poisoned") += chrono::TimeDelta::seconds(seconds);
    }
}

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }
}

#[derive(Debug)]
struct Sevens;

impl Random for Sevens {
    fn bits(&self) -> u128 {
        7
    }
}

/// Stored users: `root` passes every check, `dora` administers everything, `down` makes the store fail.
#[derive(Debug)]
struct OnRecord;

#[async_trait]
impl Users for OnRecord {
    async fn user(&self, username: &str) -> Result<StoredUser, StoreError> {
        let everything = RoleGrant { role: RoleName::SubscriptionsAdmin, scope: Scope::All };
        match username {
            "root" => Ok(StoredUser { is_superuser: true, grants: Vec::new() }),
            "dora" => Ok(StoredUser { is_superuser: false, grants: vec![everything] }),
            "down" => Err(StoreError::Unavailable { operation: "Query", cause: "secret words".to_owned() }),
            _ => Ok(StoredUser::default()),
        }
    }
}

#[async_trait]
impl IdempotencyRecords for OnRecord {
    async fn find(&self, _: &IdempotencyKey) -> Result<Option<IdempotencyRecord>, StoreError> {
        Ok(None)
    }

    async fn take_over(&self, _: &Idempotency, _: &IdempotencyRecord, _: Timestamp) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn record(&self, _: &Change) -> Result<(), StoreError> {
        Ok(())
    }

    async fn record_run_end(&self, _: &Change, _: JobId) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl RequestCounts for OnRecord {
    async fn count(&self, _: &str, _: Timestamp) -> Result<RequestCount, StoreError> {
        Ok(RequestCount::default())
    }
}

#[derive(Clone, Debug)]
struct Context(AppState);

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.0.clone()
    }
}

const DOC: &Doc = &Doc { summary: "A thing", query: &[], body: &[], answers: &[] };

const fn route(method: &'static str, path: &'static str, listing: bool) -> Route {
    let missing = if listing { RequiredPermission::Unnamed } else { RequiredPermission::Admin };
    Route { method, path, access: RouteAccess::Roles { roles: ADMINS, listing, missing }, doc: DOC }
}

const LIST: Route = route("GET", THINGS, true);
const ONE: Route = route("GET", "/api/v1/things/{thing}/", false);
const MAKE: Route = route("POST", "/api/v1/things/{thing}/", false);
/// A path that does not show its formats.
const RESULTS: Route = route("GET", "/api/v1/results/", true);
const TABLE_DOC: &Doc = &Doc { query: &[doc::FORMAT], ..*DOC };
const TABLE: Route = Route { doc: TABLE_DOC, ..route("GET", "/api/v1/table/", true) };
const BREAK: Route =
    Route { method: "GET", path: "/break/", access: RouteAccess::Anyone { is_counted: true }, doc: DOC };

async fn list(requester: Requester, params: Params) -> Result<Json<Value>, ApiError> {
    requester.require_listing(ADMINS)?;
    let enterprise: Option<EnterpriseId> = params.uuid(&ENTERPRISE)?;
    Ok(Json(json!({ "enterprise": enterprise, "request": requester.request_id, "padding": "x".repeat(2000) })))
}

async fn one(requester: Requester, Path(thing): Path<String>) -> Result<Json<Value>, ApiError> {
    requester.require(ADMINS, Some(id(&thing)?), RequiredPermission::Admin)?;
    Ok(Json(json!({ "thing": thing })))
}

async fn make(
    requester: Requester,
    Path(thing): Path<String>,
    body: Result<license_api::Body, ApiError>,
) -> Result<Json<Value>, ApiError> {
    requester.require(ADMINS, Some(id(&thing)?), RequiredPermission::Admin)?;
    Ok(Json(Value::Object(body?.0)))
}

async fn broken() -> StatusCode {
    panic!("as meant")
}

/// The API, configured with these variables.
pub fn api(clock: &Arc<Standing>, variables: &[(&str, &str)]) -> Router {
    let settings = ApiSettings::from_lookup(|name| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    });
    let web = AppState::new(&settings.expect("settings"), Arc::new(OnRecord), clock.clone(), Arc::new(Sevens));
    Endpoints::new()
        .add(LIST, list)
        .add(ONE, one)
        .add(MAKE, make)
        .add(RESULTS, list)
        .add(TABLE, list)
        .named("Table of Things")
        .add(BREAK, broken)
        .router(Context(web.expect("a client")))
}

#[derive(Debug)]
pub struct TestResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl TestResponse {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// Sends a request; `headers` are pairs of name and value.
pub async fn ask(api: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TestResponse {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "licenses.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = api.clone().oneshot(request).await.expect("a response");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body").to_vec();
    TestResponse { status: parts.status.as_u16(), headers: parts.headers, body }
}
