//! `lmctl`: what the clock does, by hand.

use super::*;
use crate::lmctl::{done, on};
use license_lmctl::Exit;

/// The rows that a command lists at that time: plan, state, run.
fn rows_of(listed: &Value) -> Vec<(String, String, bool)> {
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let rows = listed.as_array().expect("a list").iter();
    rows.map(|row| (text(row, "plan"), text(row, "state"), !row["run"].is_null())).collect()
}

async fn ending(app: &TestApp, end: &str) -> Plan {
    let plan = app.plan_of(&app.agreement().await, 10, &json!({ "expiration_date": end })).await;
    plan.activated(app, "ann@example.com").await;
    plan
}

async fn renewal_of(app: &TestApp, plan: &Plan, licenses: u64) {
    let body = json!({
        "prior_subscription_plan": plan.id, "number_of_licenses": licenses, "effective_date": "2026-12-01T00:00:00Z",
        "renewed_expiration_date": "2027-12-01T00:00:00Z", "salesforce_opportunity_id": "00k000000000000456",
    });
    app.provisioner().post("/api/v1/provisioning-admins/subscription-plan-renewals/", &body).await.expect(201);
}

/// With `--dry-run` the command lists these rows, and the table is as before.
async fn only_says(app: &TestApp, arguments: &[&str], rows: &[(&str, &str)]) {
    let before = whole_table(app).await;
    let (exit, out) = on(app, &[arguments, &["--dry-run"]].concat()).await;
    assert!(matches!(exit, Ok(Exit::Done | Exit::Failed)), "{arguments:?}: {exit:?}");
    let listed: Value = serde_json::from_str(&out).expect("JSON");
    let mut found = rows_of(&listed);
    found.sort();
    let mut wanted: Vec<_> =
        rows.iter().map(|(plan, state)| ((*plan).to_owned(), (*state).to_owned(), false)).collect();
    wanted.sort();
    assert_eq!(found, wanted, "{arguments:?}");
    assert_eq!(whole_table(app).await, before, "{arguments:?}");
}

#[tokio::test]
async fn renewals_begin_within_the_window_that_is_asked_for() {
    let app = TestApp::start().await;
    let (plan, few) = (ending(&app, "2026-12-01T00:00:00Z").await, ending(&app, "2026-12-01T00:00:00Z").await);
    few.activated(&app, "eve@example.com").await;
    renewal_of(&app, &plan, 10).await;
    renewal_of(&app, &few, 1).await;
    app.drain().await;
    let at = ["--clock", "2026-11-30T10:00:00Z"];
    only_says(&app, &[&["process-renewals"], &at[..]].concat(), &[]).await;
    let wide = ["process_renewals", "--processing_window_length_hours", "24"];
    only_says(&app, &[&wide[..], &at].concat(), &[(&plan.id, "due"), (&few.id, "refused")]).await;

    // One is refused, the other one begins.
    let (exit, out) = on(&app, &[&wide[..], &at].concat()).await;
    assert_eq!(exit.expect("it ends"), Exit::Failed, "{out}");
    let mut rows = rows_of(&serde_json::from_str(&out).expect("JSON"));
    rows.sort_by_key(|(_, state, _)| state.clone());
    assert_eq!(rows, [(plan.id.clone(), "begun".to_owned(), true), (few.id.clone(), "refused".to_owned(), false)]);
    assert!(out.contains("2 licenses would be copied"), "{out}");
    // Again: it is under way, which is no failure of it.
    let (_, out) = on(&app, &[&wide[..], &at].concat()).await;
    assert!(out.contains("under_way"), "{out}");
    // The workers carry it out, though its own time has not come.
    app.advance("P6DT23H30M").await;
    assert_eq!(events(&app, "renewed").await.len(), 1);
    app.invariants().await.check();
}

#[tokio::test]
async fn plans_expire_that_ended_within_the_range_or_are_named() {
    let app = TestApp::start().await;
    let (first, second) = (ending(&app, "2026-12-01T00:00:00Z").await, ending(&app, "2026-12-05T00:00:00Z").await);
    let ahead = ending(&app, "2027-12-05T00:00:00Z").await;
    app.drain().await;
    let at = ["--clock", "2026-12-06T00:00:00Z"];
    let with = |more: &[&'static str]| [&["expire-subscriptions"], more, &at[..]].concat();
    only_says(&app, &with(&[]), &[(&first.id, "due"), (&second.id, "due")]).await;
    // Both ends are included; a time without a zone is UTC.
    let after = ["--expired-after", "2026-12-05T00:00:00"];
    only_says(&app, &with(&after), &[(&second.id, "due")]).await;
    only_says(&app, &with(&["--expired-before", "2026-12-01T00:00:00Z"]), &[(&first.id, "due")]).await;
    assert!(
        matches!(on(&app, &with(&["--expired-before", "2026-12-07T00:00:00"])).await.0, Err(error) if error.exit() == Exit::Usage)
    );
    let named = format!("{},{}", ahead.id, first.id);
    let named = ["expire_subscriptions", "--subscription_uuids", &named, at[0], at[1]];
    only_says(&app, &named, &[(&ahead.id, "ahead"), (&first.id, "due")]).await;
    let unknown = app.uuid(0xd).to_string();
    let (exit, _) = on(&app, &["expire-subscriptions", "--subscription-uuids", &unknown]).await;
    assert!(matches!(exit, Err(error) if error.exit() == Exit::Refused));

    let begun = done(&app, &with(&after)).await;
    assert_eq!(rows_of(&begun), [(second.id.clone(), "begun".to_owned(), true)]);
    app.advance("P13D").await;
    app.advance("PT10M").await;
    assert!(on_record(&app, &first).await.expiration_processed && on_record(&app, &second).await.expiration_processed);
    assert_eq!(calls(&app, "bulk_licensed_enrollments_expiration").await.len(), 2);
    // Again only where that is asked for.
    let at = app.now().to_rfc3339();
    let again = ["expire-subscriptions", "--clock", &at, "--subscription-uuids", &first.id];
    assert_eq!(rows_of(&done(&app, &again).await), [(first.id.clone(), "done".to_owned(), false)]);
    let forced = [&again[..], &["--force"]].concat();
    only_says(&app, &forced, &[(&first.id, "done")]).await;
    // The sweeper may be faster.
    let rows = rows_of(&done(&app, &forced).await);
    assert!(rows[0].2 && matches!(rows[0].1.as_str(), "begun" | "under_way"), "{rows:?}");
    app.advance("PT5M").await;
    assert!(on_record(&app, &first).await.expiration_processed);
    assert_eq!(calls(&app, "bulk_licensed_enrollments_expiration").await.len(), 3);
}

#[tokio::test]
async fn learners_are_unlinked_before_their_data_is_purged_by_hand_too() {
    let app = TestApp::start().await;
    let plan = ending(&app, "2026-12-01T00:00:00Z").await;
    let customer = plan.agreement.enterprise.to_string();
    app.advance("P9D").await;
    let at = ["--clock", "2027-03-01T00:00:01Z"];
    let unlink = [&["unlink-expired-licenses", "--customers", &customer], &at[..]].concat();
    let retire = [&["retire-old-licenses", "--customers", &customer], &at[..]].concat();
    only_says(&app, &[&["unlink_expired_licenses"], &at[..]].concat(), &[]).await;
    only_says(&app, &unlink, &[(&plan.id, "due")]).await;
    only_says(&app, &retire, &[(&plan.id, "due")]).await;
    // Who is to be unlinked must still be named.
    let waits = done(&app, &retire).await;
    assert_eq!(rows_of(&waits), [(plan.id.clone(), "waits".to_owned(), false)]);
    assert_eq!(waits[0]["why"], "unlink_expired_licenses comes first.");
    assert_eq!(rows_of(&done(&app, &unlink).await), [(plan.id.clone(), "begun".to_owned(), true)]);
    app.advance("P89D").await;
    app.advance("PT10M").await;
    assert_eq!(calls(&app, "unlink_users").await.len(), 1);
    app.advance("PT10M").await;
    assert_eq!(app.invariants().await.slots.len(), 0);
}

#[tokio::test]
async fn lmctl_shows_the_same_forecast_as_the_api() {
    let app = TestApp::start().await;
    let plan = ending(&app, "2026-12-01T00:00:00Z").await;
    app.drain().await;
    let before = whole_table(&app).await;
    let at = app.now().to_rfc3339();
    let response = done(&app, &["forecast", &plan.id, "--clock", &at]).await;
    let api = forecast::forecast(&app, &plan, "?until=2099-01-01T00:00:00Z").await;
    let of_api: Vec<(&Value, &Value)> =
        api["prospects"].as_array().expect("a list").iter().map(|one| (&one["state"], &one["why"])).collect();
    let of_command: Vec<(&Value, &Value)> =
        response.as_array().expect("a list").iter().map(|one| (&one["state"], &one["why"])).collect();
    assert_eq!(of_command, of_api);
    let soon = done(&app, &["forecast", &plan.id, "--clock", &at, "--until", "2027-01-01T00:00:00Z"]).await;
    assert_eq!(soon.as_array().map(Vec::len), Some(4), "{soon}");
    assert_eq!(whole_table(&app).await, before);
    // At another time than now nothing of AWS is changed.
    let arguments = ["lmctl", "--region", "nowhere", "--clock", &at, "expire-subscriptions"];
    let arguments = <license_lmctl::Arguments as clap::Parser>::try_parse_from(arguments).expect("arguments");
    let refused = license_lmctl::run(arguments, &mut Vec::new()).await;
    assert!(matches!(refused, Err(error) if error.exit() == Exit::Usage));
}

#[tokio::test]
async fn events_of_licenses_are_triggered_by_hand_for_the_customers_that_are_named() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let (plan, inactive) = (
        app.plan_of(&agreement, 5, &json!({})).await,
        app.plan_of(&agreement, 5, &json!({ "is_active": false })).await,
    );
    let ann = plan.activated(&app, "ann@example.com").await;
    app.drain().await;
    let customer = agreement.enterprise.to_string();
    app.advance("P181D").await;
    let now = app.now().to_rfc3339();
    // Without a customer none is chosen: the environment names none. A customer that is no UUID is refused.
    only_says(&app, &["trigger-event-for-licenses", "--clock", &now], &[]).await;
    let bad = ["lmctl", "trigger-event-for-licenses", "--customers", "none"];
    assert!(<license_lmctl::Arguments as clap::Parser>::try_parse_from(bad).is_err());
    let trigger = ["trigger_event_for_licenses", "--customers", &customer, "--clock", &now];
    // Plans that are not active have none, however old their licenses are.
    only_says(&app, &trigger, &[(&plan.id, "due")]).await;
    let begun = done(&app, &trigger).await;
    assert_eq!(rows_of(&begun), [(plan.id.clone(), "begun".to_owned(), true)]);
    app.advance("PT10M").await;
    let sent = events(&app, "license.activated.180.days.ago").await;
    assert_eq!(sent.iter().map(|event| &event["license_uuid"]).collect::<Vec<_>>(), [&json!(ann.id)], "{sent:?}");
    assert_eq!(inactive.overview().await.get("activated"), None);
    // Each license once.
    let now = app.now().to_rfc3339();
    only_says(&app, &["trigger_event_for_licenses", "--customers", &customer, "--clock", &now], &[]).await;
}

#[tokio::test]
async fn the_data_of_plans_that_ended_is_purged_by_hand_with_sales_and_of_internal_plans_too() {
    let app = TestApp::start().await;
    let agreement = app.agreement().await;
    let terms = json!({ "expiration_date": "2026-12-01T00:00:00Z" });
    let plan = app.plan_of(&agreement, 5, &terms).await;
    let internal = json!({ "expiration_date": "2026-12-01T00:00:00Z", "for_internal_use_only": true });
    let internal = app.plan_of(&agreement, 5, &internal).await;
    for plan in [&plan, &internal] {
        let sale = json!({
            "user_emails": ["ann@example.com"], "user_sfids": ["00k000000000000001"], "notify_users": false,
        });
        plan.admin().post(&plan.path("licenses/assign/"), &sale).await.expect(200);
        plan.activated(&app, "bob@example.com").await;
    }
    app.drain().await;
    let sales = |invariants: &license_tests::Invariants| {
        let all = invariants.slots.iter().chain(&invariants.others);
        all.filter(|license| license.source.is_some()).fold(0, |count, _| count + 1)
    };
    assert_eq!(sales(&app.invariants().await), 2);
    // The plans expire first, whichever command is asked for.
    app.advance("P10D").await;
    app.advance("PT10M").await;
    only_says(&app, &["retire-old-licenses", "--clock", "2027-02-20T00:00:00Z"], &[]).await;
    // An invitation is forgotten before that, but not in a plan for internal use.
    let of_invitation = ["retire-old-licenses", "--clock", "2027-02-28T23:00:00Z"];
    only_says(&app, &of_invitation, &[(&plan.id, "due")]).await;
    let retire = ["retire_old_licenses", "--batch_size", "5", "--clock", "2027-03-01T00:00:01Z"];
    only_says(&app, &retire, &[(&plan.id, "due"), (&internal.id, "due")]).await;
    let begun = rows_of(&done(&app, &retire).await);
    assert!(begun.len() == 2 && begun.iter().all(|(_, state, run)| state == "begun" && *run), "{begun:?}");
    app.advance("P90D").await;
    app.advance("PT10M").await;
    let invariants = app.invariants().await;
    invariants.check();
    assert_eq!((invariants.slots.len(), invariants.others.len(), sales(&invariants)), (0, 4, 0));
    assert!(invariants.others.iter().all(|license| license.status == license_domain::LicenseStatus::Revoked));
}
