//! The weekly mail on a plan's utilization.

use super::*;
use crate::{after, lmctl::done};

const CAMPAIGN: &str = "weekly-license-utilization-campaign";

#[tokio::test]
async fn admins_are_informed_of_each_week_where_the_customer_wants_it() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    // The plan's weeks end on Mondays at midnight.
    let start = json!({ "start_date": "2026-11-23T00:00:00Z" });
    let plan = app.plan_of(&agreement, 10, &start).await;
    let path = format!("/api/v1/provisioning-admins/customer-agreement/{}/", agreement.id);
    let seen = app.provisioner().get(&path).await.expect(200);
    assert_eq!(seen["enable_weekly_utilization_mails"], json!(false), "{seen}");
    app.advance("P8D").await;
    assert_eq!(after::mails(&app).await.iter().filter(|mail| mail["campaign"] == json!(CAMPAIGN)).count(), 0);

    let change = json!({ "enable_weekly_utilization_mails": true });
    let seen = app.provisioner().send(Method::PATCH, &path, Some(&change)).await.expect(200);
    assert_eq!(seen["enable_weekly_utilization_mails"], json!(true), "{seen}");
    app.drain().await;
    let before = whole_table(&app).await;
    let at = app.now().to_rfc3339();
    let rows = done(&app, &["send-weekly-utilization-emails", "--dry-run", "--clock", &at]).await;
    assert_eq!((&rows[0]["plan"], &rows[0]["state"]), (&json!(plan.id), &json!("due")), "{rows}");
    assert_eq!(whole_table(&app).await, before);
    let forecast = forecast::forecast(&app, &plan, "").await;
    let prospects = forecast["prospects"].as_array().expect("a list");
    assert!(prospects.iter().any(|one| one["what"] == "report_week" && one["state"] == "due"), "{forecast}");

    // The week that has passed is reported within a day, and once.
    let mails = async || -> Vec<Value> {
        after::mails(&app).await.into_iter().filter(|mail| mail["campaign"] == json!(CAMPAIGN)).collect()
    };
    app.advance("P2D").await;
    app.advance("PT10M").await;
    let first = mails().await.len();
    assert_eq!(first, 1, "the LMS's stand-in knows an admin of each customer");
    plan.activated(&app, "ann@example.com").await;
    plan.activated(&app, "bob@example.com").await;
    plan.assigned("cid@example.com").await;
    plan.revoke(&["bob@example.com"]).await.expect(200);
    app.drain().await;
    app.advance("P4D").await;
    app.advance("PT10M").await;
    let all = mails().await;
    assert_eq!(all.len(), 2);
    let said = &all[1]["trigger_properties"];
    let numbers = ["num_allocated_licenses", "num_licenses", "num_activations_in_week", "num_revocations_in_week"];
    assert_eq!(numbers.map(|name| said[name].as_u64()), [Some(2), Some(10), Some(2), Some(1)], "{said}");
    // Never again after it was disabled.
    let change = json!({ "enable_weekly_utilization_mails": false });
    app.provisioner().send(Method::PATCH, &path, Some(&change)).await.expect(200);
    app.advance("P15D").await;
    assert_eq!(mails().await.len(), 2);
    app.invariants().await.check();
}
