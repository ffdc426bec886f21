//! Changes that need a reason only, and jobs that an operator begins: by the rules of the API, once, and on record.

use license_storage::RoleChangeKind;
use license_tests::{Browser, TestApp, builders::emails};
use serde_json::json;

use super::confirming::{confirm, hidden};

#[tokio::test]
async fn a_renewal_is_processed_now_once_with_a_reason() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    plan.activated(&app, "ann@example.com").await;
    let renewal = json!({
        "prior_subscription_plan": plan.id, "number_of_licenses": 7, "salesforce_opportunity_id": "00k000000000000777",
        "effective_date": "2027-12-31T00:00:00Z", "renewed_expiration_date": "2028-12-31T00:00:00Z",
        "license_types_to_copy": "assigned_and_activated",
    });
    let path = "/api/v1/provisioning-admins/subscription-plan-renewals/";
    let id = app.provisioner().post(path, &renewal).await.expect(201)["id"].to_string();
    let path = format!("/admin/renewals/{id}/process/");
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let form = browser.get(&path).await;
    assert!(form.text.contains("1 licenses would be carried over"), "{}", form.text);
    let to = confirm(&browser, &path, &[], &form).await;
    assert_eq!(to, format!("/admin/plans/{}/#renewals", plan.id));
    app.drain().await;
    let plans = plan.admin().get("/api/v1/subscriptions/").await.expect(200);
    assert_eq!(plans["results"].as_array().map(Vec::len), Some(2), "{plans}");
    let again = browser.get(&path).await;
    assert!(again.status.as_u16() == 409 && again.text.contains("was processed before"), "{}", again.text);
    let page = browser.get(&format!("/admin/plans/{}/", plan.id)).await.text;
    assert!(page.contains("<td>processed</td>"), "{page}");
    let trail =
        browser.get(&format!("/admin/customers/{}/audit/?kind=renewal-processed", plan.agreement.id)).await.text;
    assert!(trail.contains("<td>ticket 12</td>") && trail.contains("<td>demo-provisioner</td>"), "{trail}");
    app.invariants().await.check();
}

#[tokio::test]
async fn a_renewal_that_is_refused_is_not_reported_as_processed() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    for email in ["ann@example.com", "bob@example.com"] {
        plan.activated(&app, email).await;
    }
    let renewal = json!({
        "prior_subscription_plan": plan.id, "number_of_licenses": 1, "salesforce_opportunity_id": "00k000000000000777",
        "effective_date": "2027-12-31T00:00:00Z", "renewed_expiration_date": "2028-12-31T00:00:00Z",
        "license_types_to_copy": "assigned_and_activated",
    });
    let path = "/api/v1/provisioning-admins/subscription-plan-renewals/";
    let id = app.provisioner().post(path, &renewal).await.expect(201)["id"].to_string();
    let path = format!("/admin/renewals/{id}/process/");
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let form = browser.get(&path).await;
    assert!(form.text.contains("processing would be refused"), "{}", form.text);
    let sent = browser.post(&path, &[("key", hidden(&form, "key")), ("reason", "x")]).await;
    assert!(sent.status.as_u16() == 409 && sent.text.contains("cannot be processed"), "{}", sent.text);
    let plans = plan.admin().get("/api/v1/subscriptions/").await.expect(200);
    assert_eq!(plans["results"].as_array().map(Vec::len), Some(1), "{plans}");
}

#[tokio::test]
async fn a_mail_of_unknown_fate_is_sent_again_once() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let fault = json!({ "service": "braze", "path": "/campaigns/", "next": 1, "how": "reset_after" });
    app.anonymous().post("/_local/faults", &fault).await.expect(201);
    let request = json!({ "user_emails": ["ann@example.com"], "notify_users": true });
    plan.admin().post(&plan.path("licenses/assign/"), &request).await.expect(200);
    app.drain().await;
    app.advance("PT1H").await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let list = browser.get("/admin/mails/").await.text;
    let path = list.split("href=\"").find(|rest| rest.contains("/send/\">send again")).expect("a link");
    let path = path.split('"').next().expect("an address").to_owned();
    let form = browser.get(&path).await;
    assert!(form.text.contains("1 of them may have it already"), "{}", form.text);
    let count = async || {
        let sent: Vec<serde_json::Value> =
            serde_json::from_str(&browser.get("/_local/mail").await.text).expect("a list");
        sent.len()
    };
    let before = count().await;
    confirm(&browser, &path, &[], &form).await;
    app.drain().await;
    assert_eq!(count().await, before + 1);
    let again = browser.get(&path).await;
    assert!(again.status.as_u16() == 409 && again.text.contains("sent again before"), "{}", again.text);
}

#[tokio::test]
async fn roles_are_granted_and_revoked_by_superusers_with_a_record() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-superuser").await;
    let role = "enterprise_subscriptions_admin";
    for (kind, line) in [("grant", "grace gets the role"), ("revoke", "grace loses the role")] {
        let query = format!("/admin/users/role/?name=grace&role={role}&customer=*&kind={kind}");
        let form = browser.get(&query).await;
        assert!(form.text.contains(line), "{}", form.text);
        let fields = [("name", "grace"), ("role", role), ("customer", "*"), ("kind", kind)];
        let to = confirm(&browser, "/admin/users/role/", &fields, &form).await;
        let page = browser.get(&to).await.text;
        assert_eq!(page.contains(&format!("revoke {role} for every customer")), kind == "grant", "{page}");
        assert!(page.contains("<td>ticket 12</td>") && page.contains("<td>demo-superuser</td>"), "{page}");
        assert!(browser.get(&query).await.text.contains("nothing would be changed"));
    }
    let changes = license_storage::ChangeRoles::role_changes(app.running().store().as_ref(), "grace", 10).await;
    let kinds: Vec<RoleChangeKind> = changes.expect("the table answers").iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [RoleChangeKind::Revoked, RoleChangeKind::Granted], "each once");
    for wrong in [
        "",
        "?name=grace",
        "?name=grace&role=x&customer=*",
        "?name=grace&role=enterprise_subscriptions_admin&customer=1",
    ] {
        assert_eq!(browser.get(&format!("/admin/users/role/{wrong}")).await.status.as_u16(), 400, "{wrong}");
    }
    let operator = Browser::signed_in(&app, "demo-operator").await;
    let form = [("name", "grace"), ("role", role), ("customer", "*"), ("reason", "x"), ("key", "k")];
    assert_eq!(operator.post("/admin/users/role/", &form).await.status.as_u16(), 403);
}

#[tokio::test]
async fn an_operator_begins_jobs_with_more_addresses_than_one_transaction_and_transfers() {
    let app = TestApp::start().await;
    let plan = app.plan(1_100).await;
    let other = app.plan_of(&plan.agreement, 10, &json!({ "title": "Other" })).await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let path = format!("/admin/plans/{}/jobs/new/", plan.id);
    let preview = format!("{path}preview/");
    for (form, complaint) in [
        (vec![("kind", "assign")], "at least one address"),
        (vec![("kind", "assign"), ("all", "1")], "by address"),
        (vec![("kind", "assign"), ("addresses", "x")], "not a valid email"),
        (vec![("kind", "transfer"), ("all", "1")], "Choose the plan"),
        (vec![("kind", "revoke"), ("all", "1"), ("addresses", "a@example.com")], "not several of these"),
        (vec![("kind", "grow"), ("addresses", "a@example.com")], "Choose what"),
    ] {
        let refused = browser.post(&preview, &form).await;
        assert!(refused.status.as_u16() == 400 && refused.text.contains(complaint), "{form:?}: {}", refused.text);
    }
    let many = emails("ann", 0..1_050).join("\n");
    let page = browser.post(&preview, &[("kind", "assign"), ("addresses", &many)]).await;
    assert!(page.text.contains("assigns licenses to 1050 learners"), "{}", page.text);
    let job = confirm(&browser, &path, &[("kind", "assign"), ("addresses", &many)], &page).await;
    app.drain().await;
    let done = browser.get(&job).await.text;
    assert!(done.contains("<dt>Done</dt><dd>1050</dd>"), "{done}");
    let jobs = format!("/api/v1/jobs/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    let jobs = plan.admin().get(&jobs).await.expect(200);
    assert_eq!(jobs["results"].as_array().map(Vec::len), Some(1), "sent twice, begun once: {jobs}");

    let three = emails("ann", 0..3).join(" ");
    let fields = [("kind", "transfer"), ("addresses", three.as_str()), ("to_plan", other.id.as_str())];
    let page = browser.post(&preview, &fields).await;
    assert!(page.text.contains("They go to “Other”"), "{}", page.text);
    let job = confirm(&browser, &path, &fields, &page).await;
    app.drain().await;
    assert!(browser.get(&job).await.text.contains("<dt>Done</dt><dd>3</dd>"));
    let held = other.admin().get(&other.path("licenses/?search=ann00002")).await.expect(200);
    assert_eq!(held["count"], 1, "{held}");
    let license = held["results"][0]["uuid"].as_str().expect("an id");
    let history = browser.get(&format!("/admin/plans/{}/licenses/{license}/", other.id)).await.text;
    assert!(history.contains("<td>ticket 12</td>") && history.contains("<td>demo-operator</td>"), "{history}");
    app.invariants().await.check();
}
