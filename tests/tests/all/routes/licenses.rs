//! `GET …/licenses/` and one: filters, orders, pages.

use license_tests::{
    Role, TestApp,
    builders::{Plan, text},
};
use serde_json::{Value, json};

use super::UNKNOWN;

async fn list(plan: &Plan, query: &str) -> Value {
    plan.admin().get(&plan.path(&format!("licenses/?{query}"))).await.expect(200)
}

/// The learners on the page, `-` for none.
fn people(page: &Value) -> Vec<String> {
    let name = |license: &Value| {
        license["user_email"].as_str().unwrap_or("-").split('@').next().unwrap_or_default().to_owned()
    };
    page["results"].as_array().expect("a list").iter().map(name).collect()
}

/// Two activated, two assigned, one revoked, three free.
async fn varied(app: &TestApp) -> Plan {
    let plan = app.plan(7).await;
    plan.activated(app, "cid@x.example").await;
    app.advance("PT1S").await;
    plan.activated(app, "ann@x.example").await;
    plan.assign(&["dan@y.example", "bob@y.example", "eve@y.example"]).await.expect(200);
    plan.revoke(&["eve@y.example"]).await.expect(200);
    plan
}

#[tokio::test]
async fn filters() {
    let app = TestApp::start().await;
    let plan = varied(&app).await;
    for (query, expected) in [
        ("", "ann cid bob dan eve - - -"),
        ("status=activated,assigned", "ann cid bob dan"),
        ("status=revoked", "eve"),
        ("status=unassigned", "- - -"),
        ("status=", "ann cid bob dan eve - - -"),
        ("status=nonsense", ""),
        ("search=Y.EXAMPLE", "bob dan eve"),
        ("search=an+x.ex", "ann"),
        ("search=unknown", ""),
        ("ignore_null_emails=1&status=assigned,revoked", "bob dan eve"),
        ("active_only=1", "ann cid bob dan"),
    ] {
        let page = list(&plan, query).await;
        assert_eq!(people(&page).join(" "), expected, "{query}");
        assert_eq!(page["count"], people(&page).len(), "{query}");
    }
}

#[tokio::test]
async fn orders() {
    let app = TestApp::start().await;
    let plan = varied(&app).await;
    for (query, expected) in [
        ("ordering=user_email", "- - - ann bob cid dan eve"),
        ("ordering=-user_email", "eve dan cid bob ann - - -"),
        ("ordering=-status,user_email", "- - - eve bob dan ann cid"),
        ("status=activated&ordering=activation_date", "cid ann"),
        ("status=activated&ordering=-activation_date", "ann cid"),
        ("ordering=nonsense", "ann cid bob dan eve - - -"),
    ] {
        assert_eq!(people(&list(&plan, query).await).join(" "), expected, "{query}");
    }
}

#[tokio::test]
async fn pages() {
    let app = TestApp::start().await;
    let plan = varied(&app).await;
    let mut seen = Vec::new();
    let mut next = Some(plan.path("licenses/?page_size=3"));
    while let Some(path) = next {
        let page = plan.admin().get(&path).await.expect(200);
        assert_eq!((&page["count"], &page["num_pages"]), (&json!(8), &json!(3)));
        seen.extend(people(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.join(" "), "ann cid bob dan eve - - -");
    let last = list(&plan, "page_size=3&page=last").await;
    assert_eq!((people(&last).len(), &last["next"]), (2, &Value::Null));
    let back = plan.admin().get(last["previous"].as_str().expect("a link")).await.expect(200);
    assert_eq!(people(&back).join(" "), "dan eve -");
    for wrong in ["page=4&page_size=3", "page=0", "page=x"] {
        let response = plan.admin().get(&plan.path(&format!("licenses/?{wrong}"))).await;
        assert_eq!(response.expect(404), json!({ "detail": "Invalid page." }), "{wrong}");
    }
}

#[tokio::test]
async fn an_unknown_plan_is_an_empty_list_and_its_licenses_are_refused() {
    let app = TestApp::start().await;
    let plan = app.plan(1).await;
    let page = plan.admin().get(&format!("/api/v1/subscriptions/{UNKNOWN}/licenses/")).await.expect(200);
    assert_eq!(page["count"], 0);
    plan.admin().get(&format!("/api/v1/subscriptions/{UNKNOWN}/licenses/{UNKNOWN}/")).await.expect(403);
    let missing = plan.admin().get(&plan.path(&format!("licenses/{UNKNOWN}/"))).await;
    assert_eq!(missing.expect(404), json!({ "detail": "No License matches the given query." }));
    let malformed = plan.admin().get(&plan.path("licenses/junk/")).await;
    assert_eq!(malformed.expect(404), json!({ "detail": "Not found." }));
    plan.admin().get("/api/v1/subscriptions/junk/licenses/").await.expect(404);
    let superuser = app.client(Role::Superuser, plan.agreement.enterprise);
    superuser.get(&format!("/api/v1/subscriptions/{UNKNOWN}/licenses/{UNKNOWN}/")).await.expect(404);
}

#[tokio::test]
async fn a_license_is_fetched_from_its_own_plan_only_whatever_its_status() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (plan, other) = (app.plan_of(&agreement, 4, &json!({})).await, app.plan_of(&agreement, 4, &json!({})).await);
    plan.assigned("ann@example.com").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    let all = list(&plan, "").await;
    assert_eq!(all["count"], 5);
    for license in all["results"].as_array().expect("a list") {
        assert_eq!(&plan.license(&text(license, "uuid")).await, license);
        other.admin().get(&other.path(&format!("licenses/{}/", text(license, "uuid")))).await.expect(404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_the_pages_of_a_plan_costs_one_page_each_and_lists_every_license_once() {
    let app = TestApp::proxied().await;
    let plan = app.plan(12_000).await;
    let people = license_tests::builders::emails("walker", 0..2_000);
    plan.assign(&people).await.expect(200);
    plan.revoke(&people[..700]).await.expect(200);
    // Returned seats, which have items, are sorted among untouched ones.
    let root = app.client(license_tests::Role::Superuser, plan.agreement.enterprise);
    for person in &people[700..720] {
        let held = plan.admin().get(&plan.path(&format!("licenses/?search={person}"))).await.expect(200);
        let key = text(&held["results"][0], "activation_key");
        let learner = app.learner(plan.agreement.enterprise, person);
        learner.post(&format!("/api/v1/license-activation/?activation_key={key}"), &json!({})).await.expect(200);
        let user = license_tests::app::lms_user_id(person);
        root.post("/api/v1/retire_user/", &json!({ "lms_user_id": user, "original_username": "x" })).await.expect(204);
    }
    for query in ["page_size=500", "page_size=400&status=assigned,revoked", "page_size=450&ignore_null_emails=1"] {
        let (mut next, mut seen, mut costs) = (Some(plan.path(&format!("licenses/?{query}"))), Vec::new(), Vec::new());
        let (mut count, mut number) = (0, 0);
        while let Some(page) = next {
            // Twice, because the sweeper may be at work beside one of them.
            let (mut body, mut units) = (Value::Null, f64::MAX);
            for _ in 0..2 {
                app.proxy().take();
                body = plan.admin().get(&page).await.expect(200);
                units = units.min(app.proxy().take().iter().map(|call| call.read_units).sum());
            }
            let page = body;
            costs.push(units);
            number += 1;
            count = page["count"].as_u64().expect("a count");
            seen.extend(page["results"].as_array().expect("a list").iter().map(|license| text(license, "uuid")));
            next = page["next"].as_str().map(str::to_owned);
            let is_cursor = next
                .as_deref()
                .is_none_or(|next| next.contains("cursor=") && next.contains(&format!("page={}", number + 1)));
            assert!(is_cursor, "{next:?}");
        }
        let all: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!((all.len(), seen.len()), (seen.len(), usize::try_from(count).expect("small")), "{query}");
        // Pages by number give the same, in the same order.
        let numbered = plan.admin().get(&plan.path(&format!("licenses/?{query}&page=3"))).await.expect(200);
        let size: usize = query[10..13].parse().expect("a size");
        assert_eq!(text(&numbered["results"][0], "uuid"), seen[2 * size]);
        // Every page costs what its own rows cost, in each of the four shards, wherever it is; a page with the end of
        // one status and the beginning of the next one reads both.
        let most = costs.iter().copied().fold(0.0, f64::max);
        assert!(most <= 2.5 * costs[0], "{costs:?}");
    }
    plan.admin().get(&plan.path("licenses/?page=2&cursor=junk")).await.expect(404);
    plan.admin().get(&plan.path("licenses/?page=2&cursor=%25")).await.expect(404);
}
