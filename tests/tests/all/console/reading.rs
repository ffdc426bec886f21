//! Pages that show stored things.

use license_tests::{Browser, TestApp, TestResponse, builders::emails};
use serde_json::json;

fn location(response: &TestResponse) -> &str {
    response.header("location").unwrap_or_default()
}

const HOSTILE: &str = "<script>alert('title')</script>";

#[tokio::test]
async fn customers_texts_are_shown_and_never_run() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 10, &json!({ "title": HOSTILE })).await;
    let held = plan.assigned("ann@example.com").await;
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    for path in [
        format!("/admin/customers/{}/", agreement.id),
        format!("/admin/plans/{}/", plan.id),
        format!("/admin/plans/{}/licenses/{}/", plan.id, held.id),
        "/admin/search/?q=%3Cscript%3E".to_owned(),
    ] {
        let page = browser.get(&path).await;
        assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.text);
        // The only script is the file of the console.
        assert_eq!(page.text.matches("<script").count(), 1, "{path}: {}", page.text);
        assert!(page.text.contains("&#60;script&#62;alert("), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn the_search_finds_all_kinds_of_things() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 10, &json!({ "title": "Quarterly onboarding" })).await;
    let held = plan.assigned("ann@example.com").await;
    let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
    let job = plan.admin().post("/api/v1/jobs/", &request).await.expect(202)["id"].as_str().expect("an id").to_owned();
    let browser = Browser::signed_in(&app, "demo-support").await;
    let license = format!("/admin/plans/{}/licenses/{}/", plan.id, held.id);
    for (text, page) in [
        (plan.id.clone(), format!("/admin/plans/{}/", plan.id)),
        (agreement.id.clone(), format!("/admin/customers/{}/", agreement.id)),
        (agreement.enterprise.to_string(), format!("/admin/customers/{}/", agreement.id)),
        (held.id.clone(), license.clone()),
        (job.clone(), format!("/admin/jobs/{job}/")),
        ("ann@example.com".to_owned(), "/admin/learners/?email=ann%40example.com".to_owned()),
    ] {
        let found = browser.get(&format!("/admin/search/?q={text}")).await;
        assert_eq!((found.status.as_u16(), location(&found)), (303, page.as_str()), "{text}");
        assert_eq!(browser.get(&page).await.status.as_u16(), 200, "{page}");
    }
    let found = browser.get("/admin/search/?q=ONBOARDING").await.text;
    assert!(found.contains(&format!("/admin/plans/{}/", plan.id)), "{found}");
    assert!(browser.get("/admin/search/?q=nothing-like-that").await.text.contains("Nothing was found."));
    // Paths that support tools know.
    let known = browser.get(&format!("/admin/subscriptions/subscriptionplan/{}/change", plan.id)).await;
    assert_eq!((known.status.as_u16(), location(&known)), (303, format!("/admin/plans/{}/", plan.id).as_str()));
    let known = browser.get(&format!("/admin/subscriptions/license/{}/change/", held.id)).await;
    assert_eq!(location(&known), license);
    for unknown in ["/admin/subscriptions/subscriptionplan/junk/change/", "/admin/plans/junk/", "/admin/jobs/junk/"] {
        assert_eq!(browser.get(unknown).await.status.as_u16(), 404, "{unknown}");
    }
}

#[tokio::test]
async fn a_plan_shows_its_licenses_page_by_page_by_status_and_by_address() {
    let app = TestApp::start().await;
    let plan = app.plan(200).await;
    plan.assign(&emails("ann", 0..60)).await.expect(200);
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let path = format!("/admin/plans/{}/", plan.id);
    let first = browser.get(&format!("{path}?status=assigned")).await.text;
    let licenses = |page: &str| page.matches(&format!("<a href=\"{path}licenses/")).count();
    assert_eq!(licenses(&first), 50);
    let next = first.split(&format!("<a href=\"{path}?status=assigned&#38;cursor=")).nth(1).expect("a next page");
    let cursor = next.split('#').next().expect("a cursor");
    let second = browser.get(&format!("{path}?status=assigned&cursor={cursor}")).await.text;
    assert_eq!(licenses(&second), 10);
    assert!(!second.contains("Next page"));
    let found = browser.get(&format!("{path}?search=ann00007")).await.text;
    assert_eq!(licenses(&found), 1, "{found}");
    assert!(first.contains("licenses-assigned"), "the history is shown");
    assert_eq!(browser.get(&format!("{path}?cursor=junk")).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_licenses_history_shows_who_when_and_why() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.assigned("ann@example.com").await;
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let page = browser.get(&format!("/admin/plans/{}/licenses/{}/", plan.id, held.id)).await.text;
    for shown in ["licenses-assigned", "unassigned → assigned", "ann@example.com", "<td>assign</td>"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[tokio::test]
async fn the_first_page_shows_customers_and_ids_of_other_things_are_404() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let home = browser.get("/admin/").await.text;
    assert!(home.contains(&format!("/admin/customers/{}/", agreement.id)), "{home}");
    assert!(home.contains("No mail's fate is unknown.") || home.contains("No mail&#39;s fate is unknown."), "{home}");
    let other = app.uuid(0xe);
    assert_eq!(browser.get(&format!("/admin/customers/{other}/")).await.status.as_u16(), 404);
}
