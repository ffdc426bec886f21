//! The unprefixed aliases: `/customer-agreements/`, `/subscriptions/`, `/licenses/`, `/products/`, with and without
//! `/api/v1`.

use license_tests::{
    Role, TestApp,
    builders::{emails, text},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::UNKNOWN;

const FORMS: [&str; 2] = ["", "/api/v1"];

#[tokio::test]
async fn the_unprefixed_aliases_of_edx_routes_are_the_same() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    plan.assigned("ann@example.com").await;
    let admin = plan.admin();
    let agreement = &plan.agreement.id;
    for (plain, peers) in [
        ("/customer-agreements/".to_owned(), "/customer-agreement/".to_owned()),
        (format!("/customer-agreements/{agreement}/"), format!("/customer-agreement/{agreement}/")),
        ("/subscriptions/".to_owned(), "/subscriptions/".to_owned()),
        (format!("/subscriptions/{}/", plan.id), format!("/subscriptions/{}/", plan.id)),
        (format!("/subscriptions/{}/licenses/", plan.id), format!("/subscriptions/{}/licenses/", plan.id)),
    ] {
        let known = admin.get(&format!("/api/v1{peers}")).await.expect(200);
        for form in FORMS {
            assert_eq!(admin.get(&format!("{form}{plain}")).await.expect(200), known, "{form}{plain}");
            assert_eq!(admin.get(format!("{form}{plain}").trim_end_matches('/')).await.expect(200), known);
        }
    }
}

#[tokio::test]
async fn licenses_are_listed_across_plans() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (one, two) = (app.plan_of(&agreement, 3, &json!({})).await, app.plan_of(&agreement, 150, &json!({})).await);
    let foreign = app.plan(2).await;
    one.assigned("ann@example.com").await;
    two.activated(&app, "ann@example.com").await;
    foreign.assigned("ann@example.com").await;
    two.assign(&emails("more", 0..9)).await.expect(200);
    for form in FORMS {
        let list = async |query: &str| agreement.admin.get(&format!("{form}/licenses/{query}")).await.expect(200);
        assert_eq!(list("").await["count"], 153);
        assert_eq!(list("?status=assigned,activated").await["count"], 11);
        assert_eq!(list(&format!("?plan={}", one.id)).await["count"], 3);
        assert_eq!(list(&format!("?subscription_plan={}&status=unassigned", two.id)).await["count"], 140);
        assert_eq!(list(&format!("?enterprise={}", agreement.enterprise)).await["count"], 153);
        assert_eq!(list(&format!("?plan={}", foreign.id)).await["count"], 0);
        assert_eq!(list(&format!("?enterprise_customer_uuid={}", foreign.agreement.enterprise)).await["count"], 0);
        assert_eq!(list("?user_email=ANN@example.com").await["count"], 2);
        assert_eq!(list("?email=ann@example.com&status=activated").await["count"], 1);
        assert_eq!(list("?search=more").await["count"], 9);
    }
    // Pages continue from one plan to the next, and list every license once.
    let mut next = Some("/licenses/?page_size=40".to_owned());
    let mut seen = std::collections::BTreeSet::new();
    while let Some(page) = next {
        let page = agreement.admin.get(&page).await.expect(200);
        for license in page["results"].as_array().expect("a list") {
            assert!(seen.insert(text(license, "uuid")));
        }
        next = page["next"].as_str().map(str::to_owned);
        assert!(next.as_deref().is_none_or(|next| next.contains("cursor=")), "{next:?}");
    }
    assert_eq!(seen.len(), 153);
    agreement.admin.get("/licenses/?page=2&cursor=junk").await.expect(404);
    agreement.admin.get("/licenses/?page=99").await.expect(404);
    agreement.admin.get("/licenses/?plan=junk").await.expect(400);
    // A requester with access to all customers must name one.
    let operator = app.client(Role::Operator, agreement.enterprise);
    operator.get("/licenses/").await.expect(400);
    assert_eq!(operator.get("/licenses/?email=ann@example.com").await.expect(200)["count"], 3);
    assert_eq!(operator.get(&format!("/licenses/?plan={}", foreign.id)).await.expect(200)["count"], 2);
}

#[tokio::test]
async fn a_license_is_found_by_its_id_alone() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let held = plan.assigned("ann@example.com").await;
    let free = plan.admin().get(&plan.path("licenses/?status=unassigned")).await.expect(200);
    for license in [held.id.clone(), text(&free["results"][0], "uuid")] {
        let known = plan.license(&license).await;
        for form in FORMS {
            assert_eq!(plan.admin().get(&format!("{form}/licenses/{license}/")).await.expect(200), known);
        }
    }
    let other = app.plan(1).await;
    other.admin().get(&format!("/licenses/{}/", held.id)).await.expect(403);
    other.admin().get(&format!("/licenses/{UNKNOWN}/")).await.expect(403);
    let root = app.client(Role::Superuser, plan.agreement.enterprise);
    root.get(&format!("/licenses/{UNKNOWN}/")).await.expect(404);
    root.get("/licenses/junk/").await.expect(404);
    root.get(&format!("/licenses/{}/", held.id)).await.expect(200);
}

#[tokio::test]
async fn licenses_are_assigned_and_revoked_by_the_unprefixed_routes() {
    let app = TestApp::start().await;
    let plan = app.plan(9).await;
    let other = app.plan(9).await;
    let post = async |path: &str, body: Value| plan.admin().post(path, &body).await;
    let people = emails("ann", 0..6);
    let given = post("/licenses/assign/", json!({ "subscription_plan": plan.id, "user_emails": people })).await;
    let given = given.expect(200);
    assert_eq!(given["num_successful_assignments"], 6);
    let ids: Vec<String> =
        given["license_assignments"].as_array().expect("a list").iter().map(|line| text(line, "license")).collect();
    assert_eq!(
        post("/licenses/assign/", json!({ "user_emails": people })).await.expect(400),
        json!({ "subscription_plan": ["This field is required."] })
    );
    post("/licenses/assign/", json!({ "subscription_plan": other.id, "user_emails": people })).await.expect(403);
    post("/licenses/assign/", json!({ "subscription_plan": plan.id })).await.expect(400);

    let named = json!({ "subscription_plan": plan.id, "user_emails": [people[0]] });
    assert_eq!(
        post("/api/v1/licenses/revoke/", named).await.expect(200)["successful_revocations"][0]["license_uuid"],
        ids[0]
    );
    let some = post("/licenses/revoke/", json!({ "licenses": [ids[1], UNKNOWN, ids[0]] })).await.expect(207);
    assert_eq!(some["successful_revocations"].as_array().map(Vec::len), Some(1));
    assert_eq!(some["unsuccessful_revocations"][0]["license_uuid"], UNKNOWN);
    assert_eq!(some["unsuccessful_revocations"][1]["error_response_status"], 404);
    // Another customer's licenses are as unknown as missing ones.
    let foreign = other.assigned("bob@example.com").await;
    let none = post("/licenses/revoke/", json!({ "licenses": [foreign.id] })).await.expect(404);
    assert_eq!(none["unsuccessful_revocations"].as_array().map(Vec::len), Some(1));
    assert_eq!(other.license(&foreign.id).await["status"], "assigned");
    let second = app.plan_of(&plan.agreement, 2, &json!({})).await;
    let elsewhere = second.assigned("bob@example.com").await;
    let mixed = post("/licenses/revoke/", json!({ "licenses": [ids[2], elsewhere.id] })).await.expect(400);
    assert_eq!(mixed, json!({ "licenses": ["All of them must be licenses of one plan."] }));
    let both = json!({ "licenses": [ids[2]], "user_emails": [people[2]] });
    post("/licenses/revoke/", both).await.expect(400);
    post("/licenses/revoke/", json!({ "licenses": ["junk"] })).await.expect(400);
    post("/licenses/revoke/", json!({})).await.expect(400);
    assert_eq!(plan.overview().await["revoked"], 2);
    app.invariants().await.check();
}

#[tokio::test]
async fn plans_are_created_changed_and_deleted_while_no_learner_has_used_them() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let provisioner = app.provisioner();
    for form in FORMS {
        let mut body = app.plan_body(&agreement, 70);
        body["title"] = json!("Short-lived");
        let made = provisioner.post(&format!("{form}/subscriptions/"), &body).await.expect(201);
        let path = format!("{form}/subscriptions/{}/", text(&made, "uuid"));
        for method in [Method::PUT, Method::PATCH] {
            let change = json!({ "change_reason": "other", "desired_num_licenses": 100 });
            assert_eq!(provisioner.send(method, &path, Some(&change)).await.expect(200)["desired_num_licenses"], 100);
        }
        agreement.admin.send(Method::DELETE, &path, None).await.expect(403);
        provisioner.send(Method::DELETE, &path, None).await.expect(204);
        provisioner.send(Method::DELETE, &path, None).await.expect(404);
        agreement.admin.get(&path).await.expect(403);
        app.invariants().await.check();
    }
    // Its title can be used again.
    let mut body = app.plan_body(&agreement, 2);
    body["title"] = json!("Short-lived");
    let made = provisioner.post("/subscriptions/", &body).await.expect(201);
    let path = format!("/subscriptions/{}/", text(&made, "uuid"));
    agreement.admin.post(&format!("{path}licenses/assign/"), &json!({ "user_emails": ["a@b.example"] })).await;
    let plan = license_tests::builders::Plan { id: text(&made, "uuid"), agreement: agreement.clone() };
    plan.assigned("ann@example.com").await;
    let used = json!({ "error": "Learners have, or had, licenses of this plan." });
    assert_eq!(provisioner.send(Method::DELETE, &path, None).await.expect(409), used);
    plan.revoke(&["ann@example.com"]).await.expect(200);
    assert_eq!(provisioner.send(Method::DELETE, &path, None).await.expect(409), used);

    let (prior, next) = (app.plan_of(&agreement, 2, &json!({})).await, app.plan_of(&agreement, 2, &json!({})).await);
    let renewal = json!({
        "prior_subscription_plan": prior.id, "renewed_subscription_plan": next.id, "number_of_licenses": 2,
        "salesforce_opportunity_id": null, "effective_date": "2027-12-31T00:00:00Z",
        "renewed_expiration_date": "2028-12-31T00:00:00Z",
    });
    provisioner.post("/api/v1/provisioning-admins/subscription-plan-renewals/", &renewal).await.expect(201);
    for plan in [&prior, &next] {
        provisioner.send(Method::DELETE, &format!("/subscriptions/{}/", plan.id), None).await.expect(409);
    }
    app.invariants().await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plan_is_deleted_or_assigned_from_but_not_both() {
    let app = TestApp::start().await;
    for round in 0..6 {
        let plan = app.plan(3).await;
        let path = format!("/subscriptions/{}/", plan.id);
        let provisioner = app.provisioner();
        let email = [format!("round{round}@example.com")];
        let (deleted, assigned) =
            futures::future::join(provisioner.send(Method::DELETE, &path, None), plan.assign(&email)).await;
        match (deleted.status.as_u16(), assigned.status.as_u16()) {
            (204, 400 | 403 | 404) | (409, 200) => {}
            other => panic!("{other:?}: {} {}", deleted.text, assigned.text),
        }
        app.invariants().await.check();
    }
}

#[tokio::test]
async fn products_and_plan_types_are_listed() {
    let app = TestApp::start().await;
    for form in FORMS {
        let products = app.provisioner().get(&format!("{form}/products/")).await.expect(200);
        assert_eq!((&products["results"][0]["id"], products["count"].as_u64() > Some(0)), (&json!(1), true));
        let kinds = app.provisioner().get(&format!("{form}/plan-types/")).await.expect(200);
        assert!(kinds["results"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["label"] == "Trial")));
    }
}
