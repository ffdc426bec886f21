//! Limits on the number of a requester's requests.

use axum::{body::Body, http::Request};
use jsonwebtoken::{EncodingKey, Header, encode};
use license_domain::EnterpriseId;
use license_local::Options;
use license_runtime::Parts;
use license_settings::Settings;
use license_tests::{Role, TestApp, TestResponse, app::options};
use reqwest::Method;
use serde_json::json;
use tower::ServiceExt;
use uuid::Uuid;

const SETTINGS: [(&str, &str); 4] = [
    ("THROTTLE_ANONYMOUS_PER_MINUTE", "3"),
    ("THROTTLE_USER_PER_SECOND", "1000"),
    ("THROTTLE_USER_PER_MINUTE", "5"),
    ("THROTTLE_EXEMPT_USERNAMES", "operator, another"),
];

async fn app(proxied: bool) -> TestApp {
    let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    // Two seconds after a minute began: the tests end before the next one.
    let clock = Some("2026-11-23T10:46:02Z".parse().expect("a moment"));
    TestApp::start_with(Options { settings: settings.into(), clock, ..options() }, proxied).await
}

#[track_caller]
fn is_throttled(response: &TestResponse, limit: &str) {
    let detail = response.expect(429)["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.starts_with("Request was throttled. Expected available in "), "{detail}");
    let wait: u64 = response.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&wait));
    assert_eq!((response.header("ratelimit-limit"), response.header("ratelimit-remaining")), (Some(limit), Some("0")));
}

#[tokio::test]
async fn a_user_who_is_over_the_limit_waits_for_the_next_minute() {
    let app = app(false).await;
    let enterprise = EnterpriseId(app.uuid(0xe));
    let admin = app.client(Role::Admin, enterprise);
    for left in (0..5).rev() {
        let response = admin.get("/api/v1/subscriptions/").await;
        response.expect(200);
        assert_eq!(response.header("ratelimit-limit"), Some("5"));
        assert_eq!(response.header("ratelimit-remaining"), Some(left.to_string().as_str()));
    }
    is_throttled(&admin.get("/api/v1/subscriptions/").await, "5");
    is_throttled(&admin.post("/api/v1/retire_user/", &json!({})).await, "5");
    // Other requesters are not affected, and some have no limit.
    app.client(Role::ForeignAdmin, enterprise).get("/api/v1/subscriptions/").await.expect(200);
    for _ in 0..8 {
        app.client(Role::Operator, enterprise).get("/api/v1/subscriptions/").await.expect(200);
    }
    app.advance("PT1M").await;
    admin.get("/api/v1/subscriptions/").await.expect(200);
}

#[tokio::test]
async fn strangers_are_limited_by_address_and_monitors_are_not() {
    let app = app(false).await;
    let from = async |address: &str| {
        let headers = [("x-forwarded-for", address)];
        app.anonymous().send_with(Method::GET, "/api/v1/subscriptions/", None, &headers).await
    };
    for _ in 0..3 {
        from("made up, 203.0.113.7").await.expect(401);
    }
    is_throttled(&from("something else, 203.0.113.7").await, "3");
    from("203.0.113.8").await.expect(401);
    let forged = app.client(Role::Forged, EnterpriseId(Uuid::nil()));
    let statuses: Vec<u16> = futures::future::join_all((0..4).map(|_| forged.get("/api/v1/subscriptions/")))
        .await
        .iter()
        .map(|response| response.status.as_u16())
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1, "{statuses:?}");
    for _ in 0..5 {
        app.anonymous().get("/health/").await.expect(200);
    }
}

#[tokio::test]
async fn behind_proxies_of_ours_strangers_are_limited_by_their_own_address() {
    let settings = SETTINGS.into_iter().chain([("TRUSTED_PROXY_COUNT", "1")]);
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let clock = Some("2026-11-23T10:46:02Z".parse().expect("a moment"));
    let app = TestApp::start_with(Options { settings, clock, ..options() }, false).await;
    let from = async |hops: &str| {
        app.anonymous().send_with(Method::GET, "/api/v1/subscriptions/", None, &[("x-forwarded-for", hops)]).await
    };
    for proxy in 1..=3 {
        from(&format!("made up, 203.0.113.7, 130.176.0.{proxy}")).await.expect(401);
    }
    is_throttled(&from("made up too, 203.0.113.7, 130.176.0.4").await, "3");
    from("203.0.113.7, 203.0.113.8, 130.176.0.1").await.expect(401);
}

#[tokio::test]
async fn a_requester_over_the_limit_changes_nothing() {
    let app = app(false).await;
    let agreement = app.uuid(0xe);
    let create = "/api/v1/provisioning-admins/customer-agreement/";
    let provisioner = app.provisioner();
    for _ in 0..5 {
        provisioner.post(create, &json!({})).await.expect(400);
    }
    // A process that has not seen this requester reads the table, and changes nothing before it has the count.
    let body = json!({ "enterprise_customer_uuid": agreement });
    is_throttled(&provisioner.post(create, &body).await, "5");
    assert!(app.invariants().await.plans.is_empty());
    app.advance("PT1M").await;
    provisioner.post(create, &body).await.expect(201);
}

#[tokio::test]
async fn the_count_is_one_write_during_the_first_read_and_refusals_cost_nothing() {
    let app = app(true).await;
    let enterprise = EnterpriseId(app.uuid(0xe));
    let admin = app.client(Role::Admin, enterprise);
    admin.get("/api/v1/subscriptions/").await.expect(200);
    app.proxy().take();
    admin.get("/api/v1/subscriptions/").await.expect(200);
    let calls = app.proxy().take();
    let counts: Vec<_> = calls.iter().filter(|call| call.operation == "UpdateItem").collect();
    assert_eq!((counts.len(), counts[0].write_units.to_string().as_str()), (1, "1"));
    for _ in 0..6 {
        admin.get("/api/v1/subscriptions/").await;
    }
    app.proxy().take();
    is_throttled(&admin.get("/api/v1/subscriptions/").await, "5");
    assert!(app.proxy().take().is_empty());
}

#[tokio::test]
async fn a_table_that_cannot_count_refuses_no_requester() {
    let app = app(true).await;
    let admin = app.client(Role::Admin, EnterpriseId(app.uuid(0xe)));
    app.proxy().inject(|call| {
        if call.operation == "UpdateItem" { license_tests::Fault::InternalError } else { license_tests::Fault::None }
    });
    for _ in 0..6 {
        admin.get("/api/v1/subscriptions/").await.expect(200);
    }
    app.proxy().heal();
}

#[tokio::test]
async fn instances_count_together() {
    let app = TestApp::start().await;
    let settings = Settings::read(function_subscriptions::SETTINGS, |name| match name {
        "JWT_SECRET_KEY" => Some("secret".to_owned()),
        "THROTTLE_USER_PER_MINUTE" => Some("7".to_owned()),
        _ => None,
    });
    let parts = Parts { settings, ..app.running().parts(function_subscriptions::SETTINGS) };
    let instance = || function_subscriptions::router(function_subscriptions::compose(&parts).expect("a context"));
    let claims = json!({ "preferred_username": "ann", "superuser": true, "exp": app.now().timestamp() + 600 });
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(b"secret")).expect("a token");
    let instances: Vec<_> = (0..3).map(|_| instance()).collect();
    let mut admitted = 0;
    for round in 0..12 {
        let request = Request::builder()
            .uri("/api/v1/subscriptions/")
            .header("authorization", format!("JWT {token}"))
            .body(Body::empty())
            .expect("a request");
        let response = instances[round % 3].clone().oneshot(request).await.expect("a response");
        admitted += usize::from(response.status().as_u16() == 200);
    }
    assert_eq!(admitted, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_limits_a_learner_waits_for_two_round_trips_at_most() {
    let settings = [("THROTTLE_USER_PER_MINUTE".to_owned(), "1000".to_owned())];
    let app = TestApp::start_with(Options { settings: settings.into(), ..options() }, true).await;
    let plan = app.plan(9).await;
    let enterprise = plan.agreement.enterprise;
    let held = plan.assigned("ann@example.com").await;
    let ann = app.learner(enterprise, "ann@example.com");
    let own = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={enterprise}");
    let subsidy = format!("/api/v1/license-subsidy/?enterprise_customer_uuid={enterprise}&course_key=edX%2BDemoX");
    let activate = format!("/api/v1/license-activation/?activation_key={}", held.key);
    ann.get(&own).await.expect(200);
    for (method, path) in [(Method::GET, &own), (Method::POST, &activate), (Method::GET, &subsidy)] {
        app.proxy().take();
        app.proxy().inject(|_| license_tests::Fault::Delay(std::time::Duration::from_millis(40)));
        ann.send(method, path, None).await.expect(200);
        app.proxy().heal();
        let calls = app.proxy().take();
        assert_eq!(calls.iter().filter(|call| call.operation == "UpdateItem").count(), 1, "counted: {path}");
        assert!(crate::budgets::round_trips(&calls) <= 2, "{path}: {calls:?}");
    }
}
