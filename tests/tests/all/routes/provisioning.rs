//! `provisioning-admins/`: agreements and plans are made and read.

use license_local::Options;
use license_tests::{TestApp, app::options, builders::text};
use serde_json::{Value, json};

use super::UNKNOWN;

const AGREEMENTS: &str = "/api/v1/provisioning-admins/customer-agreement/";
const PLANS: &str = "/api/v1/provisioning-admins/subscriptions/";

#[tokio::test]
async fn an_agreement_is_made_once_for_each_customer() {
    let app = TestApp::start().await;
    let body = json!({ "enterprise_customer_uuid": app.uuid(0xe), "enterprise_customer_slug": "acme" });
    let made = app.provisioner().post(AGREEMENTS, &body).await.expect(201);
    assert_eq!(made["subscriptions"], json!([]));
    let read = app.provisioner().get(&format!("{AGREEMENTS}{}/", text(&made, "uuid"))).await.expect(200);
    assert_eq!(read, made);
    let again = app.provisioner().post(AGREEMENTS, &body).await.expect(400);
    assert_eq!(
        again,
        json!({
            "enterprise_customer_uuid": ["Customer Agreement with this enterprise customer uuid already exists."],
            "enterprise_customer_slug": ["Customer Agreement with this enterprise customer slug already exists."],
        })
    );
    let slug = json!({ "enterprise_customer_uuid": app.uuid(0xe), "enterprise_customer_slug": "ACME" });
    assert_eq!(
        app.provisioner().post(AGREEMENTS, &slug).await.expect(400).as_object().map(serde_json::Map::len),
        Some(1)
    );
    let unknown = app.provisioner().get(&format!("{AGREEMENTS}{UNKNOWN}/")).await;
    assert_eq!(unknown.expect(404), json!({ "detail": "No CustomerAgreement matches the given query." }));
    let refused = app.provisioner().post(AGREEMENTS, &json!({})).await.expect(400);
    assert_eq!(refused, json!({ "enterprise_customer_uuid": ["This field is required."] }));
}

#[tokio::test]
async fn a_plan_is_made_with_all_its_seats() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let made = app.provisioner().post(PLANS, &app.plan_body(&agreement, 12)).await.expect(201);
    assert_eq!((&made["desired_num_licenses"], &made["change_reason"]), (&json!(12), &json!("new")));
    let read = app.provisioner().get(&format!("{PLANS}{}/", text(&made, "uuid"))).await.expect(200);
    assert_eq!((&read["licenses"]["unassigned"], &read["title"]), (&json!(12), &made["title"]));
    let unknown = app.provisioner().get(&format!("{PLANS}{UNKNOWN}/")).await;
    assert_eq!(unknown.expect(404), json!({ "error": "No record found." }));
    app.plan_of(&agreement, 0, &json!({})).await;
    app.census().await.check();
}

#[tokio::test]
async fn plans_that_cannot_be_are_refused_with_an_error() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let title = text(&app.plan_body(&agreement, 1), "title");
    app.plan_of(&agreement, 1, &json!({ "title": title })).await;
    for (field, value) in [
        ("title", json!(title.to_uppercase())),
        ("title", json!("")),
        ("customer_agreement", json!(UNKNOWN)),
        ("product", json!(99)),
        ("product", json!("x")),
        ("desired_num_licenses", json!(-1)),
        ("desired_num_licenses", json!(1_000_001)),
        ("salesforce_opportunity_line_item", json!("001000000000000123")),
        ("salesforce_opportunity_line_item", Value::Null),
        ("change_reason", json!("because")),
        ("start_date", json!("yesterday")),
        ("revoke_max_percentage", json!(101)),
        ("enterprise_catalog_uuid", json!("junk")),
    ] {
        let mut body = app.plan_body(&agreement, 1);
        body[field] = value.clone();
        let answer = app.provisioner().post(PLANS, &body).await;
        assert!(!answer.expect(400)["error"].is_null(), "{field} = {value}: {}", answer.text);
    }
    let mut internal = app.plan_body(&agreement, 1_000_001);
    internal["for_internal_use_only"] = json!(true);
    app.provisioner().post(PLANS, &internal).await.expect(201);
    assert_eq!(app.census().await.plans.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_make_the_same_one_succeeds() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let mut body = app.plan_body(&agreement, 1);
    body["title"] = json!("the one");
    let customer = json!({ "enterprise_customer_uuid": app.uuid(0xe) });
    for (path, body) in [(PLANS, body), (AGREEMENTS, customer)] {
        let calls = (0..8).map(|_| {
            let (client, body) = (app.provisioner(), body.clone());
            tokio::spawn(async move { client.post(path, &body).await.status.as_u16() })
        });
        let statuses = futures::future::join_all(calls.collect::<Vec<_>>()).await;
        let made = statuses.iter().filter(|status| matches!(status, Ok(201))).count();
        let refused = statuses.iter().filter(|status| matches!(status, Ok(400))).count();
        assert_eq!((made, refused), (1, 7), "{path}: {statuses:?}");
    }
}

#[tokio::test]
async fn refusals_say_why() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let line_item = "You must specify Salesforce ID for selected product. It must start with '00k'.";
    for (changes, refusal) in [
        (json!({ "salesforce_opportunity_line_item": "001" }), line_item),
        (json!({ "customer_agreement": UNKNOWN }), "There is no such customer agreement."),
        (
            json!({ "enterprise_catalog_uuid": UNKNOWN }),
            "A catalog with the given UUID does not exist for this enterprise customer.",
        ),
        (
            json!({ "desired_num_licenses": 1_000_001 }),
            "Only plans for internal use may have more than 1000000 licenses.",
        ),
    ] {
        let mut body = app.plan_body(&agreement, 1);
        for (name, value) in changes.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let answer = app.provisioner().post(PLANS, &body).await.expect(400);
        assert_eq!(answer, json!({ "error": format!("An error occurred: {refusal}") }));
    }
    // Without a default catalog the plan has to name one; tests need no line item.
    let bare = json!({ "enterprise_customer_uuid": app.uuid(0xe) });
    let made = app.provisioner().post("/api/v1/provisioning-admins/customer-agreement/", &bare).await.expect(201);
    let mut body = app.plan_body(&agreement, 1);
    body["customer_agreement"] = made["uuid"].clone();
    let answer = app.provisioner().post(PLANS, &body).await.expect(400);
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("needs a catalog")), "{answer}");
    app.plan_of(&agreement, 1, &json!({ "product": 4, "salesforce_opportunity_line_item": null })).await;
}

#[tokio::test]
async fn a_catalog_service_that_is_down_is_not_the_clients_fault() {
    let nowhere = [("ENTERPRISE_CATALOG_URL".to_owned(), "http://127.0.0.1:9".to_owned())];
    let app = TestApp::start_with(Options { settings: nowhere.into(), ..options() }, false).await;
    let agreement = app.agreement().await;
    let mut body = app.plan_body(&agreement, 1);
    body["enterprise_catalog_uuid"] = json!(UNKNOWN);
    let answer = app.provisioner().post(PLANS, &body).await;
    assert_eq!(answer.expect(503), json!({ "detail": "The catalog service did not answer as expected." }));
    assert!(answer.header("retry-after").is_some());
}
