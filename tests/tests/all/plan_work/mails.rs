//! What learners, and other systems, are informed of licenses by the clock.

use std::collections::BTreeMap;

use super::*;
use crate::{
    after,
    lmctl::{done, on},
};
use license_domain::LicenseId;
use license_lmctl::Exit;
use license_tests::{
    app::options,
    builders::{Agreement, emails, text},
};

const REMINDER: &str = "license-expiration-reminder-campaign";
const EXPIRATION: &str = "subscription-plan-expiration-campaign";
const LONG_ACTIVATED: &str = "edx.server.license-manager.license.activated.180.days.ago";

/// An app whose first agreement is of a customer that has chosen all of it.
async fn chosen() -> (TestApp, Agreement) {
    let customer = "eeeeeeee-0000-4000-8000-000000000001";
    let names = [
        "CUSTOMERS_WITH_LICENSE_EXPIRATION_REMINDERS_ENABLED",
        "CUSTOMERS_WITH_PLAN_EXPIRATION_EMAILS_ENABLED",
        "CUSTOMERS_WITH_CUSTOM_LICENSE_EVENTS",
    ];
    let settings = names.map(|name| (name.to_owned(), customer.to_owned()));
    let app =
        TestApp::start_with(license_local::Options { settings: BTreeMap::from(settings), ..options() }, false).await;
    let agreement = app.agreement().await;
    assert_eq!(agreement.enterprise.to_string(), customer, "the harness counts from one");
    (app, agreement)
}

/// A plan of the agreement that ends on the first of February, 70 days from now.
async fn plan_of(app: &TestApp, agreement: &Agreement) -> Plan {
    app.plan_of(agreement, 100, &json!({ "expiration_date": "2027-02-01T12:00:00Z" })).await
}

/// Some minutes, in which runs begin and end.
async fn a_while(app: &TestApp) {
    for _ in 0..3 {
        app.advance("PT6M").await;
    }
}

#[tokio::test]
async fn learners_are_reminded_once_from_thirty_days_before_the_end_on() {
    let (app, agreement) = chosen().await;
    let plan = plan_of(&app, &agreement).await;
    let other = app.plan_of(&app.agreement().await, 5, &json!({ "expiration_date": "2027-02-01T12:00:00Z" })).await;
    let learners = emails("ann", 0..3);
    for email in &learners {
        plan.activated(&app, email).await;
    }
    other.activated(&app, "other@example.com").await;
    plan.assigned("bob@example.com").await;
    plan.activated(&app, "eve@example.com").await;
    plan.revoke(&["eve@example.com"]).await.expect(200);
    advance_to(&app, "2027-01-02T11:00:00Z").await;
    a_while(&app).await;
    assert_eq!(after::recipients(&app, REMINDER).await, Vec::<String>::new());
    // However late, if only the end is ahead.
    advance_to(&app, "2027-01-12T12:00:00Z").await;
    a_while(&app).await;
    assert_eq!(after::recipients(&app, REMINDER).await, learners);
    let mail = after::mails(&app).await.into_iter().find(|mail| mail["campaign"] == REMINDER).expect("a mail");
    let said = &mail["trigger_properties"];
    assert_eq!(said["expiration_date"], "2027-02-01T12:00:00Z");
    assert_eq!((&said["days_until_expiration"], said["subscription_plan_title"].is_string()), (&json!(20), true));

    // Who comes later is reminded within a day, and no one twice.
    plan.activated(&app, "late@example.com").await;
    app.advance("P1DT1H").await;
    a_while(&app).await;
    let mut all = learners.clone();
    all.push("late@example.com".to_owned());
    assert_eq!(after::recipients(&app, REMINDER).await, all);
    for _ in 0..3 {
        app.advance("P1DT1H").await;
    }
    assert_eq!(after::recipients(&app, REMINDER).await, all);
    assert_eq!(after::recipients(&app, EXPIRATION).await, Vec::<String>::new());

    // The seat of a learner who is gone, with its next learner: the mark was not the seat's.
    plan.revoke(&["ann00000@example.com"]).await.expect(200);
    plan.activated(&app, "ann00000@example.com").await;
    plan.activated(&app, "next@example.com").await;
    app.advance("P1DT1H").await;
    a_while(&app).await;
    all.push("next@example.com".to_owned());
    assert_eq!(after::recipients(&app, REMINDER).await, all, "one reminder for each learner and plan");

    // The end is moved: they are reminded of the new one.
    change(&app, &plan, json!({ "expiration_date": "2027-02-10T12:00:00Z", "change_reason": "delayed_payment" })).await;
    a_while(&app).await;
    assert_eq!(after::recipients(&app, REMINDER).await.len(), 2 * all.len());
    app.invariants().await.check();
}

#[tokio::test]
async fn learners_are_informed_that_their_plan_has_ended_on_the_day_after_it_and_once() {
    let (app, agreement) = chosen().await;
    let plan = plan_of(&app, &agreement).await;
    plan.activated(&app, "ann@example.com").await;
    plan.assigned("bob@example.com").await;
    advance_to(&app, "2027-02-01T20:00:00Z").await;
    a_while(&app).await;
    assert!(on_record(&app, &plan).await.expiration_processed);
    assert_eq!(after::recipients(&app, EXPIRATION).await, Vec::<String>::new());
    advance_to(&app, "2027-02-05T01:00:00Z").await;
    a_while(&app).await;
    assert_eq!(after::recipients(&app, EXPIRATION).await, ["ann@example.com"]);
    let mail = after::mails(&app).await.into_iter().find(|mail| mail["campaign"] == EXPIRATION).expect("a mail");
    assert_eq!(mail["trigger_properties"]["days_since_expiration"], 4);
    for _ in 0..3 {
        app.advance("P5D").await;
    }
    assert_eq!(after::recipients(&app, EXPIRATION).await.len(), 1);
    // The clock jumped over the time of reminders, which say that the end is ahead.
    assert_eq!(after::recipients(&app, REMINDER).await, Vec::<String>::new());
    app.invariants().await.check();
}

#[tokio::test]
async fn customers_that_want_no_notice_and_learners_who_go_on_get_none() {
    let (app, agreement) = chosen().await;
    let plan = plan_of(&app, &agreement).await;
    plan.activated(&app, "ann@example.com").await;
    let body = json!({
        "prior_subscription_plan": plan.id, "number_of_licenses": 1, "effective_date": "2027-02-01T12:00:00Z",
        "renewed_expiration_date": "2028-02-01T12:00:00Z", "license_types_to_copy": "assigned_and_activated",
        "salesforce_opportunity_id": "00k000000000000456",
    });
    let renewal = app.provisioner().post("/api/v1/provisioning-admins/subscription-plan-renewals/", &body).await;
    let renewal = renewal.expect(201)["id"].as_i64().expect("a number");
    advance_to(&app, "2027-01-20T00:00:00Z").await;
    a_while(&app).await;
    let path = format!("/api/v1/provisioning-admins/subscription-plan-renewals/{renewal}/process/");
    let processed = app.provisioner().post(&path, &json!({})).await;
    assert!(processed.status.is_success(), "{:?}", processed.status);
    // The future plan has no seat for a learner who comes after the renewal was processed.
    plan.activated(&app, "late@example.com").await;
    app.advance("P1DT1H").await;
    a_while(&app).await;
    assert_eq!(after::recipients(&app, REMINDER).await, ["late@example.com"]);
    let path = format!("/api/v1/provisioning-admins/customer-agreement/{}/", agreement.id);
    app.provisioner().patch(&path, &json!({ "disable_expiration_notifications": true })).await.expect(200);
    advance_to(&app, "2027-02-05T00:00:00Z").await;
    a_while(&app).await;
    assert_eq!(after::recipients(&app, EXPIRATION).await, Vec::<String>::new());
    let forecast = forecast::forecast(&app, &plan, "").await;
    assert!(forecast.to_string().contains("The agreement disables expiration notifications."), "{forecast}");
    app.provisioner().patch(&path, &json!({ "disable_expiration_notifications": false })).await.expect(200);
    app.advance("P1DT1H").await;
    a_while(&app).await;
    assert_eq!(after::recipients(&app, EXPIRATION).await, ["late@example.com"]);
}

#[tokio::test]
async fn mails_go_out_by_hand_for_the_customers_that_are_named_and_a_dry_run_changes_nothing() {
    let app = TestApp::start().await;
    let plan = plan_of(&app, &app.agreement().await).await;
    let other = plan_of(&app, &app.agreement().await).await;
    for plan in [&plan, &other] {
        plan.activated(&app, "ann@example.com").await;
    }
    app.drain().await;
    let customer = plan.agreement.enterprise.to_string();
    let states = |listed: Value| -> Vec<(String, String)> {
        listed.as_array().expect("a list").iter().map(|row| (text(row, "plan"), text(row, "state"))).collect()
    };
    let before = whole_table(&app).await;
    let remind = ["send_license_expiration_reminders", "--enterprise_customer_uuid", &customer];
    let at = ["--clock", "2027-01-20T00:00:00Z", "--dry-run"];
    let batch = ["--batch-size", "25"];
    let due = [(plan.id.clone(), "due".to_owned())];
    assert_eq!(states(done(&app, &[&remind[..], &at, &batch].concat()).await), due);
    let near = [&remind[..], &at, &["--days-before-expiration", "5"]].concat();
    assert_eq!(states(done(&app, &near).await), []);
    let inform = ["send-subscription-plan-expiration-emails", "--enterprise-customer-uuid", &customer, "--dry-run"];
    // The expiry itself comes first, which the row says once it is asked for.
    let late = ["--clock", "2027-02-05T00:00:00Z"];
    assert_eq!(states(done(&app, &[&inform[..], &late].concat()).await), due);
    let short = [&inform[..], &late, &["--days-since-expiration", "2"]].concat();
    assert_eq!(states(done(&app, &short).await), []);
    assert_eq!(whole_table(&app).await, before);
    for bad in ["", "all", &format!("{customer},x")] {
        let arguments = ["lmctl", "send-license-expiration-reminders", "--enterprise-customer-uuid", bad];
        assert!(<license_lmctl::Arguments as clap::Parser>::try_parse_from(arguments).is_err(), "{bad:?}");
    }

    let (exit, out) = on(&app, &[&remind[..], &["--clock", "2027-01-20T00:00:00Z"]].concat()).await;
    assert_eq!(exit.expect("it ends"), Exit::Done, "{out}");
    advance_to(&app, "2027-01-20T00:00:00Z").await;
    a_while(&app).await;
    assert_eq!(after::recipients(&app, REMINDER).await, ["ann@example.com"]);
}

#[tokio::test]
async fn other_systems_are_informed_of_a_license_180_days_after_its_activation_once_it_has_a_number() {
    let (app, agreement) = chosen().await;
    let plan = app.plan_of(&agreement, 10, &json!({ "expiration_date": "2028-02-01T12:00:00Z" })).await;
    let ann = plan.activated(&app, "ann@example.com").await;
    let bob = plan.activated(&app, "bob@example.com").await;
    forget_number(&app, &plan, &bob.id).await;
    app.advance("P179D").await;
    a_while(&app).await;
    assert_eq!(events(&app, LONG_ACTIVATED).await, Vec::<Value>::new());
    for _ in 0..3 {
        app.advance("P1DT1H").await;
        a_while(&app).await;
    }
    let sent = events(&app, LONG_ACTIVATED).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!((&sent[0]["license_uuid"], &sent[0]["user_email"]), (&json!(ann.id), &json!("ann@example.com")));
    assert!(sent[0]["assigned_lms_user_id"].is_number());
    app.invariants().await.check();
}

/// Takes the number in the LMS from a license, as an old import leaves it.
async fn forget_number(app: &TestApp, plan: &Plan, license: &str) {
    use license_storage_dynamodb::testing::keys::LearnerKeys;

    let table = table_of(app.running().store());
    let of: LicenseId = license.parse().expect("an id");
    let held = app.invariants().await.slots.into_iter().find(|held| held.uuid == of);
    let email = held.expect("a slot").user_email.expect("an address").key();
    let key = LearnerKeys(&email).slot(plan.uuid().into());
    let update = table.client().update_item().table_name(table.name()).set_key(Some(key.attributes()));
    update.update_expression("REMOVE lms_user_id").send().await.expect("updated");
}
