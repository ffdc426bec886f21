//! Hostile and unlucky requests to every route: no 5xx, no outdated copy in a cache, no way around the limits.

use license_api::fields::Format;
use license_local::Options;
use license_storage::{LicenseFilter, LicenseQuery, Licenses, Portfolios};
use license_tests::{Client, Role, TestApp, app::options, builders::emails};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{access, table};

/// The only responses that a cache may keep, because they are the same for all requesters.
const PUBLIC: [&str; 2] = ["/api/schema/", "/api-docs/"];

#[tokio::test]
async fn no_cache_keeps_a_response_about_people() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    for route in table::routes() {
        let (path, body) = state.request(route);
        for client in [&app.anonymous(), &root] {
            let response = client.send(route.method.parse().expect("a method"), &path, body.as_ref()).await;
            let wanted = if PUBLIC.contains(&route.path) { "public, max-age=300" } else { "no-store" };
            assert_eq!(response.header("cache-control"), Some(wanted), "{} {path}: {}", route.method, response.status);
        }
    }
    for path in ["/nowhere", "/api/v1/subscriptions/junk/", "/api/v1/subscriptions/?format=xml"] {
        assert_eq!(root.get(path).await.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn texts_of_any_length_in_the_query_are_no_failure() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    let mut sent = 0;
    for route in table::routes() {
        let (path, body) = state.request(route);
        let (bare, query) = path.split_once('?').unwrap_or((&path, ""));
        for field in route.doc.query {
            let texts = match field.format {
                Format::Text { .. } => ["%F0%90%8C%B0".repeat(600), "%E2%84%AA".to_owned(), "%00".to_owned()],
                Format::Moment => {
                    ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z"].map(str::to_owned)
                }
                Format::Integer { .. } => ["99999999999999999999", "-1", "1e9"].map(str::to_owned),
                _ => continue,
            };
            for text in texts {
                let others =
                    query.split('&').filter(|pair| pair.split('=').next() != Some(field.name) && !pair.is_empty());
                let query =
                    others.map(str::to_owned).chain([format!("{}={text}", field.name)]).collect::<Vec<_>>().join("&");
                let response =
                    root.send(route.method.parse().expect("a method"), &format!("{bare}?{query}"), body.as_ref()).await;
                let name = format!("{} {bare} {}={}", route.method, field.name, &text[..text.len().min(40)]);
                assert!(!response.status.is_server_error(), "{name}: {} {}", response.status, response.text);
                // A missing renewal is reported first.
                if matches!(field.format, Format::Moment) && !bare.contains("/7/") {
                    assert_eq!(response.status.as_u16(), 400, "{name}: {}", response.text);
                }
                sent += 1;
            }
        }
    }
    assert!(sent > 50, "{sent}");
}

#[tokio::test]
async fn years_beyond_9999_are_refused_in_bodies() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    for date in ["9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z", "+10000-01-01T00:00:00Z", "0000-12-31T00:00:00Z"]
    {
        let mut body = app.plan_body(&agreement, 5);
        body["expiration_date"] = json!(date);
        let response = app.provisioner().post("/api/v1/provisioning-admins/subscriptions/", &body).await;
        response.expect(400);
        assert!(response.text.contains("expiration_date"), "{date}: {}", response.text);
    }
}

/// While a plan's first licenses are assigned, a request about all of its learners may count none and then find some.
#[tokio::test]
async fn a_list_without_remaining_items_is_empty() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    plan.assign(&emails("ann", 0..3)).await.expect(200);
    let store = app.running().store();
    let portfolio =
        store.portfolio_of_plan(plan.uuid().into()).await.expect("the table responds").expect("a portfolio");
    let stored = portfolio.plan(plan.uuid().into()).expect("the plan");
    for filter in [
        LicenseFilter::default(),
        LicenseFilter { statuses: None, search: vec!["ann".to_owned()], ..LicenseFilter::default() },
    ] {
        let query = LicenseQuery { filter, limit: 0, ..LicenseQuery::default() };
        let found = store.list(stored, &query).await.expect("no failure");
        assert!(found.is_empty(), "{} licenses", found.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_about_all_learners_succeed_while_others_assign() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let all = json!([{ "name": "status_in", "filter_value": ["assigned", "activated"] }]);
    let mut statuses: Vec<(&str, u16, String)> = Vec::new();
    for round in 0..12 {
        let plan = app.plan_of(&agreement, 20, &json!({})).await;
        let post = async |path: &str, body: Value| plan.admin().post(&plan.path(path), &body).await;
        let assign = async {
            for n in 0..4 {
                plan.assign(&emails(&format!("r{round}n{n}"), 0..1)).await.expect(200);
            }
        };
        let remind = async {
            let mut found = Vec::new();
            for _ in 0..4 {
                found.push(post("licenses/remind-all/", json!({})).await);
            }
            found
        };
        let revoke = async {
            let mut found = Vec::new();
            for _ in 0..4 {
                found.push(post("licenses/bulk-revoke/", json!({ "filters": all })).await);
            }
            found
        };
        let ((), reminded, revoked) = futures::join!(assign, remind, revoke);
        let outcome = |name: &'static str| {
            move |response: license_tests::TestResponse| (name, response.status.as_u16(), response.text)
        };
        statuses.extend(
            reminded.into_iter().map(outcome("remind-all")).chain(revoked.into_iter().map(outcome("bulk-revoke"))),
        );
    }
    let failed: Vec<_> = statuses.iter().filter(|(_, status, _)| *status >= 500).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:?}", failed.len(), statuses.len());
    app.drain().await;
    app.invariants().await.check();
}

#[tokio::test]
async fn requests_to_unknown_paths_are_counted_like_others() {
    let settings = [("THROTTLE_ANONYMOUS_PER_MINUTE", "3"), ("THROTTLE_USER_PER_MINUTE", "4")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let clock = Some("2026-11-23T10:46:02Z".parse().expect("a moment"));
    let app = TestApp::start_with(Options { settings, clock, ..options() }, false).await;
    let admin = app.client(Role::Admin, license_domain::EnterpriseId(app.uuid(0xe)));
    let anonymous = app.anonymous();
    for (client, limit) in [(&anonymous, 3), (&admin, 4)] {
        let get = async |client: &Client, n: usize| client.get(&format!("/api/v1/nowhere/{n}/")).await;
        for n in 0..limit {
            let response = get(client, n).await;
            response.expect(404);
            assert_eq!(response.header("ratelimit-limit"), Some(limit.to_string().as_str()));
        }
        get(client, 9).await.expect(429);
    }
    // They count together with those to known paths.
    admin.get("/api/v1/subscriptions/").await.expect(429);
}

/// Every list of a body, declared in a field or within the parameters of a kind.
#[test]
fn a_list_that_is_too_long_is_refused_before_its_items_are_looked_at() {
    fn check(name: &str, fields: &[license_api::Field]) -> usize {
        let mut lists = 0;
        for field in fields {
            match field.format {
                Format::List { max, .. } => {
                    // No item is valid: complaints about items would mean that the items were checked.
                    let items = vec![json!({ "odd": true }); max + 1];
                    let complaint = field.format.parse(&Value::Array(items)).expect_err("too many").into_value();
                    assert_eq!(
                        complaint,
                        json!([format!("Ensure this field has no more than {max} elements.")]),
                        "{name}"
                    );
                    lists += 1;
                }
                Format::ByKind(kinds) => {
                    lists += kinds().iter().map(|(kind, fields)| check(kind, fields)).sum::<usize>();
                }
                _ => {}
            }
        }
        lists
    }
    let lists: usize = table::routes().map(|route| check(route.path, route.doc.body)).sum();
    assert!(lists > 15, "{lists}");
}

#[tokio::test]
async fn of_four_hundred_thousand_names_of_events_none_is_looked_at() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let path = format!("/api/v1/customer-agreements/{}/webhooks/", agreement.id);
    let body = json!({ "url": "https://hooks.example/x", "events": vec!["x"; 400_000] });
    let response = agreement.admin.post(&path, &body).await;
    let wanted = json!({ "events": ["Ensure this field has no more than 100 elements."] });
    assert_eq!(response.expect(400), wanted);
    let twice = json!({ "url": "https://hooks.example/x", "events": vec!["license-manager.licenses-assigned"; 100] });
    let made = agreement.admin.post(&path, &twice).await;
    if made.status == 201 {
        assert_eq!(made.json()["events"], json!(["license-manager.licenses-assigned"]));
    }
    let response = agreement.admin.send(Method::GET, &path, None).await;
    response.expect(200);
}
