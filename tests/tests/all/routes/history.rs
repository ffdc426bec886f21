//! Histories, and things as they were.

use license_tests::{
    Role, TestApp,
    builders::{Plan, emails, text},
};
use reqwest::Method;
use serde_json::{Value, json};

async fn results(plan: &Plan, path: &str) -> Vec<Value> {
    plan.admin().get(path).await.expect(200)["results"].as_array().expect("a list").clone()
}

fn kinds(entries: &[Value]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry["kind"].as_str()).collect()
}

#[tokio::test]
async fn a_licenses_history_shows_who_changed_it_when_and_why() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.activated(&app, "ann@example.com").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let path = format!("licenses/{}/history/", held.id);
    let entries = results(&plan, &plan.path(&path)).await;
    assert_eq!(kinds(&entries), ["licenses-revoked", "license-activated", "licenses-assigned"]);
    assert_eq!(results(&plan, &format!("/{path}")).await, entries);
    assert_eq!(results(&plan, &format!("/api/v1/{path}")).await, entries);
    let revoked = &entries[0];
    assert_eq!(revoked["license"]["status"], json!({ "before": "activated", "after": "revoked" }));
    assert!(revoked["actor"].is_string() && revoked["request_id"].is_string() && revoked["at"].is_string());
    assert_eq!(entries[1]["actor"], Value::Null, "a learner's own doing names no actor");
    let person = &revoked["license"]["person"];
    assert!(person.is_string() && entries.iter().all(|entry| &entry["license"]["person"] == person));
    assert!(!json!(entries).to_string().contains("ann@"), "{entries:?}");
    let foreign = app.client(Role::ForeignAdmin, plan.agreement.enterprise);
    foreign.get(&plan.path(&path)).await.expect(403);
}

#[tokio::test]
async fn plans_agreements_and_renewals_have_histories_with_filters_and_pages() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    for n in 0..120 {
        plan.assign(&emails("ann", n..n + 1)).await.expect(200);
    }
    let change = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    let body = json!({ "change_reason": "delayed_payment", "title": "Another title" });
    app.provisioner().send(Method::PATCH, &change, Some(&body)).await.expect(200);
    app.drain().await;

    let path = plan.path("history/");
    let changed = results(&plan, &format!("{path}?kind=plan-updated")).await;
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["changes"]["title"]["after"], "Another title");
    assert_eq!(results(&plan, &format!("{path}?actor=unknown")).await, Vec::<Value>::new());
    plan.admin().get(&format!("{path}?kind=nothing")).await.expect(400);
    plan.admin().get(&format!("{path}?from=yesterday")).await.expect(400);

    let (mut all, mut next) = (Vec::new(), Some(format!("{path}?page_size=50")));
    while let Some(at) = next {
        let page = plan.admin().get(&at).await.expect(200);
        all.extend(page["results"].as_array().expect("a list").clone());
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(all.len(), 122, "{:?}", kinds(&all));
    let feed = results(&plan, &format!("/customer-agreements/{}/history/?page_size=500", plan.agreement.id)).await;
    assert_eq!(feed.len(), 123);
    let learner = app.learner(plan.agreement.enterprise, "ann00000@example.com");
    learner.get(&format!("/customer-agreements/{}/history/", plan.agreement.id)).await.expect(403);
}

#[tokio::test]
async fn licenses_and_plans_are_shown_as_they_were_at_a_time() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.assigned("ann@example.com").await;
    app.advance("PT1H").await;
    let assigned = app.now();
    app.advance("PT1H").await;
    plan.activate(&app, &held).await.expect(200);
    let change = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    let body = json!({ "change_reason": "other", "title": "Another title", "desired_num_licenses": 9 });
    app.provisioner().send(Method::PATCH, &change, Some(&body)).await.expect(200);
    app.advance("PT1H").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    app.drain().await;

    let moment = |at: license_domain::Timestamp| at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let license = plan.path(&format!("licenses/{}/", held.id));
    let was = plan.admin().get(&format!("{license}?as_of={}", moment(assigned))).await.expect(200);
    assert_eq!((text(&was, "status"), text(&was, "user_email")), ("assigned".into(), "ann@example.com".into()));
    assert_eq!((&was["activation_date"], &was["revoked_date"]), (&Value::Null, &Value::Null));
    assert_eq!(plan.license(&held.id).await["status"], "revoked");

    let path = plan.path("");
    let was = plan.admin().get(&format!("{path}?as_of={}", moment(assigned))).await.expect(200);
    let is = plan.admin().get(&path).await.expect(200);
    assert_ne!(was["title"], is["title"]);
    assert_eq!((&was["licenses"]["total"], &was["licenses"]["assigned"]), (&json!(5), &json!(1)));
    assert_eq!((&is["licenses"]["total"], &is["licenses"]["revoked"]), (&json!(9), &json!(1)));
    plan.admin().get(&format!("{path}?as_of=2020-01-01T00:00:00Z")).await.expect(404);
    plan.admin().get(&format!("{path}?as_of=2090-01-01T00:00:00Z")).await.expect(400);
    plan.admin().get(&format!("{license}?as_of=junk")).await.expect(400);
}
