//! A dump of a whole installation, as `dumpdata` without arguments writes it: models of libraries, histories, logs, and
//! rows that only a real installation has.

use std::collections::BTreeMap;

use license_tests::TestApp;
use serde_json::{Value, json};

use super::{AGREEMENT, CUSTOMER, File, admin, dump, license, license_id, path, row};

/// Rows of models that are not imported, and how many of each.
fn foreign() -> Vec<(&'static str, u64)> {
    vec![
        ("admin.logentry", 2),
        ("auth.group", 1),
        ("auth.permission", 3),
        ("contenttypes.contenttype", 3),
        ("sessions.session", 2),
        ("sites.site", 1),
        ("django_celery_results.taskresult", 2),
        ("django_celery_results.groupresult", 1),
        ("oauth2_provider.application", 1),
        ("oauth2_provider.accesstoken", 1),
        ("oauth_dispatch.applicationaccess", 1),
        ("social_django.usersocialauth", 1),
        ("social_django.association", 1),
        ("social_django.nonce", 1),
        ("waffle.flag", 1),
        ("waffle.sample", 1),
        ("waffle.switch", 1),
        ("edx_rbac.something", 1),
        ("api.bulkenrollmentjob", 2),
        ("subscriptions.licenseaction", 2),
        ("subscriptions.licensetransferjob", 1),
        ("subscriptions.notification", 2),
        ("subscriptions.historicalcustomeragreement", 2),
        ("subscriptions.historicalcustomsubscriptionexpirationmessaging", 1),
        ("subscriptions.historicallicense", 9),
        ("subscriptions.historicallicensetransferjob", 1),
        ("subscriptions.historicalnotification", 1),
        ("subscriptions.historicalproduct", 1),
        ("subscriptions.historicalsubscriptionlicensesource", 1),
        ("subscriptions.historicalsubscriptionplan", 3),
        ("subscriptions.historicalsubscriptionplanrenewal", 2),
    ]
}

/// The dump: its own models as Django writes them, with everything else between them.
fn installation() -> Vec<Value> {
    let mut rows = Vec::new();
    for (model, count) in foreign() {
        for n in 0..count {
            // Their fields may have names that mean something else in other models.
            let fields =
                json!({ "status": n, "user_email": 7, "data": { "nested": [null, 1.5, "text"] }, "user": "x" });
            let pk = if model.starts_with("sessions.") { json!(format!("session-{n}")) } else { json!(n + 1) };
            rows.push(json!({ "model": model, "pk": pk, "fields": fields }));
        }
    }
    let mut own = dump();
    own.retain(|row| row["model"] != "subscriptions.historicallicense");
    for row in &mut own {
        let model = row["model"].as_str().unwrap_or_default().to_owned();
        let fields = row["fields"].as_object_mut().expect("fields");
        if model == "core.user" {
            for (name, value) in [
                ("password", json!("pbkdf2_sha256$1000$x$y")),
                ("last_login", json!("2026-02-03T04:05:06.789Z")),
                ("first_name", json!("")),
                ("last_name", json!("")),
                ("email", json!("root@example.com")),
                ("is_staff", json!(true)),
                ("is_active", json!(true)),
                ("date_joined", json!("2020-01-01T00:00:00Z")),
                ("full_name", Value::Null),
                ("lms_user_id", json!(12)),
                ("groups", json!([1])),
                ("user_permissions", json!([])),
            ] {
                fields.insert(name.to_owned(), value);
            }
        }
        if model == "subscriptions.customeragreement" {
            fields.insert("license_duration_before_purge".to_owned(), json!("90 00:00:00"));
        }
        // A time as Django's own encoder writes it.
        fields.insert("modified".to_owned(), json!("2026-02-03T04:05:06.789Z"));
    }
    // Before 2024-09 renewals of edx's license-manager made assigned licenses without a key.
    let mut keyless = license(20, "assigned", Some("old@example.com"));
    keyless["fields"]["activation_key"] = Value::Null;
    own.push(keyless);
    // Half of the foreign rows come before, half after.
    let behind = rows.split_off(rows.len() / 2);
    rows.into_iter().chain(own).chain(behind).collect()
}

#[tokio::test]
async fn known_models_are_imported_and_the_others_are_counted() {
    let app = TestApp::start().await;
    let report = File::new(&installation()).import(&app).await.expect("imported");
    let skipped: BTreeMap<String, u64> = foreign().into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(report.skipped, skipped);
    assert_eq!((report.imported["licenses"], report.imported["plans"], report.imported["agreements"]), (7, 2, 1));
    // It is a warning, not an error: its learner cannot follow a link.
    assert_eq!(report.warnings.len(), 1, "{report}");
    assert!(report.warnings[0].contains(&license_id(20)) && !report.to_string().contains("old@"), "{report}");
    let said = report.to_string();
    for (model, count) in foreign() {
        assert!(said.contains(&format!("{count} {model} skipped")), "{model}: {said}");
    }
    app.invariants().await.check_counts();
    let admin = admin(&app);
    assert_eq!(admin.get(&path("licenses/?search=old@example.com")).await.expect(200)["count"], 1);
    let held = json!({ "user_emails": ["old@example.com"] });
    admin.post(&path("licenses/bulk-revoke/"), &held).await.expect(200);
    admin.post(&path("licenses/assign/"), &held).await.expect(200);
}

#[tokio::test]
async fn durations_are_taken_in_every_spelling_of_django() {
    for (text, seconds) in
        [("90 00:00:00", 7_776_000), ("P90DT00H00M00S", 7_776_000), ("1 12:30:00.5", 131_400), ("00:30:00", 1_800)]
    {
        let app = TestApp::start().await;
        let mut rows = dump();
        for row in &mut rows {
            if row["model"] == "subscriptions.customeragreement" {
                row["fields"]["license_duration_before_purge"] = json!(text);
            }
        }
        File::new(&rows).import(&app).await.expect(text);
        let agreement: license_domain::AgreementId = AGREEMENT.parse().expect("a UUID");
        let portfolio = license_storage::Portfolios::portfolio(app.running().store().as_ref(), agreement).await;
        let portfolio = portfolio.expect("the table responds").expect("imported");
        assert_eq!(portfolio.agreement.license_duration_before_purge_seconds, seconds, "{text}");
    }
}

/// With `--natural-primary --natural-foreign` users have no ids.
#[tokio::test]
async fn users_are_found_by_their_natural_keys() {
    let app = TestApp::start().await;
    let rows = [
        json!({ "model": "core.user", "fields": { "username": "root", "is_superuser": true } }),
        row("subscriptions.subscriptionsfeaturerole", 1, json!({ "name": "enterprise_subscriptions_admin" })),
        row(
            "subscriptions.subscriptionsroleassignment",
            1,
            json!({ "user": ["by-name"], "role": 1, "enterprise_customer_uuid": CUSTOMER }),
        ),
    ];
    let report = File::new(&rows).import(&app).await.expect("imported");
    assert_eq!((report.imported["role assignments"], report.imported["superusers"]), (1, 1));
    let store = app.running().store();
    let user = license_storage::Users::user(store.as_ref(), "by-name").await.expect("the table responds");
    assert_eq!(user.grants.len(), 1);
    assert!(license_storage::Users::user(store.as_ref(), "root").await.expect("the table responds").is_superuser);
}
