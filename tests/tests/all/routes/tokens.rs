//! Tokens and cookies, as browsers and services send them.

use license_tests::TestApp;
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
        let answer = ask(wrong.clone()).await;
        assert_eq!(answer.expect(401), json!({ "detail": "Invalid token." }), "{wrong}");
    }
    for absent in [format!("Bearer {token}"), token.clone(), "JWT".to_owned()] {
        let answer = ask(absent.clone()).await;
        assert_eq!(answer.expect(401)["detail"], "Authentication credentials were not provided.", "{absent}");
        assert_eq!(answer.header("www-authenticate"), Some("JWT realm=\"api\""));
    }
}

#[tokio::test]
async fn claims_of_others_or_of_another_time_are_refused() {
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
        let answer = app.anonymous().send_with(Method::GET, LIST, None, &[("authorization", &header)]).await;
        assert_eq!(answer.expect(401), json!({ "detail": "Invalid token." }));
    }
}

#[tokio::test]
async fn cookies_read_and_do_not_write() {
    let app = TestApp::start().await;
    let token = app.token(claims());
    let (payload, signature) = token.rsplit_once('.').expect("three parts");
    let cookies = format!("edx-jwt-cookie-header-payload={payload}; edx-jwt-cookie-signature={signature}");
    let headers = [("cookie", cookies.as_str()), ("use-jwt-cookie", "true")];
    app.anonymous().send_with(Method::GET, LIST, None, &headers).await.expect(200);
    let path = "/api/v1/provisioning-admins/customer-agreement/";
    let answer = app.anonymous().send_with(Method::POST, path, Some(&json!({})), &headers).await;
    assert!(answer.expect(403)["detail"].as_str().is_some_and(|detail| detail.starts_with("CSRF Failed")));
}

#[tokio::test]
async fn roles_on_record_add_to_those_of_the_token() {
    use license_domain::{EnterpriseId, RoleGrant, RoleName, Scope};
    use license_store::{keys::UserKeys, rows, table::Write};

    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let user = |name: &str| {
        app.client_with(json!({ "preferred_username": name, "email": "x@example.com", "roles": ["enterprise_admin"] }))
    };
    let grant = async |name: &str, scope: Scope| {
        let grant = RoleGrant { role: RoleName::SubscriptionsAdmin, scope };
        let mut item = rows::to_item(&grant).expect("an item");
        item.extend(UserKeys(name).role(grant).attributes());
        app.running().store().table().transact(vec![Write::put(item)], name).await.expect("written");
    };
    grant("here", Scope::Enterprise(plan.agreement.enterprise)).await;
    grant("elsewhere", Scope::Enterprise(EnterpriseId(app.uuid(0xe)))).await;
    grant("everywhere", Scope::All).await;
    for (name, status) in [("here", 200), ("elsewhere", 403), ("everywhere", 200), ("Here", 403), ("nobody", 403)] {
        assert_eq!(user(name).get(&plan.path("")).await.status.as_u16(), status, "{name}");
    }
}
