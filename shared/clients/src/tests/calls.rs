//! Catalogs and users: tokens, retries, responses.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use license_domain::{CatalogId, EmailAddress, EnterpriseId, LmsUserId};
use serde_json::json;
use uuid::Uuid;

use super::{Standing, Zero};
use crate::{
    CatalogClient, CatalogSettings, Catalogs, Cause, ClientError, ClientSettings, LmsUserClient, LmsUsers,
    MissingSetting, Service, ServiceClient,
};

const CATALOG: CatalogId = CatalogId(Uuid::from_u128(0xc));
const CUSTOMER: EnterpriseId = EnterpriseId(Uuid::from_u128(0xe));

/// The LMS and the catalog service in one.
#[derive(Default)]
struct Services {
    tokens: AtomicUsize,
    calls: AtomicUsize,
    /// The statuses with which the next calls fail.
    faults: Mutex<VecDeque<u16>>,
    queries: Mutex<Vec<String>>,
}

impl Services {
    fn fault(&self) -> Option<Response> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let status = self.faults.lock().expect("not poisoned").pop_front()?;
        Some(StatusCode::from_u16(status).expect("a status").into_response())
    }

    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let token = format!("JWT token-{}", self.tokens.load(Ordering::Relaxed));
        headers.get("authorization").is_some_and(|value| value.as_bytes() == token.as_bytes())
    }
}

async fn token(State(services): State<Arc<Services>>, body: String) -> Response {
    let form: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if field("client_secret") != Some("s3cret") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!(field("grant_type"), Some("client_credentials"));
    assert_eq!(field("token_type"), Some("jwt"));
    assert_eq!(field("client_id"), Some("license-manager"));
    let number = services.tokens.fetch_add(1, Ordering::Relaxed) + 1;
    Json(json!({"access_token": format!("token-{number}"), "expires_in": 3600, "token_type": "JWT"})).into_response()
}

async fn catalog(State(services): State<Arc<Services>>, Path(id): Path<Uuid>, headers: HeaderMap) -> Response {
    if let Some(fault) = services.fault() {
        return fault;
    }
    if !services.is_authorized(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if CatalogId(id) != CATALOG {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({"uuid": id, "enterprise_customer": CUSTOMER, "title": "All"})).into_response()
}

async fn accounts(
    State(services): State<Arc<Services>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    if let Some(fault) = services.fault() {
        return fault;
    }
    assert!(services.is_authorized(&headers));
    let email = query.into_iter().find(|(name, _)| name == "email").map(|(_, value)| value).unwrap_or_default();
    services.queries.lock().expect("not poisoned").push(email.clone());
    match email.as_str() {
        "a+b@x.example" => Json(json!([{"id": 42, "username": "ab"}])).into_response(),
        "odd@x.example" => Json(json!({"detail": "?"})).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Both services on loopback, and a client of them.
struct Fixture {
    services: Arc<Services>,
    clock: Arc<Standing>,
    client: ServiceClient,
    catalog: CatalogSettings,
}

impl Fixture {
    async fn start(secret: &str) -> Self {
        let services = Arc::new(Services::default());
        let router = Router::new()
            .route("/oauth2/access_token", post(token))
            .route("/api/v1/enterprise-catalogs/{id}/", get(catalog))
            .route("/api/user/v1/accounts", get(accounts))
            .with_state(services.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let clock = Arc::new(Standing::default());
        let settings = ClientSettings::from_lookup(|name| match name {
            "LMS_URL" => Some(url.clone()),
            "BACKEND_SERVICE_EDX_OAUTH2_KEY" => Some("license-manager".to_owned()),
            "BACKEND_SERVICE_EDX_OAUTH2_SECRET" => Some(secret.to_owned()),
            _ => None,
        });
        let client = ServiceClient::new(settings, clock.clone(), Arc::new(Zero)).expect("a client");
        let catalog = CatalogSettings::from_lookup(|_| Some(url.clone()));
        Self { services, clock, client, catalog }
    }

    fn catalogs(&self) -> CatalogClient {
        CatalogClient::new(self.client.clone(), self.catalog.clone())
    }

    fn fail_with(&self, statuses: &[u16]) {
        self.services.faults.lock().expect("not poisoned").extend(statuses);
    }

    async fn belongs(&self) -> Result<bool, ClientError> {
        self.catalogs().belongs_to(CATALOG, CUSTOMER).await
    }

    fn tokens(&self) -> usize {
        self.services.tokens.load(Ordering::Relaxed)
    }

    fn calls(&self) -> usize {
        self.services.calls.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_catalog_belongs_to_its_customer_only() {
    let fixture = Fixture::start("s3cret").await;
    let catalogs = fixture.catalogs();
    assert!(catalogs.belongs_to(CATALOG, CUSTOMER).await.expect("a response"));
    assert!(!catalogs.belongs_to(CATALOG, EnterpriseId(Uuid::nil())).await.expect("a response"));
    assert!(!catalogs.belongs_to(CatalogId(Uuid::nil()), CUSTOMER).await.expect("a response"));
    assert_eq!(fixture.tokens(), 1, "one token serves all calls");
}

#[tokio::test]
async fn a_user_is_found_by_any_spelling_of_an_address() {
    let fixture = Fixture::start("s3cret").await;
    let users = LmsUserClient::new(fixture.client.clone());
    let ask = |email: &str| EmailAddress::on_record(email);
    assert_eq!(users.lms_user_id(&ask("a+b@x.example")).await.expect("a response"), Some(LmsUserId(42)));
    assert_eq!(users.lms_user_id(&ask("unknown@x.example")).await.expect("a response"), None);
    let queries = fixture.services.queries.lock().expect("not poisoned").clone();
    assert_eq!(queries, ["a+b@x.example", "unknown@x.example"]);
}

#[tokio::test]
async fn a_response_of_another_form_is_an_error_without_the_address() {
    let fixture = Fixture::start("s3cret").await;
    let users = LmsUserClient::new(fixture.client.clone());
    let error = users.lms_user_id(&EmailAddress::on_record("odd@x.example")).await.expect_err("not readable");
    assert!(matches!(error, ClientError::Unreadable { service: Service::Lms }));
    assert!(!error.is_retryable());
    assert!(!format!("{error} {error:?}").contains("odd"));
}

#[tokio::test]
async fn failures_are_retried_and_refusals_are_not() {
    let fixture = Fixture::start("s3cret").await;
    fixture.fail_with(&[503, 500]);
    assert!(fixture.belongs().await.expect("the third attempt"));
    assert_eq!(fixture.calls(), 3);

    fixture.fail_with(&[500, 502, 503]);
    let error = fixture.belongs().await.expect_err("three failures");
    assert!(matches!(error, ClientError::Failed { service: Service::Catalog, status: 503 }));
    assert!(error.is_retryable());
    assert_eq!(fixture.calls(), 6);

    fixture.fail_with(&[403]);
    let error = fixture.belongs().await.expect_err("a refusal");
    assert!(matches!(error, ClientError::Refused { service: Service::Catalog, status: 403 }));
    assert!(!error.is_retryable());
    assert_eq!(fixture.calls(), 7);
}

#[tokio::test]
async fn the_token_is_renewed_shortly_before_its_end_and_when_it_is_withdrawn() {
    let fixture = Fixture::start("s3cret").await;
    fixture.belongs().await.expect("a response");
    fixture.clock.0.store(3600 - 61, Ordering::Relaxed);
    fixture.belongs().await.expect("a response");
    assert_eq!(fixture.tokens(), 1);
    fixture.clock.0.store(3600 - 60, Ordering::Relaxed);
    fixture.belongs().await.expect("a response");
    assert_eq!(fixture.tokens(), 2);

    fixture.fail_with(&[401]);
    fixture.belongs().await.expect("a response with a new token");
    assert_eq!(fixture.tokens(), 3);
    fixture.fail_with(&[401, 401]);
    let error = fixture.belongs().await.expect_err("refused twice");
    assert!(matches!(error, ClientError::Refused { status: 401, .. }));
}

#[tokio::test]
async fn wrong_credentials_are_a_refusal_that_does_not_show_the_secret() {
    let fixture = Fixture::start("wr0ng").await;
    let error = fixture.belongs().await.expect_err("no token");
    assert!(matches!(error, ClientError::Refused { service: Service::Lms, status: 401 }));
    assert!(!format!("{error:?} {:?}", fixture.client).contains("wr0ng"));
}

#[tokio::test]
async fn a_port_without_a_listener_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let settings = ClientSettings::from_lookup(|_| Some(url.clone()));
    let client = ServiceClient::new(settings, Arc::new(Standing::default()), Arc::new(Zero)).expect("a client");
    let settings = CatalogSettings::from_lookup(|_| Some(url.clone()));
    let error =
        CatalogClient::new(client, settings).belongs_to(CATALOG, CUSTOMER).await.expect_err("no server listens there");
    assert!(matches!(error, ClientError::Unreachable { service: Service::Lms, cause: Cause::NoConnection }));
}

#[tokio::test]
async fn a_missing_setting_is_named_when_it_is_needed() {
    let settings = ClientSettings::from_lookup(|_| Some("  ".to_owned()));
    assert_eq!(settings, ClientSettings::default());
    let client = ServiceClient::new(settings, Arc::new(Standing::default()), Arc::new(Zero)).expect("a client");
    let settings = CatalogSettings::from_lookup(|_| Some("  ".to_owned()));
    let error = CatalogClient::new(client, settings).belongs_to(CATALOG, CUSTOMER).await.expect_err("no address");
    assert!(matches!(error, ClientError::NotConfigured(MissingSetting("ENTERPRISE_CATALOG_URL"))));
}
