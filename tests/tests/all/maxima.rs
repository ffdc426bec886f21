//! Every text of a body has a maximum: one character more is refused before anything is written, and with all texts at
//! their maximum the work finishes.

use license_api::{Route, fields::Format};
use license_domain::{
    email::MAX_EMAIL_LENGTH,
    maxima::{MAX_COURSE_KEY, MAX_MAIL_TEXT, MAX_SOURCE_ID},
};
use license_tests::{
    Client, Role, TestApp, TestResponse,
    builders::{Plan, emails, text},
    consequences::Outside,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{access, table};

/// A text of so many characters, each of which takes the most bytes that a character can.
fn wide(length: usize) -> String {
    "\u{1f600}".repeat(length)
}

/// Addresses of the maximal length.
fn long_emails(count: usize) -> Vec<String> {
    let domain = format!("{0}.{0}.{1}.example.com", "d".repeat(63), "d".repeat(49));
    let all: Vec<String> = (0..count).map(|n| format!("{}{n:04}@{domain}", "a".repeat(60))).collect();
    assert!(all.iter().all(|email| email.len() == MAX_EMAIL_LENGTH));
    all
}

fn refusal(max: usize) -> String {
    format!("Ensure this field has no more than {max} characters.")
}

/// The fields of `POST /jobs/`'s `params` that are texts.
const JOB_TEXTS: [(&str, usize); 3] =
    [("greeting", MAX_MAIL_TEXT), ("closing", MAX_MAIL_TEXT), ("user_email", MAX_EMAIL_LENGTH)];

/// Those that are lists of texts.
const JOB_LISTS: [(&str, usize); 2] = [("user_sfids", MAX_SOURCE_ID), ("course_run_keys", MAX_COURSE_KEY)];

async fn send(client: &Client, state: &access::State, route: &Route, field: &str, value: Value) -> TestResponse {
    let (path, body) = state.request(route);
    let mut body = body.unwrap_or_else(|| json!({}));
    body[field] = value;
    client.send(route.method.parse().expect("a method"), &path, Some(&body)).await
}

#[tokio::test]
async fn one_character_more_than_the_maximum_is_refused_by_every_route() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    let mut refused = 0;
    for route in table::routes() {
        for field in route.doc.body {
            let name = format!("{} {} {}", route.method, route.path, field.name);
            let items = if let Format::List { items, .. } = field.format { Some(*items) } else { None };
            let (value, message) = match (field.format, items) {
                (Format::Text { max, .. }, _) => (json!(wide(max + 1)), refusal(max)),
                (_, Some(Format::OneOf { noun, .. })) => (json!([wide(256)]), format!("is not {noun}.")),
                (_, Some(Format::Text { max, .. })) => (json!([wide(max + 1)]), refusal(max)),
                (_, Some(Format::Email)) => {
                    let long = format!("a{}", long_emails(1)[0]);
                    (json!([long]), "Enter a valid email address.".to_owned())
                }
                (_, Some(Format::Unchecked(_))) => (
                    json!([{ "name": "user_email", "filter_value": wide(MAX_EMAIL_LENGTH + 1) }]),
                    "Malformed filters, user_email is longer than an address can be.".to_owned(),
                ),
                _ => continue,
            };
            let mut response = send(&root, &state, route, field.name, value.clone()).await;
            if matches!(items, Some(Format::Unchecked(_))) {
                let (path, body) = state.request(route);
                let mut body = body.expect("a body");
                body.as_object_mut().expect("an object").remove("user_emails");
                body["filters"] = value;
                response = root.send(Method::POST, &path, Some(&body)).await;
            }
            // The renewal of the table of roles does not exist.
            if response.status.as_u16() == 404 && route.path.contains("{renewal}") {
                continue;
            }
            assert_eq!(response.status.as_u16(), 400, "{name}: {}", response.text);
            let is_sentence = response.text.contains("The Salesforce ID has more than 18 characters.");
            assert!(is_sentence || response.text.contains(&message), "{name}: {}", response.text);
            refused += 1;
        }
    }
    assert!(refused > 40, "{refused}");
    let plan = app.plan(1).await;
    let texts = JOB_TEXTS.map(|(field, max)| (field, max, json!(wide(max + 1))));
    let lists = JOB_LISTS.map(|(field, max)| (field, max, json!([wide(max + 1)])));
    for (field, max, value) in texts.into_iter().chain(lists) {
        let mut params = json!({ "user_emails": ["ann@example.com"], "course_run_keys": ["x"] });
        params[field] = value;
        let body = json!({ "kind": "enroll", "subscription_plan": plan.id, "params": params });
        let response = plan.admin().post("/api/v1/jobs/", &body).await;
        assert!(response.expect(400)["params"][field].to_string().contains(&refusal(max)), "{}", response.text);
    }
}

async fn job(app: &TestApp, plan: &Plan, kind: &str, params: Value) -> Value {
    let body = json!({ "kind": kind, "subscription_plan": plan.id, "params": params });
    let id = text(&plan.admin().post("/api/v1/jobs/", &body).await.expect(202), "id");
    app.drain().await;
    plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200)
}

/// All consequences are done: nothing was too large for an item, a message or a call.
async fn settled(app: &TestApp, invited: usize) {
    app.drain().await;
    let outside = Outside::of(&app.anonymous()).await;
    let seen = outside.check(&app.invariants().await);
    assert_eq!((seen.wanted, seen.unknown), (invited, 0), "{seen:?}");
}

#[tokio::test]
async fn assigning_and_reminding_with_texts_at_their_maximum_is_done_to_its_end() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    let learners = long_emails(185);
    let (greeting, closing) = (wide(MAX_MAIL_TEXT), wide(MAX_MAIL_TEXT));
    let sources = vec![wide(MAX_SOURCE_ID); learners.len()];
    let body = json!({ "user_emails": learners, "user_sfids": sources, "greeting": greeting, "closing": closing });
    // One transaction, and several.
    for (people, sfids) in [(&learners[..90], &sources[..90]), (&learners[90..], &sources[90..])] {
        let mut body = body.clone();
        (body["user_emails"], body["user_sfids"]) = (json!(people), json!(sfids));
        let response = plan.admin().post(&plan.path("licenses/assign/"), &body).await.expect(200);
        assert_eq!(response["num_successful_assignments"], people.len());
    }
    settled(&app, learners.len()).await;
    let words = json!({ "greeting": greeting, "closing": closing });
    let mut some = words.clone();
    some["user_emails"] = json!(learners[..2]);
    plan.admin().post(&plan.path("licenses/remind/"), &some).await.expect(204);
    let mut filtered = words.clone();
    let part = &learners[0][..MAX_EMAIL_LENGTH];
    filtered["filters"] = json!([{ "name": "user_email", "filter_value": part }]);
    plan.admin().post(&plan.path("licenses/remind/"), &filtered).await.expect(204);
    plan.admin().post(&plan.path("licenses/remind-all/"), &words).await.expect(204);
    settled(&app, learners.len()).await;
    let outside = Outside::of(&app.anonymous()).await;
    let reminded = outside.mails.iter().filter(|mail| mail["campaign"] == "remind-email-campaign").count();
    assert_eq!(reminded, 2 + 1 + learners.len());
}

#[tokio::test]
async fn jobs_with_texts_at_their_maximum_are_done_to_their_end() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    let learners = long_emails(170);
    let words = json!({
        "user_emails": learners, "greeting": wide(MAX_MAIL_TEXT), "closing": wide(MAX_MAIL_TEXT), "notify_users": true,
    });
    let mut assign = words.clone();
    assign["user_sfids"] = json!(vec![wide(MAX_SOURCE_ID); learners.len()]);
    let assigned = job(&app, &plan, "assign", assign).await;
    assert_eq!((&assigned["state"], &assigned["counts"]["succeeded"]), (&json!("done"), &json!(170)), "{assigned}");
    let reminded = job(&app, &plan, "remind", words.clone()).await;
    assert_eq!((&reminded["state"], &reminded["counts"]["succeeded"]), (&json!("done"), &json!(170)), "{reminded}");
    settled(&app, learners.len()).await;

    let mut enroll = words;
    enroll["user_emails"] = json!(learners[..30]);
    enroll["course_run_keys"] = (0..100).map(|n| json!(format!("{}{n:03}", wide(MAX_COURSE_KEY - 3)))).collect();
    let enrolled = job(&app, &plan, "enroll", enroll).await;
    assert_eq!((&enrolled["state"], &enrolled["rows"]), (&json!("done"), &json!(30)), "{enrolled}");
    // One status, repeated as often as permitted.
    let statuses = vec!["assigned"; 100];
    let many = json!({ "status_in": statuses, "greeting": wide(MAX_MAIL_TEXT), "user_email": learners[0] });
    assert_eq!(job(&app, &plan, "remind", many).await["counts"]["succeeded"], 1);
}

#[tokio::test]
async fn a_cell_that_is_too_long_is_one_refused_row() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let learners = long_emails(3);
    let params = json!({ "upload": true, "greeting": wide(MAX_MAIL_TEXT), "closing": wide(MAX_MAIL_TEXT) });
    let body = json!({ "kind": "assign", "subscription_plan": plan.id, "params": params });
    let made = plan.admin().post("/api/v1/jobs/", &body).await.expect(202);
    let rows = [
        format!("{},{}", learners[0], wide(MAX_SOURCE_ID)),
        format!("{},{}", learners[1], wide(MAX_SOURCE_ID + 1)),
        format!("a{},{}", learners[2], wide(MAX_SOURCE_ID)),
        format!("{},{}", wide(100_000), wide(100_000)),
        format!("{},", learners[2]),
    ];
    let file = format!("user_email,user_sfid\n{}\n", rows.join("\n"));
    let put = reqwest::Client::new().put(text(&made, "upload_url")).body(file).send().await.expect("a response");
    assert!(put.status().is_success());
    let id = text(&made, "id");
    plan.admin().post(&format!("/api/v1/jobs/{id}/resume/"), &json!({})).await.expect(202);
    app.drain().await;
    let done = plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200);
    assert_eq!(done["state"], "done", "{done}");
    let results = plan.admin().get(&format!("/api/v1/jobs/{id}/results/")).await.expect(200);
    let outcomes: Vec<String> =
        results["results"].as_array().expect("rows").iter().map(|row| text(row, "outcome")).collect();
    assert_eq!(outcomes, ["assigned", "invalid", "invalid", "invalid", "assigned"]);
    settled(&app, 2).await;
}

#[tokio::test]
async fn plans_renewals_and_webhooks_take_texts_at_their_maximum() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let title = wide(128);
    let plan = app.plan_of(&agreement, 5, &json!({ "title": title })).await;
    assert_eq!(plan.admin().get(&plan.path("")).await.expect(200)["title"], title);
    let body = json!({
        "prior_subscription_plan": plan.id, "salesforce_opportunity_id": wide(18), "number_of_licenses": 5,
        "effective_date": "2028-01-01T00:00:00Z", "renewed_expiration_date": "2029-01-01T00:00:00Z",
        "renewed_plan_title": wide(127) + "x",
    });
    let response = app.provisioner().post("/api/v1/provisioning-admins/subscription-plan-renewals/", &body).await;
    let renewal = response.expect(201)["id"].clone();
    let process = format!("/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/process/");
    app.provisioner().post(&process, &json!({})).await.expect(201);
    let hooks = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
    let name = "edx.server.license-manager.license-lifecycle.renewed";
    let body = json!({
        "url": format!("http://127.0.0.1:9/{}", "x".repeat(2_048 - 19)), "description": wide(255),
        // As often as permitted: each name is kept once.
        "events": vec![name; 100], "is_active": false,
    });
    let hook = plan.admin().post(&hooks, &body).await.expect(201);
    assert_eq!(hook["events"], json!([name]));
    settled(&app, 0).await;
}

#[tokio::test]
async fn a_complaint_about_a_list_names_a_hundred_items_and_counts_the_others() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    let zeros = vec![0; 1_000_000];
    let mut lists = 0;
    for route in table::routes() {
        for field in route.doc.body {
            let Format::List { items, max, .. } = field.format else { continue };
            if matches!(items, Format::Unchecked(_)) {
                continue;
            }
            let response = send(&root, &state, route, field.name, json!(zeros)).await;
            let name = format!("{} {} {}", route.method, route.path, field.name);
            let complaint = &response.expect(400)[field.name];
            // Items of a list that is too long are not checked.
            assert_eq!(*complaint, json!([format!("Ensure this field has no more than {max} elements.")]), "{name}");
            if max <= 100 {
                continue;
            }
            let response = send(&root, &state, route, field.name, json!(zeros[..max])).await;
            let complaint = &response.expect(400)[field.name];
            assert_eq!(complaint.as_object().map(serde_json::Map::len), Some(101), "{name}");
            assert!(complaint["99"].is_array() && complaint["100"].is_null(), "{name}");
            assert_eq!(
                complaint["non_field_errors"],
                json!([format!("{} more items are not valid.", max - 100)]),
                "{name}"
            );
            assert!(response.text.len() < 20_000, "{name}: {} bytes", response.text.len());
            lists += 1;
        }
    }
    assert!(lists > 10, "{lists}");
    let plan = app.plan(5).await;
    let few: Vec<String> = emails("ann", 0..99).iter().map(|email| format!("{email}@")).collect();
    let named = plan.assign(&few).await.expect(400);
    assert_eq!(named["user_emails"].as_object().map(serde_json::Map::len), Some(99));
    assert!(named["user_emails"].get("non_field_errors").is_none());
}
