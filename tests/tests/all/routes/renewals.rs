//! `provisioning-admins/subscription-plan-renewals/` and one.

use license_tests::{Role, TestApp, builders::Plan};
use reqwest::Method;
use serde_json::{Value, json};

use super::UNKNOWN;

const RENEWALS: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/";

fn body(prior: &Plan, renewed: Option<&Plan>) -> Value {
    json!({
        "prior_subscription_plan": prior.id, "renewed_subscription_plan": renewed.map(|plan| &plan.id),
        "salesforce_opportunity_id": "00k000000000000777", "number_of_licenses": 6,
        "effective_date": "2027-12-31T00:00:00Z", "renewed_expiration_date": "2028-12-31T00:00:00Z",
    })
}

#[tokio::test]
async fn a_renewal_is_created_once_for_its_plans() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let prior = app.plan_of(&agreement, 5, &json!({})).await;
    let next = app.plan_of(&agreement, 5, &json!({ "title": "Next" })).await;
    let other = app.plan_of(&agreement, 5, &json!({})).await;
    let create = async |body: &Value| app.provisioner().post(RENEWALS, body).await;
    let made = create(&body(&prior, Some(&next))).await.expect(201);
    assert_eq!(
        (&made["number_of_licenses"], &made["renewed_subscription_plan_title"], &made["processed"]),
        (&json!(6), &json!("Next"), &json!(false))
    );
    assert_eq!(made["enterprise_customer_uuid"], json!(agreement.enterprise));
    assert_eq!(made["license_types_to_copy"], "assigned_and_activated");
    // The same two plans: that renewal. One of them: 422 with the existing renewal.
    assert_eq!(create(&body(&prior, Some(&next))).await.expect(200), made);
    assert_eq!(create(&body(&prior, None)).await.expect(422), made);
    assert_eq!(create(&body(&other, Some(&next))).await.expect(422), made);
    let second = create(&body(&next, Some(&other))).await.expect(201);
    assert!(second["id"].as_i64() > made["id"].as_i64());

    let list = async |query: &str| app.provisioner().get(&format!("{RENEWALS}?{query}")).await;
    assert_eq!(list("").await.expect(200)["results"], json!([made, second]));
    let by_prior = list(&format!("prior_subscription_plan={}", prior.id)).await.expect(200);
    assert_eq!((&by_prior["count"], &by_prior["results"][0]["id"]), (&json!(1), &made["id"]));
    assert_eq!(list(&format!("renewed_subscription_plan={}", other.id)).await.expect(200)["count"], 1);
    assert_eq!(list("salesforce_opportunity_id=00k000000000000778").await.expect(200)["count"], 0);
    list(&format!("prior_subscription_plan={UNKNOWN}")).await.expect(400);
    // The plan shows its end including its renewals.
    let shown = prior.admin().get(&prior.path("")).await.expect(200);
    assert_eq!(shown["days_until_expiration_including_renewals"], 768);
    app.invariants().await.check();
}

#[tokio::test]
async fn bodies_that_are_not_valid_are_refused_field_by_field() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let foreign = app.plan(1).await;
    let required = json!(["This field is required."]);
    let empty = app.provisioner().post(RENEWALS, &json!({})).await.expect(400);
    assert_eq!(empty.as_object().map(serde_json::Map::len), Some(5), "{empty}");
    assert!(empty.as_object().is_some_and(|fields| fields.values().all(|complaint| *complaint == required)));
    let unknown = |id: &str| json!([format!("Invalid pk \"{id}\" - object does not exist.")]);
    for (field, value, complaint) in [
        ("prior_subscription_plan", json!(UNKNOWN), unknown(UNKNOWN)),
        ("renewed_subscription_plan", json!(foreign.id), unknown(&foreign.id)),
        ("renewed_subscription_plan", json!(plan.id), unknown(&plan.id)),
        ("number_of_licenses", json!(0), json!(["Ensure this value is greater than or equal to 1."])),
        ("license_types_to_copy", json!("all"), json!(["\"all\" is not a valid choice."])),
    ] {
        let mut request = body(&plan, None);
        request[field] = value;
        assert_eq!(app.provisioner().post(RENEWALS, &request).await.expect(400), json!({ field: complaint }));
    }
}

#[tokio::test]
async fn renewals_are_changed_and_deleted() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let prior = app.plan_of(&agreement, 5, &json!({})).await;
    let next = app.plan_of(&agreement, 5, &json!({})).await;
    let made = app.provisioner().post(RENEWALS, &body(&prior, None)).await.expect(201);
    let path = format!("{RENEWALS}{}/", made["id"]);
    let change = async |method: Method, body: Value| app.provisioner().send(method, &path, Some(&body)).await;
    let changed = change(Method::PATCH, json!({ "number_of_licenses": 7, "renewed_plan_title": "Later" })).await;
    let changed = changed.expect(200);
    assert_eq!((&changed["number_of_licenses"], &changed["renewed_plan_title"]), (&json!(7), &json!("Later")));
    let linked = change(Method::PUT, json!({ "renewed_subscription_plan": next.id })).await.expect(200);
    assert_eq!((&linked["renewed_subscription_plan"], &linked["number_of_licenses"]), (&json!(next.id), &json!(7)));
    assert_eq!(app.provisioner().get(&path).await.expect(200), linked);
    for (field, value) in [("processed", json!(true)), ("id", json!(9)), ("nonsense", json!(1))] {
        let complaint = json!({ "non_field_errors": [format!("{field} cannot be changed.")] });
        assert_eq!(change(Method::PATCH, json!({ field: value })).await.expect(400), complaint);
    }
    change(Method::PATCH, json!({ "number_of_licenses": 0 })).await.expect(400);

    let missing = json!({ "detail": "No SubscriptionPlanRenewal matches the given query." });
    let unknown = format!("{RENEWALS}999999/");
    assert_eq!(app.provisioner().send(Method::PATCH, &unknown, Some(&json!({}))).await.expect(404), missing);
    app.provisioner().get(&format!("{RENEWALS}x/")).await.expect(404);
    app.client(Role::Admin, agreement.enterprise).get(&path).await.expect(403);

    app.provisioner().send(Method::DELETE, &path, None).await.expect(204);
    assert_eq!(app.provisioner().get(&path).await.expect(404), missing);
    // Its plans can have another renewal.
    let again = app.provisioner().post(RENEWALS, &body(&prior, Some(&next))).await.expect(201);
    assert_ne!(again["id"], made["id"]);
    app.invariants().await.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_renew_a_plan_one_succeeds() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let prior = app.plan_of(&agreement, 5, &json!({})).await;
    let request = body(&prior, None);
    let client = app.provisioner();
    let responses = futures::future::join_all((0..12).map(|_| client.post(RENEWALS, &request))).await;
    let count = |status: u16| responses.iter().filter(|response| response.status.as_u16() == status).count();
    assert_eq!((count(201), count(200)), (1, 11));
}
