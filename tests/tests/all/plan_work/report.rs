//! The report on the first week with auto-apply.

use super::*;
use crate::{after, lmctl::done};

const CAMPAIGN: &str = "initial-license-utilization-campaign";

#[tokio::test]
async fn admins_are_informed_once_a_week_after_learners_could_first_take_licenses() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 10, &json!({})).await;
    plan.assign(&["invited@example.com"]).await.expect(200);
    app.advance("P10D").await;
    assert_eq!(after::recipients(&app, CAMPAIGN).await, Vec::<String>::new());

    change(&app, &plan, json!({ "should_auto_apply_licenses": true, "change_reason": "other" })).await;
    assert_eq!(on_record(&app, &plan).await.auto_apply_since, Some(on_record(&app, &plan).await.modified));
    let learner = app.learner(agreement.enterprise, "taker@example.com");
    let taken = learner.post(&format!("/api/v1/customer-agreement/{}/auto-apply/", agreement.id), &json!({})).await;
    assert!(taken.status.is_success(), "{:?}: {}", taken.status, taken.text);
    app.advance("P6D").await;
    assert_eq!(after::recipients(&app, CAMPAIGN).await, Vec::<String>::new());
    let before = whole_table(&app).await;
    let soon = (app.now() + TimeDelta::days(2)).to_rfc3339();
    let rows = done(&app, &["send_license_utilization_emails", "--dry-run", "--clock", &soon]).await;
    assert_eq!((rows.as_array().map(Vec::len), &rows[0]["state"]), (Some(1), &json!("due")));
    assert_eq!(whole_table(&app).await, before);
    // Other changes of the plan do not start the week anew.
    change(&app, &plan, json!({ "title": "Another title", "change_reason": "other" })).await;
    app.advance("P1DT1H").await;
    app.advance("PT10M").await;
    let mails: Vec<Value> =
        after::mails(&app).await.into_iter().filter(|mail| mail["campaign"] == json!(CAMPAIGN)).collect();
    assert!(!mails.is_empty(), "the LMS's stand-in knows an admin of each customer");
    let said = &mails[0]["trigger_properties"];
    assert_eq!(
        (&said["num_auto_applied_licenses_since_turned_on"], &said["num_allocated_licenses"]),
        (&json!(1), &json!(2))
    );
    assert_eq!((&said["num_licenses"], &said["subscription_plan_title"]), (&json!(10), &json!("Another title")));
    // Once for a plan, also where auto-apply is enabled again.
    for applies in [false, true] {
        let body = json!({ "should_auto_apply_licenses": applies, "change_reason": "other" });
        change(&app, &plan, body).await;
        app.advance("P8D").await;
    }
    let all = after::mails(&app).await.into_iter().filter(|mail| mail["campaign"] == json!(CAMPAIGN)).count();
    assert_eq!(all, mails.len());
    app.invariants().await.check();
}
