//! What needs an operator's attention: plans, failed and stuck work, and what was given up, found by indexes.

use license_tests::{Browser, TestApp, builders::text};
use serde_json::json;

/// The part of a page with the plans that need attention.
fn plans(page: &str) -> &str {
    let rest = page.split("<caption>Plans that need attention</caption>").nth(1);
    rest.and_then(|rest| rest.split("</table>").next()).unwrap_or_default()
}

#[tokio::test]
async fn plans_with_concerns_are_on_the_first_page_the_most_urgent_first() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let of = async |title: &str, seats: u64, more: serde_json::Value| {
        let mut changes = json!({ "title": title });
        changes.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        app.plan_of(&agreement, seats, &changes).await
    };
    let end = (app.now() + chrono::TimeDelta::days(10)).format("%Y-%m-%dT00:00:00Z").to_string();
    of("Quiet", 20, json!({})).await;
    let full = of("Full", 1, json!({})).await;
    full.assigned("ann@example.com").await;
    let ending = of("Ending", 20, json!({ "expiration_date": end })).await;
    let refused = of("Refused", 3, json!({ "expiration_date": end })).await;
    for email in ["ann@example.com", "bob@example.com"] {
        refused.activated(&app, email).await;
    }
    let renewal = json!({
        "prior_subscription_plan": refused.id, "number_of_licenses": 1,
        "salesforce_opportunity_id": "00k000000000000777", "effective_date": end,
        "renewed_expiration_date": "2028-12-31T00:00:00Z", "license_types_to_copy": "assigned_and_activated",
    });
    app.provisioner().post("/api/v1/provisioning-admins/subscription-plan-renewals/", &renewal).await.expect(201);
    app.advance("P1D").await;

    let browser = Browser::signed_in(&app, "demo-support").await;
    let home = browser.get("/admin/").await.text;
    let shown = plans(&home);
    let at = |plan: &str| shown.find(&format!("/admin/plans/{plan}/\">"));
    let places = [&refused.id, &ending.id, &full.id].map(|plan| at(plan).unwrap_or_else(|| panic!("{plan}: {shown}")));
    assert!(places.is_sorted(), "{shown}");
    assert!(!shown.contains("Quiet"), "{shown}");
    for why in ["its renewal will be refused", "nothing renews it", "a tenth of its licenses is unassigned"] {
        assert_eq!(shown.matches(why).count(), 1, "{why}: {shown}");
    }
    assert!(shown.contains(&format!("/admin/plans/{}/clock/", refused.id)), "{shown}");
    let page = browser.get("/admin/attention/").await.text;
    assert_eq!(plans(&page), shown);
    // What is mended leaves the list at the next look.
    let longer = json!({ "title": "Ending", "expiration_date": "2029-01-01T00:00:00Z", "change_reason": "other" });
    let path = format!("/api/v1/provisioning-admins/subscriptions/{}/", ending.id);
    app.provisioner().send(reqwest::Method::PATCH, &path, Some(&longer)).await.expect(200);
    app.advance("PT10M").await;
    let home = browser.get("/admin/").await.text;
    assert!(!plans(&home).contains("Ending") && plans(&home).contains("Refused"), "{home}");
    // Places that are none are no error.
    for after in ["~", "a", "zzz"] {
        let page = browser.get(&format!("/admin/attention/?after={after}")).await;
        assert_eq!(page.status.as_u16(), 200, "{after}");
    }
    assert_eq!(browser.get(&format!("/admin/attention/?after={}", "a".repeat(101))).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_failed_job_is_on_the_first_page_until_it_is_resumed() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let home = browser.get("/admin/").await.text;
    for quiet in ["No job failed in the last 14 days.", "No work is stuck.", "No message was given up."] {
        assert!(home.contains(quiet), "{quiet}: {home}");
    }
    let request = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
    let job = text(&plan.admin().post("/api/v1/jobs/", &request).await.expect(202), "id");
    let parts = app.running().parts(function_sweeper::SETTINGS);
    let records = license_work::RunRecords::new(&parts.store, parts.clock());
    let id = job.parse().expect("an id");
    // An upload that did not come: its record is made to be that of a job that began, and fails.
    let stored = license_storage::Jobs::job(&*parts.store, id).await.expect("a read").expect("a job");
    let begun = license_domain::Job { state: license_domain::JobState::Pending, ..stored.clone() };
    let portfolio = license_storage::Portfolios::portfolio(&*parts.store, stored.customer_agreement).await;
    let portfolio = portfolio.expect("a read").expect("an agreement");
    let change = license_tests::app::stamp(app.now()).into();
    let event = (license_domain::EventKind::JobChanged, Vec::new());
    license_storage::Jobs::change_job(&*parts.store, &portfolio, (&stored, &begun), event, &change)
        .await
        .expect("a write");
    records.fail(id, "JobStandsStill").await.expect("a write");
    let home = browser.get("/admin/").await.text;
    let failed = home.split("Failed</strong>").nth(1).and_then(|rest| rest.split("</li>").next()).expect("a line");
    assert!(failed.contains(&format!("/admin/jobs/{job}/")), "{home}");
    app.advance("P15D").await;
    let browser = Browser::signed_in(&app, "demo-operator").await;
    let home = browser.get("/admin/").await.text;
    assert!(home.contains("No job failed in the last 14 days."), "{home}");
}
