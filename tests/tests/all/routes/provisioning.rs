//! `provisioning-admins/`: agreements and plans are created and read.

use license_local::Options;
use license_tests::{Role, TestApp, app::options, builders::text};
use reqwest::Method;
use serde_json::{Value, json};

use super::UNKNOWN;

const AGREEMENTS: &str = "/api/v1/provisioning-admins/customer-agreement/";
const PLANS: &str = "/api/v1/provisioning-admins/subscriptions/";

#[tokio::test]
async fn an_agreement_is_created_once_for_each_customer() {
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
    app.invariants().await.check();
}

#[tokio::test]
async fn invalid_plans_are_refused_with_an_error() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let title = text(&app.plan_body(&agreement, 1), "title");
    app.plan_of(&agreement, 1, &json!({ "title": title })).await;
    for (field, value) in [
        ("title", json!(title.to_uppercase())),
        ("title", json!("")),
        ("title", json!("a\u{0}b")),
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
        let response = app.provisioner().post(PLANS, &body).await;
        assert!(!response.expect(400)["error"].is_null(), "{field} = {value}: {}", response.text);
    }
    let mut internal = app.plan_body(&agreement, 1_000_001);
    internal["for_internal_use_only"] = json!(true);
    app.provisioner().post(PLANS, &internal).await.expect(201);
    assert_eq!(app.invariants().await.plans.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_to_create_the_same_plan_one_succeeds() {
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
async fn refused_plans_get_the_reason() {
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
        let response = app.provisioner().post(PLANS, &body).await.expect(400);
        assert_eq!(response, json!({ "error": format!("An error occurred: {refusal}") }));
    }
    // Without a default catalog the plan has to name one; tests need no line item.
    let bare = json!({ "enterprise_customer_uuid": app.uuid(0xe) });
    let made = app.provisioner().post("/api/v1/provisioning-admins/customer-agreement/", &bare).await.expect(201);
    let mut body = app.plan_body(&agreement, 1);
    body["customer_agreement"] = made["uuid"].clone();
    let response = app.provisioner().post(PLANS, &body).await.expect(400);
    assert!(response["error"].as_str().is_some_and(|error| error.contains("needs a catalog")), "{response}");
    app.plan_of(&agreement, 1, &json!({ "product": 4, "salesforce_opportunity_line_item": null })).await;
}

#[tokio::test]
async fn an_unavailable_catalog_service_is_503() {
    let nowhere = [("ENTERPRISE_CATALOG_URL".to_owned(), "http://127.0.0.1:9".to_owned())];
    let app = TestApp::start_with(Options { settings: nowhere.into(), ..options() }, false).await;
    let agreement = app.agreement().await;
    let mut body = app.plan_body(&agreement, 1);
    body["enterprise_catalog_uuid"] = json!(UNKNOWN);
    let response = app.provisioner().post(PLANS, &body).await;
    assert_eq!(response.expect(503), json!({ "detail": "The catalog service did not answer as expected." }));
    assert!(response.header("retry-after").is_some());
}

#[tokio::test]
async fn agreements_are_changed_and_names_stay_unique() {
    let app = TestApp::start().await;
    let (mine, other) = (app.agreement().await, app.agreement().await);
    let path = format!("{AGREEMENTS}{}/", mine.id);
    let change = async |body: Value| app.provisioner().send(Method::PATCH, &path, Some(&body)).await;
    let old_slug = text(&app.provisioner().get(&path).await.expect(200), "enterprise_customer_slug");
    let changed =
        change(json!({ "enterprise_customer_slug": "renamed", "disable_expiration_notifications": true })).await;
    let changed = changed.expect(200);
    assert_eq!(
        (&changed["enterprise_customer_slug"], &changed["disable_expiration_notifications"]),
        (&json!("renamed"), &json!(true))
    );
    assert_eq!(app.provisioner().get(&path).await.expect(200), changed);
    // The new name is taken, the old one is free.
    let theirs = format!("{AGREEMENTS}{}/", other.id);
    let steal = json!({ "enterprise_customer_slug": "RENAMED" });
    let refused = app.provisioner().send(Method::PATCH, &theirs, Some(&steal)).await.expect(400);
    assert_eq!(
        refused,
        json!({ "enterprise_customer_slug": ["Customer Agreement with this enterprise customer slug already exists."] })
    );
    let body = json!({ "enterprise_customer_uuid": app.uuid(0xe), "enterprise_customer_slug": old_slug });
    app.provisioner().post(AGREEMENTS, &body).await.expect(201);

    assert!(change(json!({ "enterprise_customer_uuid": mine.enterprise })).await.expect(400).is_string());
    let put = async |body: Value| app.provisioner().send(Method::PUT, &path, Some(&body)).await;
    assert_eq!(put(json!({})).await.expect(400), json!({ "enterprise_customer_uuid": ["This field is required."] }));
    let customer = app.uuid(0xe);
    let moved = put(json!({ "enterprise_customer_uuid": customer })).await.expect(200);
    assert_eq!(moved["enterprise_customer_uuid"], json!(customer));
    assert_eq!(moved["enterprise_customer_slug"], "renamed", "what is left out stays");
    put(json!({ "enterprise_customer_uuid": other.enterprise })).await.expect(400);
    // The former customer has no agreement any more.
    let list = app.client(Role::Operator, other.enterprise);
    let of = |id: String| format!("/api/v1/customer-agreement/?enterprise_customer_uuid={id}");
    assert_eq!(list.get(&of(mine.enterprise.to_string())).await.expect(200)["count"], 0);
    assert_eq!(list.get(&of(customer.to_string())).await.expect(200)["count"], 1);
    let unknown = format!("{AGREEMENTS}{UNKNOWN}/");
    app.provisioner().send(Method::PATCH, &unknown, Some(&json!({}))).await.expect(404);
    app.invariants().await.check();
}

#[tokio::test]
async fn plans_are_changed_and_grow() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    plan.activated(&app, "ann@example.com").await;
    let path = format!("{PLANS}{}/", plan.id);
    let change = async |body: Value| app.provisioner().send(Method::PATCH, &path, Some(&body)).await;
    let changed = change(json!({ "change_reason": "other", "title": "Renamed", "desired_num_licenses": 5000 })).await;
    let changed = changed.expect(200);
    assert_eq!(
        (&changed["title"], &changed["desired_num_licenses"], &changed["change_reason"]),
        (&json!("Renamed"), &json!(5000), &json!("other"))
    );
    let overview = plan.overview().await;
    assert_eq!((overview["activated"], overview["unassigned"]), (1, 4999));
    // Every seat is listed once, and can be assigned.
    let page = plan.admin().get(&plan.path("licenses/?page=last&page_size=500")).await.expect(200);
    assert_eq!((&page["count"], page["results"].as_array().map(Vec::len)), (&json!(5000), Some(500)));
    plan.assign(&license_tests::builders::emails("more", 0..60)).await.expect(200);
    // A smaller number does not remove licenses.
    change(json!({ "change_reason": "other", "desired_num_licenses": 3 })).await.expect(200);
    assert_eq!(plan.overview().await.values().sum::<u64>(), 5000);
    app.invariants().await.check();

    let error = |text: &str| json!({ "error": text });
    let title = text(&app.provisioner().get(&path).await.expect(200), "title");
    let second = app.plan_of(&plan.agreement, 1, &json!({})).await;
    let rename = json!({ "change_reason": "other", "title": title.to_lowercase() });
    let response = app.provisioner().send(Method::PATCH, &format!("{PLANS}{}/", second.id), Some(&rename)).await;
    assert!(response.expect(400)["error"].as_str().is_some_and(|error| error.contains("title")), "{}", response.text);
    for (changes, refusal) in [
        (json!({}), json!({ "error": { "change_reason": ["This field is required."] } })),
        (
            json!({ "change_reason": "other", "salesforce_opportunity_line_item": "001" }),
            error("An error occurred: You must specify Salesforce ID for selected product. It must start with '00k'."),
        ),
        (json!({ "change_reason": "other", "desired_num_licenses": -1 }), error("Unknown error.")),
        (
            json!({ "change_reason": "other", "enterprise_catalog_uuid": UNKNOWN }),
            error("An error occurred: A catalog with the given UUID does not exist for this enterprise customer."),
        ),
        (
            json!({ "change_reason": "other", "product": 99 }),
            json!({ "error": { "product": ["Invalid pk \"99\" - object does not exist."] } }),
        ),
    ] {
        assert_eq!(change(changes.clone()).await.expect(400), refusal, "{changes}");
    }
    change(json!({ "change_reason": "other", "customer_agreement": UNKNOWN })).await.expect(400);
    let unknown = format!("{PLANS}{UNKNOWN}/");
    let other = json!({ "change_reason": "other" });
    let response = app.provisioner().send(Method::PATCH, &unknown, Some(&other)).await;
    assert_eq!(response.expect(404), error("No record found."));
    // An inactive plan is changed only with the explicit parameter.
    change(json!({ "change_reason": "other", "is_active": false })).await.expect(200);
    let wake = json!({ "change_reason": "other", "is_active": true });
    assert_eq!(change(wake.clone()).await.expect(400), error("Unknown error."));
    let with = format!("{path}?include_inactive=True");
    app.provisioner().send(Method::PATCH, &with, Some(&wake)).await.expect(200);
}

#[tokio::test]
async fn provisioners_list_plans() {
    let app = TestApp::start().await;
    let mine = app.agreement().await;
    let old = app.plan_of(&mine, 1, &json!({ "start_date": "2025-01-01T00:00:00Z" })).await;
    let new = app.plan_of(&mine, 1, &json!({})).await;
    let inactive = app.plan_of(&mine, 1, &json!({ "is_active": false, "start_date": "2024-01-01T00:00:00Z" })).await;
    app.plan(1).await;
    let list = async |query: &str| app.provisioner().get(&format!("{PLANS}?{query}")).await.expect(200);
    let ids = |page: &Value| -> Vec<String> {
        page["results"].as_array().expect("a list").iter().map(|plan| text(plan, "uuid")).collect()
    };
    let of = format!("enterprise_customer_uuid={}", mine.enterprise);
    assert_eq!(ids(&list(&of).await), [new.id.as_str(), &old.id]);
    assert_eq!(ids(&list(&format!("{of}&include_inactive=true")).await), [new.id.as_str(), &old.id, &inactive.id]);
    assert_eq!(list("").await["count"], 3);
    assert_eq!(list("include_inactive=True").await["count"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn simultaneous_changes_are_all_made() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let path = format!("{PLANS}{}/", plan.id);
    let fields = ["is_revocation_cap_enabled", "can_freeze_unused_licenses", "for_internal_use_only"];
    let changes = fields.map(|field| json!({ "change_reason": "other", field: true }));
    let client = app.provisioner();
    let more = json!({ "change_reason": "other", "desired_num_licenses": 90 });
    let requests = changes.iter().chain([&more]).map(|body| client.send(Method::PATCH, &path, Some(body)));
    for response in futures::future::join_all(requests).await {
        response.expect(200);
    }
    let shown =
        app.provisioner().send(Method::PATCH, &path, Some(&json!({ "change_reason": "new" }))).await.expect(200);
    for field in fields {
        assert_eq!(shown[field], true, "{field}");
    }
    assert_eq!(plan.overview().await["unassigned"], 90);
    app.invariants().await.check();
}
