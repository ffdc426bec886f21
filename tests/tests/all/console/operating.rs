//! Jobs, mails, webhooks, users, changes and pictures in the console.

use license_tests::{Browser, TestApp, builders::emails};
use serde_json::json;

fn key(page: &str) -> &str {
    page.split("name=\"key\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a key")
}

#[tokio::test]
async fn jobs_are_listed_and_controlled_by_the_rule_of_the_api() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
        let job = plan.admin().post("/api/v1/jobs/", &request).await.expect(202);
        ids.push(job["id"].as_str().expect("an id").to_owned());
    }
    let params = json!({ "user_emails": emails("ann", 0..200) });
    let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": params });
    let job = plan.admin().post("/api/v1/jobs/", &request).await.expect(202);
    let done = job["id"].as_str().expect("an id").to_owned();
    app.drain().await;
    let (support, operator) =
        (Browser::signed_in(&app, "demo-support").await, Browser::signed_in(&app, "demo-operator").await);
    let list = support.get("/admin/jobs/").await.text;
    for id in ids.iter().chain([&done]) {
        assert!(list.contains(&format!("/admin/jobs/{id}/")), "{id}: {list}");
    }
    let of_customer = format!("/admin/customers/{}/jobs/", plan.agreement.id);
    let list = support.get(&of_customer).await.text;
    assert!(list.contains(&ids[0]) && list.contains(&done), "{list}");
    let older = support.get(&format!("{of_customer}?after={done}")).await.text;
    assert!(older.contains(&ids[0]) && !older.contains(&done), "{older}");
    assert_eq!(support.get(&format!("{of_customer}?after={}", app.uuid(1))).await.status.as_u16(), 404);
    // Rows come page by page.
    let first = support.get(&format!("/admin/jobs/{done}/")).await.text;
    assert!(first.contains("<dt>Done</dt><dd>10</dd>"), "{first}");
    let next = first.split("?from=").nth(1).and_then(|rest| rest.split('#').next()).expect("a next page");
    let second = support.get(&format!("/admin/jobs/{done}/?from={next}")).await.text;
    assert!(second.contains("ann00199@example.com") && !second.contains("ann00000@example.com"), "{second}");
    assert!(!first.contains("Cancel the job"), "a job that is done is not stopped: {first}");

    let path = format!("/admin/jobs/{}/cancel/", ids[0]);
    assert_eq!(support.get(&path).await.status.as_u16(), 403);
    let form = operator.get(&path).await;
    assert!(form.status.as_u16() == 200 && form.text.contains("Rows that are done stay done"), "{}", form.text);
    let without = operator.post(&path, &[("key", key(&form.text))]).await;
    assert!(without.status.as_u16() == 400 && without.text.contains("Enter a reason"), "{}", without.text);
    for _ in 0..2 {
        let sent = operator.post(&path, &[("key", key(&form.text)), ("reason", "wrong file")]).await;
        assert_eq!(sent.status.as_u16(), 303, "{}", sent.text);
    }
    let state = plan.admin().get(&format!("/api/v1/jobs/{}/", ids[0])).await.expect(200)["state"].clone();
    assert_eq!(state, "cancelled");
    let again = operator.get(&path).await;
    assert!(again.status.as_u16() == 409 && again.text.contains("cannot be stopped"), "{}", again.text);
    app.drain().await;
    let page = operator.get(&format!("/admin/customers/{}/audit/?kind=job", plan.agreement.id)).await.text;
    assert!(page.contains("<td>wrong file</td>") && page.contains("<td>demo-operator</td>"), "{page}");
    let done = operator.get(&format!("/admin/jobs/{done}/resume/")).await;
    assert_eq!(done.status.as_u16(), 409, "{}", done.text);
}

#[tokio::test]
async fn a_learners_licenses_are_masked_until_a_reason_is_given() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.assigned("ann@example.com").await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let masked = browser.get("/admin/learners/?email=ann@example.com").await.text;
    assert!(masked.contains("1 licenses are on record under a…@e…") && !masked.contains(&held.id), "{masked}");
    let without = browser.post("/admin/learners/", &[("email", "ann@example.com")]).await;
    assert!(without.status.as_u16() == 400 && !without.text.contains(&held.id), "{}", without.text);
    let shown = browser.post("/admin/learners/", &[("email", "ann@example.com"), ("reason", "ticket 7")]).await.text;
    assert!(shown.contains(&held.id) && shown.contains("ann@example.com"), "{shown}");
    // Who looked, and why, stays in the trails of the license and of its customer, without the address.
    let again =
        browser.post("/admin/learners/", &[("email", "ann@example.com"), ("reason", "ann@example.com asks")]).await;
    assert_eq!(again.status.as_u16(), 200);
    app.drain().await;
    for page in [
        format!("/admin/plans/{}/licenses/{}/", plan.id, held.id),
        format!("/admin/customers/{}/audit/?kind=looked", plan.agreement.id),
    ] {
        let trail = browser.get(&page).await.text;
        let trail = trail.split("id=\"history\"").nth(1).expect("a history");
        assert_eq!(trail.matches("<td>learner-looked-at</td><td>demo-support</td>").count(), 2, "{page}: {trail}");
        assert!(trail.contains("<td>ticket 7</td>") && trail.contains("<td>… asks</td>"), "{page}: {trail}");
    }
    let admins = plan.admin().get(&plan.path(&format!("licenses/{}/history/", held.id))).await.expect(200);
    assert!(!admins.to_string().contains("ann@example.com asks"), "{admins}");
    assert_eq!(plan.license(&held.id).await["status"], "assigned");
    app.invariants().await.check();
}

#[tokio::test]
async fn mails_webhooks_changes_and_users_have_their_pages() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.assigned("ann@example.com").await;
    let request = json!({ "user_emails": ["bob@example.com"], "notify_users": true });
    plan.admin().post(&plan.path("licenses/assign/"), &request).await.expect(200);
    app.drain().await;
    let webhooks = format!("/api/v1/customer-agreements/{}/webhooks/", plan.agreement.id);
    let request = json!({ "url": "https://hooks.example.com/T0/secret", "description": "<b>CRM</b>" });
    plan.admin().post(&webhooks, &request).await.expect(201);
    let browser = Browser::signed_in(&app, "demo-superuser").await;
    let page = browser.get(&format!("/admin/customers/{}/webhooks/", plan.agreement.id)).await.text;
    assert!(page.contains("hooks.example.com") && !page.contains("/T0/secret"), "{page}");
    assert!(page.contains("&#60;b&#62;CRM"), "{page}");

    let licenses = plan.admin().get(&plan.path("licenses/?search=bob")).await.expect(200);
    let bob = licenses["results"][0]["uuid"].as_str().expect("an id").to_owned();
    let mails = browser.get(&format!("/admin/plans/{}/licenses/{bob}/mails/", plan.id)).await.text;
    assert!(mails.contains("<td>assignment</td><td>sent</td>"), "{mails}");
    let none = browser.get(&format!("/admin/plans/{}/licenses/{}/mails/", plan.id, held.id)).await.text;
    assert!(none.contains("There is none."), "{none}");
    assert!(browser.get("/admin/mails/").await.text.contains("There is none."));

    let audit = format!("/admin/customers/{}/audit/", plan.agreement.id);
    let all = browser.get(&audit).await.text;
    assert!(all.contains("licenses-assigned") && all.contains("plan-created"), "{all}");
    let some = browser.get(&format!("{audit}?kind=plan")).await.text;
    assert!(some.contains("plan-created") && !some.contains("licenses-assigned"), "{some}");
    let unknown = browser.get(&format!("{audit}?actor=unknown")).await.text;
    assert!(unknown.contains("No change is on record."), "{unknown}");
    let later = browser.get(&format!("{audit}?from=2099-01-01")).await.text;
    assert!(later.contains("No change is on record."), "{later}");
    assert!(browser.get(&format!("{audit}?from=soon")).await.text.contains("written like"));

    app.grant("grace", license_domain::Scope::All).await;
    let user = browser.get("/admin/users/?name=grace").await.text;
    assert!(user.contains("every customer"), "{user}");
    let support = Browser::signed_in(&app, "demo-support").await;
    assert_eq!(support.get("/admin/users/?name=grace").await.status.as_u16(), 403);
}

#[tokio::test]
async fn pictures_say_in_words_what_they_show() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 4, &json!({ "title": "<b>Bold</b>" })).await;
    plan.assigned("ann@example.com").await;
    app.advance("P1D").await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let page = browser.get(&format!("/admin/plans/{}/", plan.id)).await.text;
    assert!(page.contains("1 assigned") && page.contains("3 unassigned"));
    assert!(page.contains("1 have a learner, 25 %"), "{page}");
    let over_time = "On 2026-11-23: 0 activated, 0 assigned, 4 unassigned. Now: 0 activated, 1 assigned, 3 unassigned.";
    assert!(page.contains(over_time), "{page}");
    assert!(page.contains("<svg class=\"picture\"") && page.contains("class=\"s-assigned\""), "{page}");
    let page = browser.get(&format!("/admin/customers/{}/", agreement.id)).await.text;
    assert!(page.contains("<desc id=\"timeline-desc\">") && page.contains("&#60;b&#62;Bold"), "{page}");
    assert!(page.contains("class=\"p-") && !page.contains("<b>Bold"), "{page}");
}
