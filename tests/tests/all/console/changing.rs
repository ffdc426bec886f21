//! Changes: a form, a preview, a reason, and one change by the rules of the API.

use license_tests::{Browser, TestApp, builders::Plan};

use super::confirming::hidden;

async fn counts(plan: &Plan) -> String {
    let overview = plan.admin().get(&plan.path("licenses/overview/")).await.expect(200);
    let mut lines: Vec<String> = overview
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| format!("{}={}", line["status"].as_str().expect("a status"), line["count"]))
        .collect();
    lines.sort();
    lines.join(" ")
}

#[tokio::test]
async fn licenses_are_assigned_and_revoked_with_preview_and_reason() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    plan.assigned("ann@example.com").await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let path = |action: &str| format!("/admin/plans/{}/{action}/", plan.id);
    let before = counts(&plan).await;
    // The complaint is next to the field, and the input is kept.
    let refused =
        browser.post(&format!("{}preview/", path("assign")), &[("addresses", "bob@example.com <b>x</b>")]).await;
    assert_eq!(refused.status.as_u16(), 400);
    assert!(refused.text.contains("is not a valid email address") && refused.text.contains("aria-invalid"));
    assert!(refused.text.contains("bob@example.com") && !refused.text.contains("<b>x"), "{}", refused.text);

    let pasted = "Bob@example.com, ann@example.com\ncarl@example.com bob@example.com";
    let preview = browser.post(&format!("{}preview/", path("assign")), &[("addresses", pasted)]).await;
    assert_eq!(preview.status.as_u16(), 200, "{}", preview.text);
    for shown in ["2 learners get a license.", "1 learners have one already", "4 unassigned", "They get no mail."] {
        assert!(preview.text.contains(shown), "{shown}: {}", preview.text);
    }
    assert_eq!(counts(&plan).await, before, "a preview changes nothing");
    let addresses = hidden(&preview, "addresses");
    let without = browser.post(&path("assign"), &[("addresses", addresses)]).await;
    assert_eq!(without.status.as_u16(), 400);
    assert!(without.text.contains("Enter a reason"), "{}", without.text);
    assert_eq!(counts(&plan).await, before, "without a reason nothing is done");
    let done = browser
        .post(&path("assign"), &[("addresses", addresses), ("key", hidden(&preview, "key")), ("reason", "ticket 4711")])
        .await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    assert!(done.text.contains("2 learners got a license."), "{}", done.text);
    assert!(counts(&plan).await.contains("assigned=3"), "{}", counts(&plan).await);

    let revoked = browser
        .post(&path("revoke"), &[("addresses", "bob@example.com eve@example.com"), ("key", "b"), ("reason", "left")])
        .await;
    assert!(revoked.text.contains("1 licenses were revoked."), "{}", revoked.text);
    assert!(revoked.text.contains("1 learners had none"), "{}", revoked.text);
    let reminded = browser
        .post(&path("remind"), &[("addresses", "ann@example.com eve@example.com"), ("key", "c"), ("reason", "asked")])
        .await;
    assert!(reminded.text.contains("1 learners are reminded."), "{}", reminded.text);
    app.drain().await;
    let history = browser.get(&format!("/admin/plans/{}/", plan.id)).await.text;
    for shown in ["ticket 4711", "<td>left</td>", "<td>asked</td>", "<td>demo-operator</td>"] {
        assert!(history.contains(shown), "{shown}: {history}");
    }
    app.invariants().await.check();
}

#[tokio::test]
async fn an_impossible_change_is_not_made_and_not_reported_as_made() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let path = format!("/admin/plans/{}/assign/", plan.id);
    let two = "ann@example.com bob@example.com";
    let preview = browser.post(&format!("{path}preview/"), &[("addresses", two)]).await;
    assert!(preview.text.contains("too few for all of them") && !preview.text.contains("name=\"reason\""));
    let refused = browser.post(&path, &[("addresses", two), ("key", "a"), ("reason", "x")]).await;
    assert_eq!(refused.status.as_u16(), 409);
    assert!(refused.text.contains("None was assigned."), "{}", refused.text);
    assert!(counts(&plan).await.contains("unassigned=1"));
    let support = Browser::signed_in(&app, "demo-support").await;
    let refused = support.post(&path, &[("addresses", "ann@example.com"), ("reason", "x")]).await;
    assert_eq!(refused.status.as_u16(), 403);
    assert!(counts(&plan).await.contains("unassigned=1"));
    let unknown = browser.get(&format!("/admin/plans/{}/destroy/", plan.id)).await;
    assert_eq!(unknown.status.as_u16(), 404);
}

#[tokio::test]
async fn a_form_that_is_sent_twice_changes_and_mails_once() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    plan.assigned("ann@example.com").await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    app.drain().await;
    let mails = async || {
        let sent: Vec<serde_json::Value> =
            serde_json::from_str(&browser.get("/_local/mail").await.text).expect("a list");
        sent.len()
    };
    for (action, who) in [("remind", "ann@example.com"), ("assign", "bob@example.com"), ("revoke", "ann@example.com")] {
        let path = format!("/admin/plans/{}/{action}/", plan.id);
        let before = mails().await;
        let form = [("addresses", who), ("notify", "1")];
        let preview = browser.post(&format!("{path}preview/"), &form).await;
        let key = hidden(&preview, "key").to_owned();
        let form = [("addresses", who), ("notify", "1"), ("key", &key), ("reason", "x")];
        let first = browser.post(&path, &form).await;
        app.drain().await;
        let after = mails().await;
        let second = browser.post(&path, &form).await;
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200), "{action}: {}", second.text);
        app.drain().await;
        assert_eq!(mails().await, after, "{action}");
        assert!(action == "revoke" || after > before, "{action}: {before} {after}");
        let keyless = browser.post(&path, &[("addresses", who), ("reason", "x")]).await;
        assert_eq!(keyless.status.as_u16(), 400, "{action}: {}", keyless.text);
    }
    assert!(counts(&plan).await.contains("revoked=1"));
}

#[tokio::test]
async fn the_preview_of_a_revocation_says_what_the_cap_allows() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let capped = serde_json::json!({ "is_revocation_cap_enabled": true, "revoke_max_percentage": 10 });
    let plan = app.plan_of(&agreement, 10, &capped).await;
    for email in ["ann@example.com", "bob@example.com"] {
        plan.activated(&app, email).await;
    }
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let path = format!("/admin/plans/{}/revoke/preview/", plan.id);
    let one = browser.post(&path, &[("addresses", "ann@example.com")]).await.text;
    assert!(one.contains("allows 1 more revocations") && one.contains("name=\"reason\""), "{one}");
    let two = browser.post(&path, &[("addresses", "ann@example.com bob@example.com")]).await.text;
    assert!(two.contains("none would be revoked") && !two.contains("name=\"reason\""), "{two}");
}
