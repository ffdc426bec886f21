//! Operators' operations: jobs that delete seats and licenses, add missing ones, and read a customer anew.

use license_tests::{
    Role, TestApp,
    builders::{Plan, emails, text},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    fault,
    jobs::{job, results},
};
use crate::lmctl::{check, done};

/// Creates a job as those who make plans do, and lets it end; returns its results.
async fn operate(app: &TestApp, plan: &Plan, kind: &str, dry_run: bool) -> Vec<Value> {
    let body = json!({
        "kind": kind, "subscription_plan": plan.id, "dry_run": dry_run, "reason": "the customer asked for it",
    });
    let id = text(&app.provisioner().post("/api/v1/jobs/", &body).await.expect(202), "id");
    app.drain().await;
    assert_eq!(job(plan, &id).await["state"], "done");
    results(plan, &id).await
}

/// All items but those of jobs, events and rate limits: equal before and after where nothing was changed.
pub(super) async fn records(app: &TestApp) -> Vec<String> {
    let all = crate::plan_work::whole_table(app).await;
    let is_record = |item: &String| {
        let item: Value = serde_json::from_str(item).expect("JSON");
        ["AGREEMENT#", "POOL#", "LEARNER#", "LICENSE#"].iter().any(|prefix| text(&item, "pk").starts_with(prefix))
    };
    all.into_iter().filter(is_record).collect()
}

async fn total(plan: &Plan) -> Value {
    plan.admin().get(&plan.path("")).await.expect(200)["licenses"].clone()
}

#[tokio::test]
async fn freezing_deletes_what_no_learner_has() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let fixed = app.plan_of(&agreement, 10, &json!({})).await;
    let body = json!({ "kind": "freeze", "subscription_plan": fixed.id });
    let refused = app.provisioner().post("/api/v1/jobs/", &body).await.expect(400);
    assert!(refused["subscription_plan"].is_array(), "{refused}");

    let plan = app.plan_of(&agreement, 100, &json!({ "can_freeze_unused_licenses": true })).await;
    plan.admin().post("/api/v1/jobs/", &json!({ "kind": "freeze", "subscription_plan": plan.id })).await.expect(403);
    plan.assign(&emails("ann", 0..3)).await.expect(200);
    let held = plan.activated(&app, "bob@example.com").await;
    app.drain().await;
    let before = records(&app).await;
    let dry = operate(&app, &plan, "freeze", true).await;
    assert_eq!(
        (&dry[0]["outcome"], &dry[0]["detail"]),
        (&json!("frozen"), &json!("96 unassigned licenses would be deleted."))
    );
    assert_eq!(records(&app).await, before, "a dry run changes nothing");

    let then = app.now();
    app.advance("PT1M").await;
    let frozen = operate(&app, &plan, "freeze", false).await;
    assert_eq!(frozen[0]["detail"], "The plan has 4 licenses now.");
    let counts = total(&plan).await;
    assert_eq!((&counts["total"], &counts["unassigned"], &counts["assigned"]), (&json!(4), &json!(0), &json!(3)));
    app.invariants().await.check();
    check(&app).await;
    // The learner still has the license, and no one gets another one.
    assert_eq!(plan.license(&held.id).await["status"], "activated");
    plan.assign(&["new@example.com"]).await.expect(400);
    let grown = operate(&app, &plan, "grow", false).await;
    assert_eq!((&grown[0]["outcome"], &grown[0]["detail"]), (&json!("refused"), &json!("The plan is frozen.")));
    // It is on record, with the reason, and the plan can be seen as it was.
    let history = plan.admin().get(&plan.path("history/?kind=licenses-deleted")).await.expect(200);
    let entry = &history["results"][0];
    assert_eq!((&entry["reason"], &entry["count"]), (&json!("the customer asked for it"), &json!(96)), "{history}");
    let was =
        plan.admin().get(&plan.path(&format!("?as_of={}", then.format("%Y-%m-%dT%H:%M:%S%.6fZ")))).await.expect(200);
    assert_eq!((&was["licenses"]["total"], &was["licenses"]["unassigned"]), (&json!(100), &json!(96)), "{was}");
    // Again is the same as once.
    assert_eq!(operate(&app, &plan, "freeze", false).await[0]["detail"], "The plan has 4 licenses now.");
    // A revoked license makes room for another learner, as in any plan.
    plan.revoke(&["ann00000@example.com"]).await.expect(200);
    plan.assign(&["new@example.com"]).await.expect(200);
    app.invariants().await.check();
}

#[tokio::test]
async fn returned_seats_are_deleted_too_however_many_they_are() {
    let app = TestApp::start().await;
    let made = done(&app, &["manufacture-data", "--licenses", "900", "--at", "2026-11-23T00:00:00Z"]).await;
    let customer = text(&made[0], "enterprise_customer_uuid");
    let enterprise = license_domain::EnterpriseId(customer.parse().expect("a UUID"));
    let admin = app.client(Role::Admin, enterprise);
    let plans = admin.get(&format!("/api/v1/subscriptions/?enterprise_customer_uuid={customer}")).await.expect(200);
    let agreement = license_tests::builders::Agreement { id: text(&made[0], "customer_agreement"), enterprise, admin };
    let plan = Plan { id: text(&plans["results"][0], "uuid"), agreement };
    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    let change = json!({ "can_freeze_unused_licenses": true, "change_reason": "other" });
    app.provisioner().send(Method::PATCH, &path, Some(&change)).await.expect(200);
    let before = total(&plan).await;
    assert!(before["unassigned"].as_u64() > Some(70), "more than one transaction deletes: {before}");
    // A worker that is killed leaves the rest to the next one.
    fault(&app, json!({ "worker": "function-workers", "next": 1, "how": "before" })).await;
    let body = json!({ "kind": "freeze", "subscription_plan": plan.id });
    app.provisioner().post("/api/v1/jobs/", &body).await.expect(202);
    app.drain().await;
    app.advance("PT70M").await;
    let after = total(&plan).await;
    // Meanwhile some licenses that were never activated may have become free again: their time was over.
    let count = |counts: &Value, status: &str| counts[status].as_u64().expect("a count");
    assert_eq!(count(&after, "unassigned") + count(&after, "assigned"), count(&before, "assigned"), "{after}");
    app.invariants().await.check_counts();
    check(&app).await;
}

#[tokio::test]
async fn revoked_licenses_are_deleted_with_what_was_noted_beside_them() {
    let app = TestApp::start().await;
    let plan = app.plan(100).await;
    let held = plan.activated(&app, "ann@example.com").await;
    plan.assign(&["bob@example.com", "cid@example.com"]).await.expect(200);
    plan.revoke(&["ann@example.com", "bob@example.com"]).await.expect(200);
    // Of ann's two licenses only the revoked one is deleted.
    plan.assign(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let then = app.now();
    app.advance("PT1M").await;
    let before = records(&app).await;
    let dry = operate(&app, &plan, "delete-revoked", true).await;
    assert_eq!(dry.iter().map(|row| text(row, "outcome")).collect::<Vec<_>>(), ["deleted", "deleted"]);
    assert_eq!(records(&app).await, before, "a dry run changes nothing");
    let rows = operate(&app, &plan, "delete-revoked", false).await;
    assert!(rows.len() == 2 && rows.iter().all(|row| row["user_email"].is_null()), "{rows:?}");
    let counts = plan.overview().await;
    assert_eq!((counts.get("revoked"), counts.get("assigned")), (None, Some(&2)), "{counts:?}");
    plan.admin().get(&plan.path(&format!("licenses/{}/", held.id))).await.expect(404);
    let listed = plan.admin().get(&plan.path("licenses/?status=revoked")).await.expect(200);
    assert_eq!(listed["count"], 0);
    // Events name licenses that are deleted now.
    app.invariants().await.check_counts();
    check(&app).await;
    // The license's own history ends with it, and the plan's counts of then are known.
    let trail = done(&app, &["audit", "--license", &held.id]).await;
    assert_eq!(trail[0]["kind"], "licenses-deleted", "{trail}");
    let was =
        plan.admin().get(&plan.path(&format!("?as_of={}", then.format("%Y-%m-%dT%H:%M:%S%.6fZ")))).await.expect(200);
    assert_eq!(was["licenses"]["revoked"], 2, "{was}");
    let name = "edx.server.license-manager.license-lifecycle.deleted";
    let events = app.anonymous().get(&format!("/_local/events?type={name}")).await.expect(200);
    assert_eq!(events.as_array().map(Vec::len), Some(2), "{events}");
}

#[tokio::test]
async fn missing_licenses_are_created_up_to_the_desired_number() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let other = app.plan_of(&plan.agreement, 5, &json!({})).await;
    plan.assign(&emails("ann", 0..4)).await.expect(200);
    // A transfer takes the seats along.
    let out = done(&app, &["--yes", "operations", "transfer", &plan.id, &other.id, "--reason", "a merger"]).await;
    assert_eq!((&out[0]["kind"], &out[0]["state"]), (&json!("transfer"), &json!("pending")), "{out}");
    app.drain().await;
    assert_eq!((total(&plan).await["total"].clone(), total(&other).await["total"].clone()), (json!(6), json!(9)));
    let dry = operate(&app, &plan, "grow", true).await;
    assert_eq!(dry[0]["detail"], "4 licenses are missing.");
    let out = done(&app, &["operations", "create-missing", &plan.id, "--reason", "after the merger"]).await;
    let id = text(&out[0], "id");
    app.drain().await;
    assert_eq!(results(&plan, &id).await[0]["detail"], "4 licenses were added.");
    assert_eq!(total(&plan).await["total"], 10);
    let history = plan.admin().get(&plan.path("history/?kind=plan-updated")).await.expect(200);
    assert_eq!(history["results"][0]["reason"], "after the merger", "{history}");
    app.invariants().await.check();
}

#[tokio::test]
async fn named_licenses_are_transferred_and_the_results_say_why_others_are_not() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let other = app.plan_of(&plan.agreement, 5, &json!({})).await;
    let [ann, bob, eve] = [
        plan.assigned("ann@example.com").await,
        plan.activated(&app, "bob@example.com").await,
        plan.assigned("eve@example.com").await,
    ];
    plan.revoke(&["eve@example.com"]).await.expect(200);
    let (unknown, of_other) = (app.uuid(0xd).to_string(), other.assigned("bob@example.com").await);
    let licenses = [ann.id.as_str(), &bob.id, &eve.id, &unknown, &of_other.id].join(",");
    let transfer = ["--yes", "operations", "transfer", &plan.id, &other.id, "--reason", "-", "--licenses", &licenses];
    let before = (total(&plan).await, total(&other).await);
    let dry = done(&app, &[&transfer[..], &["--dry-run"]].concat()).await;
    app.drain().await;
    assert_eq!((total(&plan).await, total(&other).await), before);
    let out = done(&app, &transfer).await;
    app.drain().await;
    for job in [&dry[0], &out[0]] {
        let rows = results(&plan, &text(job, "id")).await;
        let said: Vec<(&str, &str)> = rows
            .iter()
            .map(|row| (row["outcome"].as_str().expect("a word"), row["detail"].as_str().unwrap_or_default()))
            .collect();
        let revoked = format!("License {} is revoked.", eve.id);
        let elsewhere = [&unknown, &of_other.id].map(|id| format!("License {id} is not of the plan."));
        assert_eq!(said[0].0, "transferred", "{said:?}");
        // Bob holds a license of the other plan.
        assert_eq!(said[1].0, "refused", "{said:?}");
        assert_eq!(
            said[2..],
            [("invalid", &revoked[..]), ("invalid", &elsewhere[0]), ("invalid", &elsewhere[1])],
            "{said:?}"
        );
    }
    assert_eq!(other.license(&ann.id).await["status"], "assigned");
    app.invariants().await.check();
}

#[tokio::test]
async fn an_agreement_gets_what_the_enterprise_service_has() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let store = app.running().store();
    let name = async || {
        let portfolio = license_storage::Portfolios::portfolio_of_plan(store.as_ref(), plan.uuid().into()).await;
        portfolio.expect("the table answers").expect("the agreement").agreement.enterprise_customer_name
    };
    assert_eq!(name().await, None);
    let dry = operate(&app, &plan, "sync", true).await;
    assert_eq!((&dry[0]["outcome"], &dry[0]["detail"]), (&json!("synced"), &json!("Changed: name.")));
    assert_eq!(name().await, None);
    fault(&app, json!({ "service": "enterprise", "next": 1, "how": { "status": 404 } })).await;
    let refused = operate(&app, &plan, "sync", false).await;
    assert_eq!((&refused[0]["outcome"], name().await), (&json!("refused"), None), "{refused:?}");
    operate(&app, &plan, "sync", false).await;
    assert!(name().await.is_some());
    assert_eq!(operate(&app, &plan, "sync", false).await[0]["detail"], "Nothing differs.");
    let customer = plan.agreement.enterprise.to_string();
    let out =
        done(&app, &["operations", "sync-agreement", "--enterprise-customer-uuid", &customer, "--reason", "-"]).await;
    app.drain().await;
    assert_eq!(job(&plan, &text(&out[0], "id")).await["state"], "done");
}
