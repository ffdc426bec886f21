//! Lists and files: orders and pages of a plan's licenses, a CSV for a job, links between licenses, histories of what is gone.

use license_tests::{Browser, TestApp, TestResponse, builders::emails};
use serde_json::json;

use super::confirming::hidden;

/// Sends a form with a file, as a browser does.
async fn post_file(browser: &Browser, path: &str, fields: &[(&str, &str)], file: &[u8]) -> TestResponse {
    browser.post_file(path, fields, ("file", "rows.csv"), file).await
}

#[tokio::test]
async fn a_plans_licenses_are_ordered_searched_and_paged() {
    let app = TestApp::start().await;
    let plan = app.plan(130).await;
    for range in [0..60, 60..120] {
        plan.assign(&emails("ann", range)).await.expect(200);
    }
    plan.assigned("zoe@example.com").await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let page = async |query: &str| browser.get(&format!("/admin/plans/{}/?{query}", plan.id)).await.text;
    let first = page("ordering=-user_email").await;
    assert!(
        first.contains("zoe@example.com") && first.contains("ann00119@") && !first.contains("ann00000@"),
        "{first}"
    );
    assert!(first.contains("<option value=\"-user_email\" selected>"), "{first}");
    let by_address = page("ordering=user_email&status=assigned&search=ann").await;
    assert!(by_address.contains("ann00049@") && !by_address.contains("ann00050@"), "{by_address}");
    let next = by_address.split("href=\"").find(|rest| rest.contains("offset=50")).expect("a next page");
    let next = next.split('"').next().expect("an address").replace("&#38;", "&");
    let next = browser.get(&next).await.text;
    assert!(next.contains("ann00050@") && next.contains("ann00099@") && !next.contains("ann00049@"), "{next}");
    assert!(!next.contains("zoe@example.com"), "the filter is kept: {next}");
    let wrong = browser.get(&format!("/admin/plans/{}/?ordering=user_email&offset=x", plan.id)).await;
    assert_eq!(wrong.status.as_u16(), 404);
}

#[tokio::test]
async fn a_csv_file_has_the_addresses_of_a_job() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let path = format!("/admin/plans/{}/jobs/new/", plan.id);
    assert!(browser.get(&path).await.text.contains("enctype=\"multipart/form-data\""));
    let preview = format!("{path}preview/");
    let assign = [("kind", "assign"), ("addresses", "")];
    let file = "\u{feff}name,user_email\r\n\"Lee, Ann\",Ann@example.com\r\nBob,bob@example.com\r\n";
    let looked = post_file(&browser, &preview, &assign, file.as_bytes()).await;
    assert!(looked.status.as_u16() == 200 && looked.text.contains("to 2 learners"), "{}", looked.text);
    let form = [
        ("kind", "assign"),
        ("addresses", hidden(&looked, "addresses")),
        ("key", hidden(&looked, "key")),
        ("reason", "from a file"),
    ];
    let job = browser.post(&path, &form).await;
    assert_eq!(job.status.as_u16(), 303, "{}", job.text);
    app.drain().await;
    assert_eq!(plan.overview().await.get("assigned"), Some(&2));

    for (file, complaint) in [
        (b"name,address\nAnn,ann@example.com\n".as_slice(), "is called user_email"),
        (b"email\nann\n".as_slice(), "“ann” is not a valid email address"),
        (b"email\n".as_slice(), "Enter at least one address"),
    ] {
        let refused = post_file(&browser, &preview, &assign, file).await;
        assert!(refused.status.as_u16() == 400 && refused.text.contains(complaint), "{complaint}: {}", refused.text);
    }
    let both = [("kind", "assign"), ("addresses", "ann@example.com")];
    let refused = post_file(&browser, &preview, &both, b"email\nann@example.com\n").await;
    assert!(refused.status.as_u16() == 400 && refused.text.contains("not several of these"), "{}", refused.text);
    let binary = post_file(&browser, &preview, &assign, &[0xff, 0xfe, 0x00]).await;
    assert!(binary.status.as_u16() == 400 && binary.text.contains("text in UTF-8"), "{}", binary.text);
    let large = post_file(&browser, &preview, &assign, &vec![b'a'; 1_000_001]).await;
    assert_eq!(large.status.as_u16(), 413, "{}", large.text);
    // The token of a form with a file is checked like any other.
    let stranger = Browser::signed_in(&app, "demo-operator").await;
    stranger.set_cookie("license_manager_csrftoken", "x");
    let forged = post_file(&stranger, &preview, &[("csrfmiddlewaretoken", "y")], b"email\n").await;
    assert_eq!(forged.status.as_u16(), 403, "{}", forged.text);
}

#[tokio::test]
async fn a_renewed_license_leads_to_the_one_before_and_the_one_after() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.activated(&app, "ann@example.com").await;
    let renewal = json!({
        "prior_subscription_plan": plan.id, "number_of_licenses": 7, "salesforce_opportunity_id": "00k000000000000777",
        "effective_date": "2027-12-31T00:00:00Z", "renewed_expiration_date": "2028-12-31T00:00:00Z",
        "license_types_to_copy": "assigned_and_activated",
    });
    let path = "/api/v1/provisioning-admins/subscription-plan-renewals/";
    let id = app.provisioner().post(path, &renewal).await.expect(201)["id"].to_string();
    app.provisioner().post(&format!("{path}{id}/process/"), &json!({})).await.expect(201);
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let before = browser.get(&format!("/admin/plans/{}/licenses/{}/", plan.id, held.id)).await.text;
    let after = before.split("Carried on by").nth(1).and_then(|rest| rest.split("?q=").nth(1)).expect("a link");
    let after = after.split('"').next().expect("an id").to_owned();
    let led = browser.get(&format!("/admin/search/?q={after}")).await;
    let page = browser.get(led.header("location").expect("an address")).await.text;
    assert!(page.contains("Carries on") && page.contains(&format!("?q={}", held.id)), "{page}");
    assert!(page.contains("/admin/learners/?email=ann"), "the learner's page is one click away: {page}");
}

#[tokio::test]
async fn the_history_of_what_is_deleted_is_found_by_its_id() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let held = plan.assigned("ann@example.com").await;
    plan.revoke(&["ann@example.com"]).await.expect(200);
    app.drain().await;
    let request = json!({ "kind": "delete-revoked", "subscription_plan": plan.id });
    app.provisioner().post("/api/v1/jobs/", &request).await.expect(202);
    app.drain().await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let history = format!("/admin/history/license/{}/", held.id);
    let gone = browser.get(&format!("/admin/plans/{}/licenses/{}/", plan.id, held.id)).await;
    assert_eq!((gone.status.as_u16(), gone.header("location")), (303, Some(history.as_str())), "{}", gone.text);
    let page = browser.get(&history).await.text;
    assert!(page.contains("licenses-assigned") && page.contains("licenses-deleted"), "{page}");
    assert!(!page.contains("ann@example.com"), "a history names no one: {page}");
    let led = browser.get(&format!("/admin/search/?q={}", held.id)).await;
    assert!(led.header("location").is_some_and(|to| to == history || to.contains(&held.id)), "{}", led.text);
    let whole = browser.get(&format!("/admin/history/plan/{}/", plan.id)).await.text;
    assert!(whole.contains("plan-created"), "{whole}");
    for path in [format!("/admin/history/plan/{}/", app.uuid(1)), "/admin/history/job/1/".to_owned()] {
        assert_eq!(browser.get(&path).await.status.as_u16(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_plans_of_all_customers_are_listed_by_state_page_by_page() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    for number in 0..51 {
        app.plan_of(&agreement, 1, &json!({ "title": format!("Plan {number:02}") })).await;
    }
    let internal = json!({ "title": "<i>Ours</i>", "for_internal_use_only": true, "is_active": false });
    app.plan_of(&app.agreement().await, 1, &internal).await;
    let browser = Browser::signed_in(&app, "demo-support").await;
    let shown = |page: &str| page.matches("<tr><td><a href=\"/admin/plans/").count();
    let first = browser.get("/admin/plans/").await.text;
    assert!(shown(&first) == 50 && first.contains("There are 52 plans in all"), "{first}");
    let next = first.split("href=\"").find(|rest| rest.contains("Next plans")).and_then(|rest| rest.split('"').next());
    let second = browser.get(&next.expect("a next page").replace("&#38;", "&")).await.text;
    assert!(shown(&second) == 2 && !second.contains("Next plans"), "{second}");
    for (query, count) in [("state=inactive", 1), ("for=internal", 1), ("state=ended", 0), ("state=junk", 0)] {
        let page = browser.get(&format!("/admin/plans/?{query}")).await.text;
        assert_eq!(shown(&page), count, "{query}: {page}");
        assert!(count == 0 || page.contains("&#60;i&#62;Ours"), "{query}: {page}");
    }
    let known = browser.get("/admin/subscriptions/subscriptionplan/").await;
    assert_eq!((known.status.as_u16(), known.header("location")), (303, Some("/admin/plans/")));
}

#[tokio::test]
async fn the_renewals_of_all_customers_are_listed() {
    let app = TestApp::start().await;
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let plan = app.plan(5).await;
        let renewal = json!({
            "prior_subscription_plan": plan.id, "number_of_licenses": 7,
            "salesforce_opportunity_id": "00k000000000000777", "effective_date": "2027-12-31T00:00:00Z",
            "renewed_expiration_date": "2028-12-31T00:00:00Z",
        });
        let path = "/api/v1/provisioning-admins/subscription-plan-renewals/";
        numbers.push(app.provisioner().post(path, &renewal).await.expect(201)["id"].as_i64().expect("a number"));
    }
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let page = browser.get("/admin/renewals/").await.text;
    let at = |number: i64| page.find(&format!("/admin/renewals/{number}/change/"));
    assert!(at(numbers[1]).is_some() && at(numbers[1]) < at(numbers[0]), "{page}");
    let older = browser.get(&format!("/admin/renewals/?before={}", numbers[1])).await.text;
    assert!(older.contains(&format!("/admin/renewals/{}/change/", numbers[0])), "{older}");
    assert!(!older.contains(&format!("/admin/renewals/{}/change/", numbers[1])), "{older}");
}
