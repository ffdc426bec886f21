//! Tokens and cookies, as browsers and services send them.

use license_local::Options;
use license_tests::{TestApp, app::options, builders::text};
use reqwest::Method;
use serde_json::{Value, json};

fn claims() -> Value {
    json!({ "preferred_username": "root", "email": "root@example.com", "superuser": true, "roles": [] })
}

const LIST: &str = "/api/v1/customer-agreement/";

#[tokio::test]
async fn only_a_token_of_ours_is_accepted() {
    let app = TestApp::start().await;
    let token = app.token(claims());
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let forged: String = signature.chars().rev().collect();
    let ask = async |value: String| {
        let headers = [("authorization", value.as_str())];
        app.anonymous().send_with(Method::GET, LIST, None, &headers).await
    };
    ask(format!("JWT {token}")).await.expect(200);
    for wrong in [format!("JWT {head}.{forged}"), format!("JWT {head}."), "JWT x".to_owned()] {
        let response = ask(wrong.clone()).await;
        assert_eq!(response.expect(401), json!({ "detail": "Invalid token." }), "{wrong}");
    }
    for absent in [format!("Bearer {token}"), token.clone(), "JWT".to_owned()] {
        let response = ask(absent.clone()).await;
        assert_eq!(response.expect(401)["detail"], "Authentication credentials were not provided.", "{absent}");
        assert_eq!(response.header("www-authenticate"), Some("JWT realm=\"api\""));
    }
}

#[tokio::test]
async fn claims_of_other_issuers_or_times_are_refused() {
    let app = TestApp::start().await;
    let now = app.now().timestamp();
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("another")),
        ("exp", json!(now - 60)),
        ("nbf", json!(now + 60)),
    ] {
        let mut claims = claims();
        claims[name] = value;
        assert_eq!(
            app.client_with(claims).get(LIST).await.expect(401),
            json!({ "detail": "Invalid token." }),
            "{name}"
        );
    }
}

#[tokio::test]
async fn without_a_secret_hs256_is_refused() {
    let app = TestApp::start().await;
    let mut claims = claims();
    claims["exp"] = json!(app.now().timestamp() + 60);
    for secret in ["", "secret", "lms-secret"] {
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
        let header = format!("JWT {token}");
        let response = app.anonymous().send_with(Method::GET, LIST, None, &[("authorization", &header)]).await;
        assert_eq!(response.expect(401), json!({ "detail": "Invalid token." }));
    }
}

/// The cookies that a browser has after a login.
fn login_cookies(token: &str) -> String {
    let (payload, signature) = token.rsplit_once('.').expect("three parts");
    format!("edx-jwt-cookie-header-payload={payload}; edx-jwt-cookie-signature={signature}")
}

const CREATE: &str = "/api/v1/provisioning-admins/customer-agreement/";

#[tokio::test]
async fn cookies_read_and_write_only_with_a_csrf_token() {
    let trusted = [("CSRF_TRUSTED_ORIGINS".to_owned(), "https://portal.example".to_owned())];
    let app = TestApp::start_with(Options { settings: trusted.into(), ..options() }, false).await;
    let cookies = login_cookies(&app.token(claims()));
    let ask = async |method: Method, path: &str, cookies: &str, more: &[(&str, &str)]| {
        let headers = [&[("cookie", cookies), ("use-jwt-cookie", "true")], more].concat();
        let body = json!({});
        let body = (method == Method::POST).then_some(&body);
        app.anonymous().send_with(method, path, body, &headers).await
    };
    ask(Method::GET, LIST, &cookies, &[]).await.expect(200);
    let failed = |reason: &str| json!({ "detail": format!("CSRF Failed: {reason}") });
    let refused = ask(Method::POST, CREATE, &cookies, &[]).await.expect(403);
    assert_eq!(refused, failed("CSRF cookie not set."));

    // As the portals do it: get the token once, then send it with every change.
    let response = ask(Method::GET, "/csrf/api/v1/token", &cookies, &[]).await;
    let token = text(&response.expect(200), "csrfToken");
    let set = response.header("set-cookie").expect("a cookie").to_owned();
    let (pair, attributes) = set.split_once(';').expect("attributes");
    assert_eq!(pair, format!("license_manager_csrftoken={token}"));
    assert!(attributes.contains("SameSite=Lax") && attributes.contains("Path=/"), "{attributes}");
    let cookies = format!("{cookies}; {pair}");
    let again = ask(Method::GET, "/csrf/api/v1/token/", &cookies, &[]).await;
    assert_eq!(text(&again.expect(200), "csrfToken"), token, "a browser keeps the token that it has");

    let with = ("x-csrftoken", token.as_str());
    assert_eq!(ask(Method::POST, CREATE, &cookies, &[]).await.expect(403), failed("CSRF token missing."));
    let wrong = ask(Method::POST, CREATE, &cookies, &[("x-csrftoken", "x")]).await.expect(403);
    assert_eq!(wrong, failed("CSRF token from the 'X-Csrftoken' HTTP header incorrect."));
    let evil = ask(Method::POST, CREATE, &cookies, &[with, ("origin", "https://evil.example")]).await.expect(403);
    let origin = "Origin checking failed - https://evil.example does not match any trusted origins.";
    assert_eq!(evil, failed(origin));
    // The only remaining complaint is about the body.
    let required = json!({ "enterprise_customer_uuid": ["This field is required."] });
    assert_eq!(ask(Method::POST, CREATE, &cookies, &[with]).await.expect(400), required);
    let portal = ("origin", "https://portal.example");
    assert_eq!(ask(Method::POST, CREATE, &cookies, &[with, portal]).await.expect(400), required);
}

#[tokio::test]
async fn roles_on_record_add_to_those_of_the_token() {
    use license_domain::{EnterpriseId, Scope};

    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let user = |name: &str| {
        app.client_with(json!({ "preferred_username": name, "email": "x@example.com", "roles": ["enterprise_admin"] }))
    };
    app.grant("here", Scope::Enterprise(plan.agreement.enterprise)).await;
    app.grant("elsewhere", Scope::Enterprise(EnterpriseId(app.uuid(0xe)))).await;
    app.grant("everywhere", Scope::All).await;
    for (name, status) in [("here", 200), ("elsewhere", 403), ("everywhere", 200), ("Here", 403), ("unknown", 403)] {
        assert_eq!(user(name).get(&plan.path("")).await.status.as_u16(), status, "{name}");
    }
}
