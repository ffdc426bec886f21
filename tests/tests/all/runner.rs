//! What the runner adds to the product: the demo customer, tokens, stand-ins, stored data.

use license_local::{Options, Running};
use license_tests::{Client, TestApp, app::options};
use serde_json::{Value, json};

const DEMO_PLAN: &str = "/api/v1/subscriptions/bbbbbbbb-0000-4000-8000-0000000de301";

async fn client(running: &Running, role: &str) -> Client {
    let url = running.url();
    let token = reqwest::get(format!("{url}/_local/tokens/{role}")).await.expect("a response");
    assert!(token.status().is_success(), "{role}");
    Client::new(reqwest::Client::new(), url, Some(token.text().await.expect("a token")))
}

/// The requests in the runner's output.
#[tokio::test]
async fn the_demo_can_be_played_through() {
    let options = Options { demo: true, ..options() };
    let running = license_local::start(options).await.expect("it starts");
    let (admin, learner) = (client(&running, "admin").await, client(&running, "learner").await);
    let plans = admin.get("/api/v1/subscriptions/").await.expect(200);
    assert_eq!(plans["count"], 4);

    let request = json!({ "user_emails": ["learner@demo.example"], "notify_users": false });
    admin.post(&format!("{DEMO_PLAN}/licenses/assign/"), &request).await.expect(200);
    let search = format!("{DEMO_PLAN}/licenses/?search=learner@demo.example&status=assigned");
    let found = admin.get(&search).await.expect(200);
    let key = found["results"][0]["activation_key"].as_str().expect("a key").to_owned();
    let activated = learner.post(&format!("/api/v1/license-activation/?activation_key={key}"), &json!({})).await;
    assert_eq!(activated.expect(200)["status"], "activated");
    let overview = admin.get(&format!("{DEMO_PLAN}/licenses/overview/")).await.expect(200);
    let count = |status: &str| {
        let lines = overview.as_array().expect("a list");
        lines.iter().find(|line| line["status"] == status).map_or(Value::Null, |line| line["count"].clone())
    };
    assert_eq!((count("activated"), count("assigned"), count("unassigned")), (json!(6), json!(4), json!(90)));
    let request = json!({ "user_emails": ["learner@demo.example"] });
    let revoked = admin.post(&format!("{DEMO_PLAN}/licenses/bulk-revoke/"), &request).await.expect(200);
    assert_eq!(revoked["successful_revocations"][0]["original_status"], "activated");

    client(&running, "operator").await.get("/api/v1/customer-agreement/").await.expect(200);
    let provisioner = client(&running, "provisioning-admin").await;
    let agreement = "/api/v1/provisioning-admins/customer-agreement/aaaaaaaa-0000-4000-8000-0000000de300/";
    provisioner.get(agreement).await.expect(200);
    running.stop().await;
}

#[tokio::test]
async fn data_and_tokens_outlive_a_restart() {
    let folder = std::env::temp_dir().join(format!("license-data-{}", std::process::id()));
    let options = Options { demo: true, data: Some(folder.clone()), ..options() };
    let running = license_local::start(options.clone()).await.expect("it starts");
    let token = running.tokens()["admin"].clone();
    let request = json!({ "user_emails": ["new@demo.example"], "notify_users": false });
    let admin = client(&running, "admin").await;
    admin.post(&format!("{DEMO_PLAN}/licenses/assign/"), &request).await.expect(200);
    let before = admin.get(&format!("{DEMO_PLAN}/licenses/overview/")).await.expect(200);
    running.stop().await;

    let running = license_local::start(options).await.expect("it starts again");
    let admin = Client::new(reqwest::Client::new(), running.url(), Some(token));
    assert_eq!(admin.get(&format!("{DEMO_PLAN}/licenses/overview/")).await.expect(200), before);
    assert_eq!(admin.get("/api/v1/subscriptions/").await.expect(200)["count"], 4);
    running.stop().await;
    std::fs::remove_dir_all(folder).expect("a folder");
}

/// What a function in a container needs: the table, the stand-ins and the key set at fixed addresses.
#[tokio::test]
async fn the_key_set_is_published_beside_the_stand_ins() {
    let running = license_local::start(options()).await.expect("it starts");
    let token = running.token(json!({ "preferred_username": "any", "superuser": true, "roles": [] })).expect("a token");
    let set = async |url: &str| {
        let response = reqwest::get(format!("{url}/_local/jwks.json")).await.expect("a response");
        response.json::<Value>().await.expect("a JWK set")
    };
    let published = set(running.aws_url()).await;
    assert_eq!(published, set(&running.url()).await);
    assert_eq!(published["keys"][0]["alg"], "RS512");
    assert!(published["keys"][0].get("d").is_none(), "a private key was published");

    // A deployment with the set's URL accepts the runner's tokens.
    let url = format!("{}/_local/jwks.json", running.aws_url());
    let trusting = Options { settings: [("JWT_PUBLIC_SIGNING_JWK_SET".to_owned(), url)].into(), ..options() };
    let trusting = license_local::start(trusting).await.expect("it starts");
    let client = Client::new(reqwest::Client::new(), trusting.url(), Some(token));
    client.get("/api/v1/customer-agreement/").await.expect(200);
    // It has no set of its own to publish.
    let none = reqwest::get(format!("{}/_local/jwks.json", trusting.url())).await.expect("a response");
    assert_eq!(none.status().as_u16(), 404);
    trusting.stop().await;
    running.stop().await;
}

#[tokio::test]
async fn a_token_can_have_any_claims() {
    let app = TestApp::start().await;
    let claims = json!({ "preferred_username": "any", "superuser": true, "roles": [] });
    let token = app.anonymous().post("/_local/tokens", &claims).await;
    assert_eq!(token.status.as_u16(), 200);
    let client = Client::new(reqwest::Client::new(), app.running().url(), Some(token.text));
    client.get("/api/v1/customer-agreement/").await.expect(200);
    assert_eq!(app.anonymous().post("/_local/tokens", &json!(["no claims"])).await.status.as_u16(), 400);
}

#[tokio::test]
async fn the_catalog_service_knows_the_customers_of_catalogs_and_calls_are_recorded() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let catalog = "12345678-0000-4000-8000-000000000001";
    let mut body = app.plan_body(&agreement, 1);
    body["enterprise_catalog_uuid"] = json!(catalog);
    let plans = "/api/v1/provisioning-admins/subscriptions/";
    let refused = app.provisioner().post(plans, &body).await.expect(400);
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("catalog")), "{refused}");

    let known = json!({ "uuid": catalog, "enterprise_customer": agreement.enterprise });
    assert_eq!(app.anonymous().post("/_local/catalogs", &known).await.status.as_u16(), 201);
    app.provisioner().post(plans, &body).await.expect(201);

    let calls = app.anonymous().get("/_local/calls").await.expect(200);
    let calls: Vec<(&str, &str, u64)> = calls.as_array().expect("a list").iter().map(shown).collect();
    let path = format!("/api/v1/enterprise-catalogs/{catalog}/");
    assert_eq!(
        calls,
        [("POST", "/oauth2/access_token", 200), ("GET", path.as_str(), 404), ("GET", path.as_str(), 200)],
        "one token for both"
    );
}

fn shown(call: &Value) -> (&str, &str, u64) {
    let text = |name: &str| call[name].as_str().expect("a text");
    (text("method"), text("path"), call["status"].as_u64().expect("a number"))
}

/// A setting that names a secret is resolved as on AWS: by the function itself, and again once the secret was rotated.
#[tokio::test]
async fn a_rotated_secret_is_used_without_a_restart() {
    const SETTING: &str = "ENTERPRISE_SUBSIDY_CHECKSUM_SECRET_KEY";
    let name = format!("license-manager/{SETTING}");
    let start = async |value: Option<&str>| {
        let settings = [(SETTING.to_owned(), format!("secretsmanager:{name}#key"))].into();
        let secrets = value.map(|value| (name.clone(), json!({ "key": value }).to_string())).into_iter().collect();
        license_local::start(Options { settings, secrets, demo: true, ..options() }).await
    };
    // Without its secret the product does not start: neither does it on AWS.
    assert!(start(None).await.is_err());

    let app = TestApp::start_with(
        Options {
            settings: [(SETTING.to_owned(), format!("secretsmanager:{name}#key"))].into(),
            secrets: [(name.clone(), json!({ "key": "first" }).to_string())].into(),
            ..options()
        },
        false,
    )
    .await;
    let plan = app.plan(3).await;
    plan.activated(&app, "ann@example.com").await;
    let ann = app.learner(plan.agreement.enterprise, "ann@example.com");
    let path = format!(
        "/api/v1/license-subsidy?enterprise_customer_uuid={}&course_key=edX%2BDemoX",
        plan.agreement.enterprise
    );
    let checksum = async || ann.get(&path).await.expect(200)["subsidy_checksum"].clone();
    let rotate = async |value: &str| {
        let url = format!("{}/_local/secrets/{name}", app.running().url());
        let put = reqwest::Client::new().put(url).body(json!({ "key": value }).to_string()).send().await;
        assert_eq!(put.expect("a response").status().as_u16(), 204);
    };
    let first = checksum().await;
    rotate("second").await;
    // What was read holds for some minutes.
    assert_eq!(checksum().await, first);
    app.advance("PT5M").await;
    let second = checksum().await;
    assert_ne!(second, first);
    rotate("first").await;
    app.advance("PT5M").await;
    assert_eq!(checksum().await, first);
}
