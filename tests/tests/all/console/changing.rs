//! Changes: a form, a preview, a reason, and one change by the rules of the API.

use license_tests::{Browser, TestApp, TestResponse, builders::Plan};

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

fn field<'a>(page: &'a TestResponse, name: &str) -> &'a str {
    let rest = page.text.split(&format!("name=\"{name}\" value=\"")).nth(1);
    rest.and_then(|rest| rest.split('"').next()).unwrap_or_default()
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
    let addresses = field(&preview, "addresses");
    let without = browser.post(&path("assign"), &[("addresses", addresses)]).await;
    assert_eq!(without.status.as_u16(), 400);
    assert!(without.text.contains("Enter a reason"), "{}", without.text);
    assert_eq!(counts(&plan).await, before, "without a reason nothing is done");
    let done = browser.post(&path("assign"), &[("addresses", addresses), ("reason", "ticket 4711")]).await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    assert!(done.text.contains("2 learners got a license."), "{}", done.text);
    assert!(counts(&plan).await.contains("assigned=3"), "{}", counts(&plan).await);

    let revoked =
        browser.post(&path("revoke"), &[("addresses", "bob@example.com eve@example.com"), ("reason", "left")]).await;
    assert!(revoked.text.contains("1 licenses were revoked."), "{}", revoked.text);
    assert!(revoked.text.contains("1 learners had none"), "{}", revoked.text);
    let reminded =
        browser.post(&path("remind"), &[("addresses", "ann@example.com eve@example.com"), ("reason", "asked")]).await;
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
    let refused = browser.post(&path, &[("addresses", two), ("reason", "x")]).await;
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
