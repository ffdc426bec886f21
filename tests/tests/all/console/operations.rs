//! Operations: as jobs, by the clock's rules, on webhooks, and undoing a transfer. Each has a preview, a reason, and happens once.

use license_tests::{
    Browser, TestApp,
    builders::{Plan, text},
};
use serde_json::json;

use super::confirming::{confirm, hidden};

async fn state_of(plan: &Plan, job: &str) -> (String, String) {
    let job = plan.admin().get(&format!("/api/v1/jobs/{job}/")).await.expect(200);
    (text(&job, "kind"), text(&job, "state"))
}

fn job_of(path: &str) -> &str {
    path.trim_start_matches("/admin/jobs/").trim_end_matches('/')
}

#[tokio::test]
async fn operations_on_a_plan_are_jobs_with_a_preview_a_reason_and_a_dry_run() {
    let app = TestApp::start().await;
    let plan = app.plan_of(&app.agreement().await, 5, &json!({ "can_freeze_unused_licenses": true })).await;
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    plan.revoke(&["bob@example.com"]).await.expect(200);
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let before = plan.overview().await;
    let page = browser.get(&format!("/admin/plans/{}/", plan.id)).await.text;
    for (operation, line, statuses) in [
        ("delete-revoked", "deletes 1 revoked licenses", vec![("activated", 1), ("unassigned", 4)]),
        ("freeze", "deletes 4 unassigned licenses", vec![("activated", 1)]),
    ] {
        let path = format!("/admin/plans/{}/operations/{operation}/", plan.id);
        assert!(page.contains(&path), "{page}");
        let form = browser.get(&path).await;
        assert!(form.text.contains(line) && form.text.contains("cannot be undone"), "{}", form.text);
        // A dry run is a job of its own, which changes nothing.
        let key = form.text.split("name=\"key\" value=\"").nth(2).and_then(|rest| rest.split('"').next());
        let before = plan.overview().await;
        let dry = [("key", key.expect("the key of the dry run")), ("dry_run", "1"), ("reason", "dry run")];
        let led = browser.post(&path, &dry).await;
        app.drain().await;
        let dry = browser.get(led.header("location").expect("an address")).await.text;
        assert!(dry.contains("(dry run)") && dry.contains("<dd>done</dd>"), "{dry}");
        assert_eq!(plan.overview().await, before);

        let job = confirm(&browser, &path, &[], &form).await;
        app.drain().await;
        assert_eq!(state_of(&plan, job_of(&job)).await, (operation.to_owned(), "done".to_owned()));
        let mut left = plan.overview().await;
        left.retain(|_, count| *count > 0);
        assert_eq!(left, statuses.into_iter().map(|(status, count)| (status.to_owned(), count)).collect());
    }
    assert_ne!(plan.overview().await, before);
    let trail = browser.get(&format!("/admin/plans/{}/", plan.id)).await.text;
    let history = trail.split("id=\"history\"").nth(1).expect("a history");
    assert!(history.contains("<td>demo-provisioner</td><td>ticket 12</td>"), "{history}");
    app.invariants().await.check_counts();
}

#[tokio::test]
async fn what_a_plan_does_not_allow_is_refused_before_it_is_confirmed() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/plans/{}/operations/freeze/", plan.id);
    let refused = browser.get(&path).await;
    assert!(refused.status.as_u16() == 409 && refused.text.contains("may not be frozen"), "{}", refused.text);
    assert_eq!(browser.post(&path, &[("key", "k"), ("reason", "x")]).await.status.as_u16(), 409);
    assert!(!browser.get(&format!("/admin/plans/{}/", plan.id)).await.text.contains("operations/freeze"));
    let unknown = browser.get(&format!("/admin/plans/{}/operations/assign/", plan.id)).await;
    assert_eq!(unknown.status.as_u16(), 404);
    let missing = browser.get(&format!("/admin/plans/{}/operations/grow/", plan.id)).await.text;
    assert!(missing.contains("0 are missing"), "{missing}");
    let viewer = Browser::signed_in(&app, "demo-support").await;
    assert_eq!(viewer.post(&path, &[("key", "k"), ("reason", "x")]).await.status.as_u16(), 403);
}

#[tokio::test]
async fn an_agreement_gets_its_name_and_slug_from_the_lms_as_a_job() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/customers/{}/sync/", plan.agreement.id);
    let form = browser.get(&path).await;
    assert!(form.text.contains("Its slug is now: customer-"), "{}", form.text);
    let job = confirm(&browser, &path, &[], &form).await;
    app.drain().await;
    let page = browser.get(&job).await.text;
    assert!(
        page.contains("<dt>Kind</dt><dd>sync</dd>") && page.contains("<td>0</td>") | page.contains("class=\"n\">0"),
        "{page}"
    );
}

#[tokio::test]
async fn a_transfer_is_undone_from_its_page_once() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (from, to) = (app.plan_of(&agreement, 5, &json!({})).await, app.plan_of(&agreement, 5, &json!({})).await);
    from.assigned("ann@example.com").await;
    let request = json!({
        "kind": "transfer", "subscription_plan": from.id,
        "params": { "user_emails": ["ann@example.com", "eve@example.com"], "to_plan": to.id },
    });
    let job = text(&from.admin().post("/api/v1/jobs/", &request).await.expect(202), "id");
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let path = format!("/admin/jobs/{job}/reverse/");
    app.drain().await;
    assert_eq!(to.overview().await.get("assigned"), Some(&1));
    let page = browser.get(&format!("/admin/jobs/{job}/")).await.text;
    assert!(page.contains(&path), "{page}");
    let form = browser.get(&path).await;
    let back = confirm(&browser, &path, &[], &form).await;
    app.drain().await;
    assert_eq!((from.overview().await.get("assigned"), to.overview().await.get("assigned")), (Some(&1), None));
    let page = browser.get(&back).await.text;
    assert!(page.contains("Undoes") && page.contains(&job) && page.contains("<dt>Done</dt><dd>1</dd>"), "{page}");
    let page = browser.get(&format!("/admin/jobs/{job}/")).await.text;
    assert!(page.contains("Undone by") && !page.contains(&path), "{page}");
    let history = browser.get(&format!("/admin/customers/{}/audit/?kind=transferred", agreement.id)).await.text;
    assert!(history.contains("<td>ticket 12</td>"), "{history}");
    app.invariants().await.check();
}

#[tokio::test]
async fn what_the_clock_would_do_is_shown_and_begun_once_with_name_and_reason() {
    let app = TestApp::start().await;
    let ended = json!({ "expiration_date": "2026-11-20T00:00:00Z" });
    let plan = app.plan_of(&app.agreement().await, 5, &ended).await;
    plan.assigned("ann@example.com").await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let list = format!("/admin/plans/{}/clock/", plan.id);
    let page = browser.get(&list).await.text;
    let path = format!("{list}expire_subscriptions/");
    assert!(page.contains(&path) && page.contains("Unlink its learners"), "{page}");
    assert!(!page.contains("clock/unlink_expired_licenses/"), "what is not due has no button: {page}");
    let early = browser.get(&format!("{list}unlink_expired_licenses/")).await;
    assert!(early.status.as_u16() == 409 && early.text.contains("not enabled"), "{}", early.text);
    assert_eq!(browser.get(&format!("{list}nothing/")).await.status.as_u16(), 404);
    let form = browser.get(&path).await;
    let run = confirm(&browser, &path, &[], &form).await;
    app.advance("PT10M").await;
    let page = browser.get(&run).await.text;
    assert!(page.contains("<dt>Kind</dt><dd>expire") && page.contains("<dd>done</dd>"), "{page}");
    let again = browser.get(&path).await;
    assert_eq!(again.status.as_u16(), 409, "{}", again.text);
    let trail = browser.get(&format!("/admin/plans/{}/", plan.id)).await.text;
    let history = trail.split("id=\"history\"").nth(1).expect("a history");
    assert!(history.contains("<td>demo-provisioner</td><td>ticket 12</td>"), "{history}");
    app.invariants().await.check();
}

#[tokio::test]
async fn the_due_renewals_of_a_customer_are_processed_and_refusals_are_said() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let ends = json!({ "expiration_date": "2026-11-23T12:00:00Z" });
    let (plan, few) = (app.plan_of(&agreement, 5, &ends).await, app.plan_of(&agreement, 5, &ends).await);
    for email in ["ann@example.com", "bob@example.com"] {
        few.activated(&app, email).await;
    }
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/customers/{}/process-renewals/", agreement.id);
    let none = browser.get(&path).await;
    assert!(none.status.as_u16() == 409 && none.text.contains("No renewal"), "{}", none.text);
    for (plan, licenses) in [(&plan, 5), (&few, 1)] {
        let renewal = json!({
            "prior_subscription_plan": plan.id, "number_of_licenses": licenses, "effective_date": "2026-11-23T12:00:00Z",
            "renewed_expiration_date": "2027-12-01T00:00:00Z", "salesforce_opportunity_id": "00k000000000000456",
        });
        app.provisioner().post("/api/v1/provisioning-admins/subscription-plan-renewals/", &renewal).await.expect(201);
    }
    let form = browser.get(&path).await;
    assert!(form.text.contains("2 licenses would be copied"), "{}", form.text);
    let sent = [("key", hidden(&form, "key")), ("reason", "ticket 12")];
    let done = browser.post(&path, &sent).await;
    assert!(done.status.as_u16() == 200 && done.text.contains("is begun, as run"), "{}", done.text);
    let again = browser.post(&path, &sent).await;
    assert_eq!(again.text, done.text);
    app.advance("PT10M").await;
    let plans = plan.admin().get("/api/v1/subscriptions/").await.expect(200);
    assert_eq!(plans["results"].as_array().map(Vec::len), Some(3), "{plans}");
    app.invariants().await.check();
}

#[tokio::test]
async fn a_webhook_is_switched_replayed_and_deleted_with_a_reason() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let url = text(&app.anonymous().get("/_local/webhooks").await.expect(200), "url");
    let list = format!("/api/v1/customer-agreements/{}/webhooks/", plan.agreement.id);
    let id = text(&plan.admin().post(&list, &json!({ "url": format!("{url}crm") })).await.expect(201), "id");
    plan.assigned("ann@example.com").await;
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let pages = format!("/admin/customers/{}/webhooks/", plan.agreement.id);
    let act = async |action: &str| {
        let page = browser.get(&pages).await.text;
        let path = format!("{pages}{id}/{action}/");
        assert!(page.contains(&path), "{action}: {page}");
        let form = browser.get(&path).await;
        assert_eq!(confirm(&browser, &path, &[], &form).await, pages);
    };
    let received = async || {
        let all = app.anonymous().get("/_local/webhooks").await.expect(200);
        all["received"].as_array().map_or(0, Vec::len)
    };
    let before = received().await;
    act("replay-week").await;
    app.drain().await;
    assert!(received().await > before);
    let soon = browser.get(&format!("{pages}{id}/replay-week/")).await;
    assert!(soon.status.as_u16() == 429 && soon.text.contains("one replay a minute"), "{}", soon.text);
    act("disable").await;
    assert_eq!(plan.admin().get(&format!("{list}{id}/")).await.expect(200)["is_active"], false);
    act("enable").await;
    assert_eq!(plan.admin().get(&format!("{list}{id}/")).await.expect(200)["is_active"], true);
    act("delete").await;
    plan.admin().get(&format!("{list}{id}/")).await.expect(404);
    app.drain().await;
    let trail = browser.get(&format!("/admin/customers/{}/audit/?kind=webhook", plan.agreement.id)).await.text;
    assert_eq!(trail.matches("<td>demo-operator</td><td>ticket 12</td>").count(), 4, "{trail}");
}

#[tokio::test]
async fn what_the_queues_gave_up_is_seen_and_sent_again_by_superusers() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    // The function ends before it begins, until the queue gives the message up.
    let fault = json!({ "worker": "function-mail", "next": 1_000, "how": "before" });
    app.anonymous().post("/_local/faults", &fault).await.expect(201);
    let assign = json!({ "user_emails": ["ann@example.com"] });
    plan.admin().post(&plan.path("licenses/assign/"), &assign).await.expect(200);
    app.drain().await;
    for _ in 0..20 {
        app.advance("PT1H").await;
    }
    app.anonymous().delete("/_local/faults").await.expect(204);
    let browser = Browser::signed_in(&app, "demo-superuser").await;
    let path = "/admin/system/queues/mails/redrive/";
    let page = browser.get("/admin/system/").await.text;
    assert!(page.contains(path) && !page.contains("queues/work/redrive"), "{page}");
    let form = browser.get(path).await;
    assert!(form.text.contains("about 1 messages were given up"), "{}", form.text);
    let without = browser.post(path, &[("key", hidden(&form, "key"))]).await;
    assert_eq!(without.status.as_u16(), 400, "{}", without.text);
    for _ in 0..2 {
        let done = browser.post(path, &[("key", hidden(&form, "key")), ("reason", "Braze is back")]).await;
        assert!(done.text.contains("1 messages were sent again."), "{}", done.text);
    }
    app.drain().await;
    let mails = app.anonymous().get("/_local/mail").await.expect(200);
    assert!(mails.as_array().is_some_and(|mails| mails.iter().any(|mail| mail["to"] == "ann@example.com")), "{mails}");
    assert!(!browser.get("/admin/system/").await.text.contains(path));
    let viewer = Browser::signed_in(&app, "demo-support").await;
    assert_eq!(viewer.get("/admin/system/").await.status.as_u16(), 200);
    assert_eq!(browser.get("/admin/system/queues/junk/redrive/").await.status.as_u16(), 404);
}

#[tokio::test]
async fn licenses_are_reverted_to_a_time_by_form_with_a_dry_run_before() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.activated(&app, "ann@example.com").await;
    app.drain().await;
    app.advance("PT1H").await;
    let then = app.now().format("%Y-%m-%dT%H:%M:%S").to_string();
    app.advance("PT1H").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let path = format!("/admin/plans/{}/revert/", plan.id);
    assert!(browser.get(&format!("/admin/plans/{}/", plan.id)).await.text.contains(&path));
    assert_eq!(browser.get(&path).await.status.as_u16(), 200);
    let preview = format!("{path}preview/");
    for wrong in
        [vec![("to", "soon")], vec![("to", "2099-01-01T00:00")], vec![("to", then.as_str()), ("licenses", "junk")]]
    {
        let refused = browser.post(&preview, &wrong).await;
        assert!(refused.status.as_u16() == 400 && refused.text.contains("id=\"complaint\""), "{}", refused.text);
    }
    let looked = browser.post(&preview, &[("to", &then), ("licenses", &held.id)]).await;
    assert!(looked.text.contains("makes 1 licenses what they were"), "{}", looked.text);
    let (to, licenses) = (hidden(&looked, "to").replace("&#43;", "+"), hidden(&looked, "licenses").to_owned());
    let fields = [("to", to.as_str()), ("licenses", licenses.as_str())];
    let job = confirm(&browser, &path, &fields, &looked).await;
    app.drain().await;
    let page = browser.get(&job).await.text;
    assert!(page.contains("<td>reverted</td>"), "{page}");
    assert_eq!(plan.license(&held.id).await["status"], "activated");
    let history = browser.get(&format!("/admin/plans/{}/licenses/{}/", plan.id, held.id)).await.text;
    assert!(history.contains("<td>demo-provisioner</td><td>ticket 12</td>"), "{history}");
    app.invariants().await.check();
}
