//! Growing plans.

use super::*;
use crate::lmctl::done;
use license_tests::{
    Role,
    builders::{Agreement, emails},
};

const AGREEMENTS: &str = "/api/v1/provisioning-admins/customer-agreement/";

/// An agreement whose current plan grows above 75 % by that many percent, to that many licenses.
async fn growing(app: &TestApp, increment: u32, most: u64) -> Agreement {
    let agreement = app.agreement().await;
    let body = json!({
        "enable_auto_scaling_of_current_plan": true, "auto_scaling_max_licenses": most,
        "auto_scaling_threshold_percentage": 75, "auto_scaling_increment_percentage": increment,
    });
    app.provisioner().patch(&format!("{AGREEMENTS}{}/", agreement.id), &body).await.expect(200);
    agreement
}

async fn total(app: &TestApp, plan: &Plan) -> u64 {
    on_record(app, plan).await.seats.total
}

/// The growth in the plan's forecast: its state and why.
async fn foreseen(app: &TestApp, plan: &Plan) -> Option<(String, String)> {
    let forecast = forecast::forecast(app, plan, "").await;
    let lines = forecast["prospects"].as_array().expect("a list").clone();
    let line = lines.into_iter().find(|line| line["what"] == "grow_plan")?;
    let text = |name: &str| line[name].as_str().expect("a text").to_owned();
    Some((text("state"), text("why")))
}

#[tokio::test]
async fn a_plan_grows_soon_after_its_threshold_is_passed_step_by_step_up_to_its_maximum() {
    let app = TestApp::start().await;
    let agreement = growing(&app, 10, 6).await;
    let plan = app.plan_of(&agreement, 4, &json!({})).await;
    app.advance("PT5M").await;
    plan.assign(&emails("a", 0..3)).await.expect(200);
    app.advance("PT5M").await;
    assert_eq!(total(&app, &plan).await, 4, "75 % are not above the threshold");
    assert_eq!(foreseen(&app, &plan).await.expect("it grows").0, "waits");

    // A tenth of four licenses is none: it grows by one. One minute is enough, because the assignment makes it due.
    plan.assign(&["b@example.com"]).await.expect(200);
    // The relay has the event before the sweeper looks.
    app.drain().await;
    app.advance("PT2M").await;
    assert!(total(&app, &plan).await >= 5);
    // Still above the threshold: the next step follows by itself.
    app.advance("PT5M").await;
    app.advance("PT5M").await;
    assert_eq!(total(&app, &plan).await, 6);
    plan.assign(&["c@example.com", "d@example.com"]).await.expect(200);
    app.advance("PT10M").await;
    assert_eq!(total(&app, &plan).await, 6, "the maximum");
    assert_eq!(
        foreseen(&app, &plan).await,
        Some(("never".to_owned(), "The plan has 6 licenses, and its maximum is 6.".to_owned()))
    );
    let grown = on_record(&app, &plan).await;
    assert_eq!(grown.desired_num_licenses, Some(4), "what was sold stays");
    let history = app.client(Role::Operator, agreement.enterprise).get(&plan.path("history/")).await.expect(200);
    assert!(history.to_string().contains("process_auto_scalable_plans"), "{history}");
    app.invariants().await.check();
}

#[tokio::test]
async fn a_plan_grows_once_the_agreement_says_so_and_a_learner_without_a_seat_finds_one_later() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let plan = app.plan_of(&agreement, 2, &json!({})).await;
    plan.assign(&emails("a", 0..2)).await.expect(200);
    app.advance("PT10M").await;
    assert_eq!((total(&app, &plan).await, foreseen(&app, &plan).await), (2, None));
    let body = json!({ "enable_auto_scaling_of_current_plan": true });
    let refused = app.provisioner().patch(&format!("{AGREEMENTS}{}/", agreement.id), &body).await.expect(400);
    assert_eq!(refused.as_object().map(serde_json::Map::len), Some(3), "{refused}");
    let body = json!({
        "enable_auto_scaling_of_current_plan": true, "auto_scaling_max_licenses": 100,
        "auto_scaling_threshold_percentage": 100, "auto_scaling_increment_percentage": 50,
    });
    let path = format!("{AGREEMENTS}{}/", agreement.id);
    app.provisioner().patch(&path, &body).await.expect(200);
    app.advance("PT10M").await;
    assert_eq!(total(&app, &plan).await, 2, "100 % is never exceeded");
    // It does not wait for the daily look.
    app.provisioner().patch(&path, &json!({ "auto_scaling_threshold_percentage": 90 })).await.expect(200);
    // The relay has the event before the sweeper looks.
    app.drain().await;
    app.advance("PT2M").await;
    assert_eq!(total(&app, &plan).await, 3);
}

#[tokio::test]
async fn numbers_that_an_import_left_out_and_a_frozen_plan_are_why_a_plan_never_grows() {
    let app = TestApp::start().await;
    let agreement = growing(&app, 10, 100).await;
    let plan = app.plan_of(&agreement, 2, &json!({})).await;
    let store = app.running().store();
    let portfolio = store.portfolio_of_plan(plan.uuid().into()).await.expect("the table answers").expect("the plan");
    let before = portfolio.agreement;
    let after = CustomerAgreement { auto_scaling_max_licenses: None, ..before.clone() };
    store.update_agreement(&before, &after, &stamp(app.now()).into()).await.expect("written");
    plan.assign(&emails("a", 0..2)).await.expect(200);
    app.advance("PT10M").await;
    assert_eq!(total(&app, &plan).await, 2);
    let why = "The agreement enables auto-scaling, but has no maximum of licenses.";
    assert_eq!(foreseen(&app, &plan).await, Some(("never".to_owned(), why.to_owned())));
    // What does not touch it can still be changed.
    let path = format!("{AGREEMENTS}{}/", agreement.id);
    app.provisioner().patch(&path, &json!({ "disable_expiration_notifications": true })).await.expect(200);
    store.update_agreement(&agreement_of(&app, &plan).await, &before, &stamp(app.now()).into()).await.expect("written");

    let portfolio = store.portfolio_of_plan(plan.uuid().into()).await.expect("the table answers").expect("the plan");
    let of = portfolio.plan(plan.uuid().into()).expect("the plan");
    let frozen = SubscriptionPlan { last_freeze_timestamp: Some(app.now()), ..of.clone() };
    store.update_plan(&portfolio, of, &frozen, &stamp(app.now()).into()).await.expect("written");
    app.advance("PT10M").await;
    assert_eq!(total(&app, &plan).await, 2);
    assert_eq!(foreseen(&app, &plan).await.expect("a line").0, "never");
}

async fn agreement_of(app: &TestApp, plan: &Plan) -> CustomerAgreement {
    let portfolio = app.running().store().portfolio_of_plan(plan.uuid().into()).await.expect("the table answers");
    portfolio.expect("the plan").agreement
}

#[tokio::test]
async fn by_hand_it_begins_one_step_of_each_plan_that_is_to_grow() {
    let app = TestApp::start().await;
    let agreement = growing(&app, 50, 100).await;
    let ahead = json!({ "start_date": "2026-12-01T00:00:00Z" });
    let plan = app.plan_of(&agreement, 2, &ahead).await;
    let other = app.plan_of(&app.agreement().await, 2, &ahead).await;
    for plan in [&plan, &other] {
        plan.assign(&emails("a", 0..2)).await.expect(200);
    }
    app.drain().await;
    assert_eq!(foreseen(&app, &plan).await.expect("it grows").0, "waits");
    let at = ["--clock", "2026-12-02T00:00:00Z"];
    let before = whole_table(&app).await;
    let rows = done(&app, &[&["process_auto_scalable_plans", "--dry-run"], &at[..]].concat()).await;
    assert_eq!(
        (rows.as_array().map(Vec::len), &rows[0]["plan"], &rows[0]["state"]),
        (Some(1), &json!(plan.id), &json!("due"))
    );
    assert_eq!(whole_table(&app).await, before);
    let rows = done(&app, &[&["process-auto-scalable-plans"], &at[..]].concat()).await;
    assert_eq!((rows.as_array().map(Vec::len), &rows[0]["state"]), (Some(1), &json!("begun")));
    advance_to(&app, "2026-12-02T00:00:00Z").await;
    app.advance("PT10M").await;
    assert_eq!((total(&app, &plan).await, total(&app, &other).await), (3, 2));
    app.invariants().await.check();
}
