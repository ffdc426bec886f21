//! Events are delivered to customers' own systems, signed, until they are accepted.

use std::collections::BTreeSet;

use futures::future::join_all;
use license_domain::webhook::{MAX_WEBHOOKS, WebhookSecret};
use license_tests::{
    Client, TestApp,
    app::options,
    builders::{Agreement, emails, text},
};
use serde_json::{Value, json};

use super::fault;

const ASSIGNED: &str = "edx.server.license-manager.license-lifecycle.assigned";

/// A webhook whose receiver records all deliveries.
struct Hook {
    admin: Client,
    path: String,
    secret: String,
    name: String,
}

impl Hook {
    async fn of(app: &TestApp, agreement: &Agreement, name: &str, events: &[&str]) -> Self {
        let list = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
        let url = text(&app.anonymous().get("/_local/webhooks").await.expect(200), "url");
        let request = json!({ "url": format!("{url}{name}"), "events": events });
        let made = agreement.admin.post(&list, &request).await.expect(201);
        Self {
            admin: agreement.admin.clone(),
            path: format!("{list}{}/", text(&made, "id")),
            secret: text(&made, "secret"),
            name: name.to_owned(),
        }
    }

    async fn state(&self) -> Value {
        self.admin.get(&self.path).await.expect(200)
    }

    async fn change(&self, request: Value) -> Value {
        self.admin.patch(&self.path, &request).await.expect(200)
    }

    /// The received deliveries.
    async fn received(&self, app: &TestApp) -> Vec<Value> {
        let all = app.anonymous().get("/_local/webhooks").await.expect(200);
        let all = all["received"].as_array().expect("a list").iter();
        all.filter(|delivery| delivery["name"] == json!(self.name)).cloned().collect()
    }
}

/// The names of the events of a delivery.
fn names(delivery: &Value) -> Vec<String> {
    delivery["body"]["data"]["events"].as_array().expect("a list").iter().map(|event| text(event, "type")).collect()
}

fn ids(deliveries: &[Value]) -> BTreeSet<String> {
    deliveries.iter().map(|delivery| text(delivery, "id")).collect()
}

/// The expected signature of the delivery with these secrets.
fn signature(delivery: &Value, secrets: &[&str]) -> String {
    let secrets: Vec<WebhookSecret> = secrets.iter().map(|secret| WebhookSecret((*secret).to_owned())).collect();
    let (id, timestamp) = (text(delivery, "id"), text(delivery, "timestamp"));
    function_webhooks::header(secrets.iter(), (&id, &timestamp), &text(delivery, "text"))
        .expect("a secret that can be read")
}

#[tokio::test]
async fn a_webhook_gets_the_events_that_it_wants_and_none_of_other_customers() {
    let app = TestApp::start().await;
    let (plan, other) = (app.plan(100).await, app.plan(10).await);
    let all = Hook::of(&app, &plan.agreement, "all", &[]).await;
    let some = Hook::of(&app, &plan.agreement, "some", &[ASSIGNED]).await;
    app.drain().await;
    let before = all.received(&app).await.len();
    plan.assign(&["ann@example.com", "bob@example.com"]).await.expect(200);
    plan.revoke(&["bob@example.com"]).await.expect(200);
    other.assign(&["cid@example.com"]).await.expect(200);
    app.drain().await;

    let received = some.received(&app).await;
    assert_eq!(received.len(), 1);
    assert_eq!(names(&received[0]), [ASSIGNED, ASSIGNED]);
    let detail = &received[0]["body"]["data"]["events"][0]["data"];
    assert_eq!(detail["assigned_email"], "ann@example.com");
    assert_eq!(detail["enterprise_customer_uuid"], json!(plan.agreement.enterprise));
    assert_eq!(received[0]["signature"], signature(&received[0], &[&some.secret]));
    assert_ne!(received[0]["signature"], signature(&received[0], &[&all.secret]));

    let received = all.received(&app).await;
    assert_eq!(received.len(), before + 2);
    let names: BTreeSet<String> = received[before..].iter().flat_map(names).collect();
    for name in [ASSIGNED, "license-manager.licenses-assigned", "license-manager.licenses-revoked"] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    let everything = serde_json::to_string(&received).expect("JSON");
    assert!(!everything.contains("cid@example.com"));
    // No event contains a webhook's secret or URL.
    for secret in [&all.secret, &some.secret] {
        assert!(!everything.contains(secret.as_str()));
        assert!(!all.state().await.to_string().contains(secret.as_str()));
        let list = plan.admin().get(&format!("/api/v1/customer-agreements/{}/history/", plan.agreement.id)).await;
        assert!(!list.text.contains(secret.as_str()) && !list.text.contains("/hooks/"), "{}", list.text);
        assert!(list.text.contains("webhook-created"));
    }
}

#[tokio::test]
async fn a_failed_delivery_is_retried_and_a_success_resets_the_failures() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let hook = Hook::of(&app, &plan.agreement, "hook", &[ASSIGNED]).await;
    for how in [json!({ "status": 500 }), json!("reset"), json!({ "status": 302 })] {
        fault(&app, json!({ "service": "webhooks", "next": 1, "how": how })).await;
    }
    plan.assign(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let state = hook.state().await;
    assert_eq!((state["failures"].clone(), state["problem"].clone()), (json!(1), json!("500")));
    assert!(!state["failing_since"].is_null());
    app.advance("PT2M").await;
    app.advance("PT4M").await;
    assert_eq!(hook.state().await["failures"], 3);
    assert!(hook.received(&app).await.is_empty());
    app.advance("PT10M").await;
    let received = hook.received(&app).await;
    assert_eq!(received.len(), 1);
    // The time of this attempt, by which the receiver can refuse a delivery that an attacker repeats.
    let at: i64 = text(&received[0], "timestamp").parse().expect("seconds");
    assert!((app.now().timestamp() - at).abs() < 60);
    let state = hook.state().await;
    assert_eq!((state["failures"].clone(), state["problem"].clone()), (json!(0), Value::Null));
}

#[tokio::test]
async fn a_lost_response_leads_to_the_same_delivery_again() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let hook = Hook::of(&app, &plan.agreement, "hook", &[ASSIGNED]).await;
    fault(&app, json!({ "service": "webhooks", "next": 1, "how": "reset_after" })).await;
    fault(&app, json!({ "worker": "function-webhooks", "next": 1, "how": "after" })).await;
    plan.assign(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    app.advance("PT10M").await;
    let received = hook.received(&app).await;
    assert!(received.len() >= 2, "{}", received.len());
    assert_eq!(ids(&received).len(), 1);
}

#[tokio::test]
async fn a_webhook_that_fails_for_a_day_is_disabled_and_gets_everything_by_a_replay() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    let hook = Hook::of(&app, &plan.agreement, "hook", &[ASSIGNED]).await;
    let start = app.now();
    fault(&app, json!({ "service": "webhooks", "next": 1000, "how": { "status": 503 } })).await;
    for n in 0..6 {
        plan.assign(&emails("ann", n * 2..n * 2 + 2)).await.expect(200);
    }
    for _ in 0..10 {
        app.advance("PT1H").await;
    }
    // Ten attempts each.
    let state = hook.state().await;
    assert_eq!((state["is_active"].clone(), state["failures"].clone()), (json!(true), json!(60)));
    assert_eq!(state["missed"], 6);
    app.advance("PT15H").await;
    plan.assign(&["bob@example.com"]).await.expect(200);
    app.drain().await;
    let state = hook.state().await;
    assert_eq!((state["is_active"].clone(), state["disabled_reason"].clone()), (json!(false), json!("failing")));
    let disabled = app.anonymous().get("/_local/events?type=webhook-disabled").await.expect(200);
    assert_eq!(disabled.as_array().map(Vec::len), Some(1));
    // It gets nothing now, and no replay is possible until it is enabled again.
    app.anonymous().delete("/_local/faults").await.expect(204);
    app.advance("P1D").await;
    assert!(hook.received(&app).await.is_empty());
    let replay = format!("{}replay/", hook.path);
    let request = json!({ "from": start });
    hook.admin.post(&replay, &request).await.expect(409);

    let state = hook.change(json!({ "is_active": true })).await;
    assert_eq!((state["failures"].clone(), state["disabled_at"].clone()), (json!(0), Value::Null));
    let state = hook.admin.post(&replay, &request).await.expect(202);
    assert_eq!((state["missed"].clone(), state["missed_since"].clone()), (json!(0), Value::Null));
    app.drain().await;
    let received = hook.received(&app).await;
    assert_eq!(received.iter().flat_map(names).count(), 13);
    let again = ids(&received);
    // One replay a minute.
    hook.admin.post(&replay, &request).await.expect(429);
    app.advance("PT1M").await;
    hook.admin.post(&replay, &request).await.expect(202);
    app.drain().await;
    let twice = hook.received(&app).await;
    assert_eq!((twice.len(), ids(&twice)), (received.len() * 2, again));
}

#[tokio::test]
async fn a_receiver_that_responds_with_410_is_disabled() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let hook = Hook::of(&app, &plan.agreement, "hook", &[ASSIGNED]).await;
    fault(&app, json!({ "service": "webhooks", "next": 1, "how": { "status": 410 } })).await;
    plan.assign(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    assert_eq!(hook.state().await["disabled_reason"], "gone");
    hook.admin.delete(&hook.path).await.expect(204);
    hook.admin.get(&hook.path).await.expect(404);
    plan.assign(&["bob@example.com"]).await.expect(200);
    app.advance("P1D").await;
    assert!(hook.received(&app).await.is_empty());
}

#[tokio::test]
async fn a_secret_is_rotated_without_a_gap() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let hook = Hook::of(&app, &plan.agreement, "hook", &[ASSIGNED]).await;
    let new = text(&hook.change(json!({ "rotate_secret": true })).await, "secret");
    assert_ne!(new, hook.secret);
    plan.assign(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    app.advance("P1D").await;
    plan.assign(&["bob@example.com"]).await.expect(200);
    app.drain().await;
    let received = hook.received(&app).await;
    assert_eq!(received[0]["signature"], signature(&received[0], &[&new, &hook.secret]));
    assert_eq!(received[1]["signature"], signature(&received[1], &[&new]));
    // An old secret that leaked is rotated twice.
    let third = text(&hook.change(json!({ "rotate_secret": true })).await, "secret");
    assert!(hook.change(json!({ "description": "ours" })).await["secret"].is_null());
    plan.assign(&["cid@example.com"]).await.expect(200);
    app.drain().await;
    let received = hook.received(&app).await;
    assert_eq!(received[2]["signature"], signature(&received[2], &[&third, &new]));
}

#[tokio::test]
async fn an_agreement_has_at_most_ten_webhooks_even_if_they_are_created_at_the_same_time() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let list = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
    let request = json!({ "url": "http://127.0.0.1:9/", "is_active": false });
    let responses = join_all((0..15).map(|_| agreement.admin.post(&list, &request))).await;
    let made = responses.iter().filter(|response| response.status == 201).count();
    // A request that had too many conflicts may be repeated.
    assert!(responses.iter().all(|response| matches!(response.status.as_u16(), 201 | 409 | 503)));
    let known = agreement.admin.get(&list).await.expect(200);
    assert_eq!(known.as_array().map(Vec::len), Some(made));
    for _ in made..usize::from(MAX_WEBHOOKS) {
        agreement.admin.post(&list, &request).await.expect(201);
    }
    agreement.admin.post(&list, &request).await.expect(409);
    let first = text(&agreement.admin.get(&list).await.expect(200)[0], "id");
    agreement.admin.delete(&format!("{list}{first}/")).await.expect(204);
    agreement.admin.post(&list, &request).await.expect(201);
}

#[tokio::test]
async fn addresses_that_only_we_can_reach_and_events_that_are_none_are_refused() {
    let mut options = options();
    options.settings.insert("WEBHOOK_ALLOW_HTTP".to_owned(), "false".to_owned());
    let app = TestApp::start_with(options, false).await;
    let agreement = app.agreement().await;
    let list = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://2130706433/",
        "ftp://example.com/",
        "example.com",
        "",
    ] {
        let complaints = agreement.admin.post(&list, &json!({ "url": url })).await.expect(400);
        assert!(complaints["url"].is_array(), "{url}: {complaints}");
    }
    for request in [
        json!({}),
        json!({ "url": 3 }),
        json!({ "url": "https://example.com/", "events": ["assigned"] }),
        json!({ "url": "https://example.com/", "events": "all" }),
        json!({ "url": "https://example.com/", "is_active": "perhaps" }),
        json!({ "url": format!("https://example.com/{}", "x".repeat(2048)) }),
    ] {
        agreement.admin.post(&list, &request).await.expect(400);
    }
    // A name is resolved at the time of delivery, to permitted addresses only.
    let request = json!({ "url": "https://localhost:9/" });
    let made = agreement.admin.post(&list, &request).await.expect(201);
    app.drain().await;
    let state = agreement.admin.get(&format!("{list}{}/", text(&made, "id"))).await.expect(200);
    assert!(text(&state, "problem").contains("not public"), "{state}");
    let replay = format!("{list}{}/replay/", text(&made, "id"));
    for request in [
        json!({}),
        json!({ "from": "yesterday" }),
        json!({ "from": "2026-11-01T00:00:00Z" }),
        json!({ "from": "2026-11-23T00:00:00Z", "until": "2026-11-22T00:00:00Z" }),
    ] {
        agreement.admin.post(&replay, &request).await.expect(400);
    }
}
