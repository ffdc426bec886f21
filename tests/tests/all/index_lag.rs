//! Indexes lag behind the table on AWS, and never in the embedded engine: here the proxy makes them lag.

use license_tests::{Fault, TestApp, builders::emails};
use serde_json::json;

#[tokio::test]
async fn a_license_is_fetched_although_the_index_does_not_show_it_yet() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    let held = plan.assigned("ann@example.com").await;
    let mut left = 2;
    app.proxy().inject(move |call| {
        let lags = call.is_of_index() && left > 0;
        left -= i32::from(lags);
        if lags { Fault::Unindexed } else { Fault::None }
    });
    assert_eq!(plan.license(&held.id).await["user_email"], "ann@example.com");
}

#[tokio::test]
async fn an_untouched_seat_needs_no_index() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    let page = plan.admin().get(&plan.path("licenses/")).await.expect(200);
    let id = license_tests::builders::text(&page["results"][9], "uuid");
    app.proxy().inject(|call| if call.is_of_index() { Fault::Unindexed } else { Fault::None });
    assert_eq!(plan.license(&id).await["status"], "unassigned");
}

#[tokio::test]
async fn requests_for_all_licenses_reach_those_that_the_index_does_not_show_yet() {
    let app = TestApp::proxied().await;
    let plan = app.plan(10).await;
    plan.assign(&["ann@example.com", "bob@example.com"]).await.expect(200);
    let revoke = async || plan.admin().post(&plan.path("licenses/revoke-all/"), &json!({})).await;
    let lag = |mut left: i32| {
        app.proxy().inject(move |call| {
            let lags = call.is_of_index() && left > 0;
            left -= i32::from(lags);
            if lags { Fault::Unindexed } else { Fault::None }
        });
    };
    // While the index shows no license, nothing is done, and the job does not end: it continues later.
    lag(1_000);
    let response = revoke().await;
    let job = response.header("location").expect("a job").to_owned();
    response.expect(204);
    assert_eq!(plan.overview().await["assigned"], 2);
    let state = async || plan.admin().get(&job).await.expect(200)["state"].clone();
    assert_eq!(state().await, "pending");
    lag(0);
    app.advance("PT1M").await;
    assert_eq!((state().await, plan.overview().await["revoked"]), (json!("done"), 2));
    // The request itself waits for a moment.
    plan.assign(&["cid@example.com"]).await.expect(200);
    lag(2);
    revoke().await.expect(204);
    assert_eq!(plan.overview().await["revoked"], 3);
    app.invariants().await.check();
}

#[tokio::test]
async fn decisions_and_counts_do_not_depend_on_an_index() {
    let app = TestApp::proxied().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 150, &json!({ "should_auto_apply_licenses": true })).await;
    app.proxy().inject(|call| if call.is_of_index() { Fault::Unindexed } else { Fault::None });
    let people = emails("learner", 0..120);
    plan.assign(&people).await.expect(200);
    let again = plan.assign(&people[..5]).await.expect(200);
    assert_eq!(again["num_already_associated"], 5);
    plan.revoke(&people[..20]).await.expect(200);
    let learner = app.learner(agreement.enterprise, "ann@example.com");
    learner.post(&format!("/api/v1/customer-agreement/{}/auto-apply/", agreement.id), &json!({})).await.expect(200);
    let own = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", agreement.enterprise);
    assert_eq!(learner.get(&own).await.expect(200)["count"], 1);
    let overview = plan.overview().await;
    assert_eq!((overview["assigned"], overview["revoked"], overview["unassigned"]), (100, 20, 49));
    // For a moment a list may show fewer licenses than it counts; it does not fail.
    let page = plan.admin().get(&plan.path("licenses/")).await.expect(200);
    assert_eq!(page["count"], 170);
    app.invariants().await.check();
}
