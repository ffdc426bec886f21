//! `lmctl manufacture-data`.

use license_lmctl::Exit;
use license_tests::{Role, TestApp};
use serde_json::json;

use super::{done, exit_of, lmctl, on};

const AT: &str = "2026-11-23T00:00:00Z";

#[tokio::test]
async fn made_up_customers_work_like_real_ones() {
    let app = TestApp::start().await;
    let command = ["manufacture-data", "--customers", "2", "--plans", "3", "--licenses", "150", "--at", AT];
    let before = app.invariants().await.items;
    let dry = done(&app, &[&["--dry-run"][..], &command].concat()).await;
    assert_eq!(dry.as_array().map(Vec::len), Some(2), "{dry}");
    assert_eq!(app.invariants().await.items, before, "a dry run changes nothing");

    let made = done(&app, &command).await;
    assert_eq!((&made[0]["outcome"], &made[1]["licenses"]), (&json!("made"), &json!(450)), "{made}");
    let invariants = app.invariants().await;
    invariants.check_counts();
    invariants.check_renewals();
    assert_eq!((invariants.plans.len(), invariants.renewals.len()), (6, 4));
    assert_eq!(done(&app, &["check"]).await, json!([]));
    // The same command again changes nothing.
    let again = done(&app, &command).await;
    assert_eq!((&again[0]["outcome"], &again[1]["outcome"]), (&json!("unchanged"), &json!("unchanged")));
    assert_eq!(app.invariants().await.items, invariants.items);
    // The current plan is worked with.
    let customer = made[0]["enterprise_customer_uuid"].as_str().expect("an id");
    let admin = app.client(Role::Admin, license_domain::EnterpriseId(customer.parse().expect("a UUID")));
    let list = format!("/api/v1/subscriptions/?enterprise_customer_uuid={customer}");
    let plans = admin.get(&list).await.expect(200);
    let current = plans["results"].as_array().expect("a list").iter().find(|plan| plan["is_current"] == true);
    let current = current.expect("a current plan")["uuid"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/subscriptions/{current}/licenses");
    let assign = json!({ "user_emails": ["new@example.com"], "notify_users": false });
    admin.post(&format!("{path}/assign/"), &assign).await.expect(200);
    let search = format!("{path}/?status=activated");
    assert!(admin.get(&search).await.expect(200)["count"].as_u64().is_some_and(|count| count > 50));
}

/// Into a folder, twice: the same bytes come out.
#[tokio::test]
async fn the_same_seed_makes_the_same_data() {
    let folder = std::env::temp_dir().join(format!("license-made-{}", std::process::id()));
    let mut exports = Vec::new();
    for (n, seed) in ["5", "5", "6"].iter().enumerate() {
        let data = folder.join(n.to_string());
        let data = data.to_str().expect("text");
        let make = ["--data", data, "manufacture-data", "--licenses", "300", "--at", AT, "--seed", seed];
        assert_eq!(lmctl(&make).await.0.expect("it succeeds"), Exit::Done);
        let (exit, out) = lmctl(&["--data", data, "--output", "json", "check"]).await;
        assert_eq!((exit.expect("it ends"), out.as_str()), (Exit::Done, "[]\n"));
        let file = folder.join(format!("{n}.json"));
        assert_eq!(
            lmctl(&["--data", data, "export", file.to_str().expect("text")]).await.0.expect("it succeeds"),
            Exit::Done
        );
        exports.push(std::fs::read_to_string(&file).expect("a file"));
    }
    std::fs::remove_dir_all(&folder).expect("removed");
    assert_eq!(exports[0].matches("subscriptions.license\"").count(), 300);
    assert_eq!(exports[0], exports[1]);
    assert_ne!(exports[0], exports[2]);
}

#[tokio::test]
async fn names_that_are_taken_are_refused() {
    let app = TestApp::start().await;
    let taken = json!({
        "enterprise_customer_uuid": "eeeeeeee-0000-4000-8000-0000000000f1", "enterprise_customer_slug": "made-1-1",
    });
    app.provisioner().post("/api/v1/provisioning-admins/customer-agreement/", &taken).await.expect(201);
    assert_eq!(exit_of(on(&app, &["manufacture-data", "--licenses", "10"]).await), Exit::Refused);
    app.invariants().await.check_counts();
}
