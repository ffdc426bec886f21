//! `ETag`, `If-None-Match`, `If-Match`: an unchanged response is not sent again, and no change is lost.

use futures::future::join_all;
use license_tests::{Client, TestApp, TestResponse, builders::Plan};
use reqwest::Method;
use serde_json::{Value, json};

const RENEWALS: &str = "/api/v1/provisioning-admins/subscription-plan-renewals/";

async fn get(client: &Client, path: &str, tag: Option<&str>) -> TestResponse {
    let headers: Vec<(&str, &str)> = tag.map(|tag| ("if-none-match", tag)).into_iter().collect();
    client.send_with(Method::GET, path, None, &headers).await
}

async fn change(client: &Client, method: Method, path: &str, body: &Value, tag: &str) -> TestResponse {
    client.send_with(method, path, Some(body), &[("if-match", tag)]).await
}

fn tag(response: &TestResponse) -> String {
    response.header("etag").expect("a tag").to_owned()
}

async fn renewal(app: &TestApp, prior: &Plan) -> String {
    let body = json!({
        "prior_subscription_plan": prior.id, "salesforce_opportunity_id": null, "number_of_licenses": 6,
        "effective_date": "2027-12-31T00:00:00Z", "renewed_expiration_date": "2028-12-31T00:00:00Z",
    });
    let made = app.provisioner().post(RENEWALS, &body).await.expect(201);
    format!("{RENEWALS}{}/", made["id"])
}

#[tokio::test]
async fn an_unchanged_response_is_not_sent_again() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.assigned("ann@example.com").await;
    let provisioner = app.provisioner();
    let renewal = renewal(&app, &plan).await;
    let agreement = &plan.agreement.id;
    let ann = app.learner(plan.agreement.enterprise, "ann@example.com");
    let of = format!("?enterprise_customer_uuid={}", plan.agreement.enterprise);
    for (client, path) in [
        (plan.admin(), plan.path("")),
        (plan.admin(), format!("/subscriptions/{}/", plan.id)),
        (plan.admin(), plan.path(&format!("licenses/{}/", held.id))),
        (plan.admin(), format!("/licenses/{}/", held.id)),
        (plan.admin(), format!("/api/v1/customer-agreement/{agreement}/")),
        (&ann, plan.path(&format!("license/{}/", held.id))),
        (&ann, format!("/api/v1/learner-subscriptions/{}/{of}", plan.id)),
        (&provisioner, format!("/api/v1/provisioning-admins/customer-agreement/{agreement}/")),
        (&provisioner, format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id)),
        (&provisioner, renewal),
    ] {
        let first = get(client, &path, None).await;
        first.expect(200);
        let again = get(client, &path, Some(&tag(&first))).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{path}");
        assert_eq!(tag(&again), tag(&first));
        assert_eq!(get(client, &path, Some("\"other\"")).await.expect(200), first.json());
    }
    // Counts are part of the response.
    let seen = get(plan.admin(), &plan.path(""), None).await;
    plan.assigned("bob@example.com").await;
    get(plan.admin(), &plan.path(""), Some(&tag(&seen))).await.expect(200);
    let license = plan.path(&format!("licenses/{}/", held.id));
    let seen = get(plan.admin(), &license, None).await;
    plan.activate(&app, &held).await.expect(200);
    get(plan.admin(), &license, Some(&tag(&seen))).await.expect(200);
}

#[tokio::test]
async fn a_change_of_something_that_another_request_has_changed_is_refused() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let provisioner = app.provisioner();
    let agreement = format!("/api/v1/provisioning-admins/customer-agreement/{}/", plan.agreement.id);
    let peers = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    for (path, method, body) in [
        (agreement.clone(), Method::PATCH, json!({ "disable_expiration_notifications": true })),
        (agreement, Method::PUT, json!({ "enterprise_customer_uuid": plan.agreement.enterprise })),
        (peers, Method::PATCH, json!({ "change_reason": "other", "title": "Renamed" })),
        (format!("/subscriptions/{}/", plan.id), Method::PUT, json!({ "change_reason": "other" })),
        (renewal(&app, &plan).await, Method::PATCH, json!({ "number_of_licenses": 7 })),
    ] {
        let reader = if path.starts_with("/subscriptions") { plan.admin() } else { &provisioner };
        let seen = tag(&get(reader, &path, None).await);
        // Values that change without an update do not count.
        plan.assign(&[format!("{}@example.com", app.number())]).await.expect(200);
        let first = change(&provisioner, method.clone(), &path, &body, &seen).await;
        first.expect(200);
        let late = change(&provisioner, method.clone(), &path, &body, &seen).await.expect(412);
        assert_eq!(late, json!({ "detail": "It was changed since the version that If-Match names." }));
        // The response to a change has the tag of the new version.
        change(&provisioner, method.clone(), &path, &body, &tag(&first)).await.expect(200);
        change(&provisioner, method, &path, &body, "*").await.expect(200);
    }
    let path = renewal(&app, &app.plan(1).await).await;
    let seen = tag(&get(&provisioner, &path, None).await);
    provisioner.send(Method::PATCH, &path, Some(&json!({ "number_of_licenses": 8 }))).await.expect(200);
    change(&provisioner, Method::DELETE, &path, &json!({}), &seen).await.expect(412);
    let unused = app.plan(1).await;
    let path = format!("/subscriptions/{}/", unused.id);
    change(&provisioner, Method::DELETE, &path, &json!({}), "\"old\"").await.expect(412);
    let now = tag(&get(unused.admin(), &path, None).await);
    change(&provisioner, Method::DELETE, &path, &json!({}), &now).await.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_changes_to_the_same_version_one_succeeds() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let provisioner = app.provisioner();
    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", plan.id);
    for round in 0..5 {
        let seen = tag(&get(&provisioner, &path, None).await);
        let titles: Vec<Value> =
            (0..8).map(|n| json!({ "change_reason": "other", "title": format!("{round} {n}") })).collect();
        let changes = titles.iter().map(|body| change(&provisioner, Method::PATCH, &path, body, &seen));
        let responses = join_all(changes).await;
        let count = |status| responses.iter().filter(|response| response.status.as_u16() == status).count();
        assert_eq!((count(200), count(412)), (1, 7), "{responses:?}");
    }
}
