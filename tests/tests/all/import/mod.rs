//! The state of a real license-manager, imported and then used.

mod export;
mod installation;
mod license_events;
mod seats;
mod table;
mod texts;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use license_domain::{EnterpriseId, LicenseStatus};
use license_importer::{ImportError, Importer, Report};
use license_storage::StoreError;
use license_storage_dynamodb::{BulkWriter, Item, PutItems, Store};
use license_tests::{Client, Role, TestApp};
use serde_json::{Value, json};
use uuid::Uuid;

const CUSTOMER: &str = "eeeeeeee-0000-4000-8000-0000000000d1";
const AGREEMENT: &str = "aaaaaaaa-0000-4000-8000-0000000000d1";
const PLAN: &str = "bbbbbbbb-0000-4000-8000-0000000000d1";
const NEXT_PLAN: &str = "bbbbbbbb-0000-4000-8000-0000000000d2";
const WHEN: &str = "2026-02-03T04:05:06.789012+00:00";

fn row(model: &str, pk: impl Into<Value>, fields: Value) -> Value {
    let pk: Value = pk.into();
    let fields = match fields {
        Value::Object(mut fields) => {
            fields.insert("created".to_owned(), json!(WHEN));
            fields.insert("modified".to_owned(), json!(WHEN));
            Value::Object(fields)
        }
        other => other,
    };
    json!({ "model": model, "pk": pk, "fields": fields })
}

fn license_id(n: u32) -> String {
    format!("11110000-0000-4000-8000-{n:012x}")
}

fn key(n: u32) -> String {
    format!("22220000-0000-4000-8000-{n:012x}")
}

fn license(n: u32, status: &str, email: Option<&str>) -> Value {
    let is_live = status == "assigned" || status == "activated";
    let fields = json!({
        "status": status,
        "subscription_plan": PLAN,
        "user_email": email,
        "lms_user_id": (status == "activated").then_some(7000 + n),
        "activation_key": (status != "unassigned").then(|| key(n)),
        "assigned_date": is_live.then(|| format!("2026-02-{:02}T00:00:00Z", 1 + n)),
        "activation_date": (status == "activated").then_some("2026-03-01T00:00:00Z"),
        "last_remind_date": null,
        "revoked_date": (status == "revoked").then_some("2026-04-01T00:00:00Z"),
        "renewed_to": null,
        "auto_applied": null,
    });
    row("subscriptions.license", license_id(n), fields)
}

fn plan(id: &str, title: &str) -> Value {
    let fields = json!({
        "title": title, "customer_agreement": AGREEMENT, "start_date": "2026-01-01T00:00:00Z",
        "expiration_date": "2027-12-31T00:00:00Z", "expiration_processed": false, "enterprise_catalog_uuid": null,
        "is_active": true, "is_revocation_cap_enabled": false, "revoke_max_percentage": 5,
        "num_revocations_applied": 0, "salesforce_opportunity_id": null,
        "salesforce_opportunity_line_item": "00k000000000000001", "product": 1, "for_internal_use_only": false,
        "can_freeze_unused_licenses": false, "last_freeze_timestamp": null, "should_auto_apply_licenses": null,
        "desired_num_licenses": 3,
    });
    row("subscriptions.subscriptionplan", id, fields)
}

/// A small installation: every model that is imported, and some that are not.
pub(crate) fn dump() -> Vec<Value> {
    let plan_type = json!({ "label": "Standard Paid", "description": "", "is_paid_subscription": true,
        "ns_id_required": true, "sf_id_required": true, "internal_use_only": false });
    let product = json!({ "name": "B2B Paid", "description": "", "salesforce_product_id": null, "netsuite_id": 106,
        "plan_type": 1 });
    let agreement = json!({
        "enterprise_customer_uuid": CUSTOMER, "enterprise_customer_slug": "imported",
        "enterprise_customer_name": "Imported", "default_enterprise_catalog_uuid": "cccccccc-0000-4000-8000-0000000000d1",
        "disable_expiration_notifications": false, "disable_onboarding_notifications": true,
        "license_duration_before_purge": "P90DT00H00M00S", "has_custom_license_expiration_messaging": false,
        "modal_header_text": null, "expired_subscription_modal_messaging": null, "button_label_in_modal": null,
        "url_for_button_in_modal": null, "enable_auto_applied_subscriptions_with_universal_link": false,
        "enable_auto_scaling_of_current_plan": false, "auto_scaling_max_licenses": null,
        "auto_scaling_threshold_percentage": null, "auto_scaling_increment_percentage": null,
    });
    let messaging = json!({ "customer_agreement": AGREEMENT, "has_custom_license_expiration_messaging": true,
        "modal_header_text": "Hello", "expired_subscription_modal_messaging": "<p>Bye</p>",
        "button_label_in_modal": "Go", "url_for_button_in_modal": "https://example.com/" });
    let renewal = json!({
        "prior_subscription_plan": PLAN, "renewed_subscription_plan": NEXT_PLAN,
        "salesforce_opportunity_id": "00k000000000000002", "number_of_licenses": 5,
        "effective_date": "2027-12-31T00:00:00Z", "renewed_expiration_date": "2028-12-31T00:00:00Z",
        "processed": false, "processed_datetime": null, "renewed_plan_title": null,
        "license_types_to_copy": "assigned_and_activated", "disable_auto_apply_licenses": false,
        "exempt_from_batch_processing": false,
    });
    vec![
        // Licenses come first: an import must not depend on the order of rows.
        license(1, "activated", Some("ada@example.com")),
        license(2, "assigned", Some("Grace@Example.com")),
        license(3, "unassigned", None),
        license(4, "unassigned", None),
        license(5, "revoked", Some("tony@example.com")),
        license(6, "revoked", None),
        row("subscriptions.plantype", 1, plan_type),
        row("subscriptions.product", 1, product),
        row("subscriptions.customeragreement", AGREEMENT, agreement),
        row("subscriptions.customsubscriptionexpirationmessaging", 1, messaging),
        plan(PLAN, "Imported plan"),
        plan(NEXT_PLAN, "Next plan"),
        row("subscriptions.subscriptionplanrenewal", 41, renewal),
        row("subscriptions.subscriptionlicensesourcetype", 1, json!({ "name": "AMT", "slug": "AMT" })),
        row(
            "subscriptions.subscriptionlicensesource",
            1,
            json!({ "license": license_id(1), "source_id": "00k000000000000003", "source_type": 1 }),
        ),
        row("core.user", 9, json!({ "username": "on-record", "is_superuser": false })),
        row("core.user", 10, json!({ "username": "root", "is_superuser": true })),
        row("subscriptions.subscriptionsfeaturerole", 1, json!({ "name": "enterprise_subscriptions_admin" })),
        row(
            "subscriptions.subscriptionsroleassignment",
            1,
            json!({ "user": 9, "role": 1, "enterprise_customer_uuid": CUSTOMER }),
        ),
        row("subscriptions.historicallicense", 1, json!({})),
        row("subscriptions.historicallicense", 2, json!({})),
    ]
}

/// A file that is deleted after the test.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(rows: &[Value]) -> Self {
        Self::of_text(&serde_json::to_string(rows).expect("JSON"))
    }

    pub(crate) fn of_text(text: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("license-import-{}-{number}.json", std::process::id()));
        std::fs::write(&path, text).expect("a file");
        Self(path)
    }

    pub(crate) async fn import(&self, app: &TestApp) -> Result<Report, ImportError> {
        import_files(app, std::slice::from_ref(&self.0)).await
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap_or_default();
    }
}

async fn import_files(app: &TestApp, files: &[PathBuf]) -> Result<Report, ImportError> {
    let store = app.running().store();
    importer(store, BulkWriter::new(store.clone())).import(files, &|_| ()).await
}

fn importer(store: &Arc<Store>, bulk: BulkWriter) -> Importer {
    Importer { portfolios: store.clone(), bulk: Arc::new(bulk), clock: store.clock().clone() }
}

fn admin(app: &TestApp) -> Client {
    app.client(Role::Admin, EnterpriseId(CUSTOMER.parse().expect("a UUID")))
}

fn path(rest: &str) -> String {
    format!("/api/v1/subscriptions/{PLAN}/{rest}")
}

#[tokio::test]
async fn an_import_keeps_ids_dates_and_keys() {
    let app = TestApp::start().await;
    let report = File::new(&dump()).import(&app).await.expect("imported");
    assert_eq!(
        report.imported.iter().map(|(kind, count)| (*kind, *count)).collect::<Vec<_>>(),
        [
            ("agreements", 1),
            ("licenses", 6),
            ("plan types", 1),
            ("plans", 2),
            ("products", 1),
            ("renewals", 1),
            ("role assignments", 1),
            ("superusers", 1)
        ]
    );
    assert_eq!(report.skipped["subscriptions.historicallicense"], 2);
    assert!(report.warnings.is_empty(), "{report}");
    app.invariants().await.check_counts();

    let admin = admin(&app);
    let list = admin.get(&path("licenses/?ordering=status")).await.expect(200);
    let mut listed: Vec<(&str, &str)> = Vec::new();
    for one in list["results"].as_array().expect("a list") {
        listed.push((one["uuid"].as_str().expect("an id"), one["status"].as_str().expect("a status")));
    }
    listed.sort_unstable();
    let ids: Vec<String> = (1..=6).map(license_id).collect();
    let statuses = ["activated", "assigned", "unassigned", "unassigned", "revoked", "revoked"];
    assert_eq!(listed, ids.iter().map(String::as_str).zip(statuses).collect::<Vec<_>>());
    let one = admin.get(&path(&format!("licenses/{}/", license_id(1)))).await.expect(200);
    assert_eq!(one["activation_key"], key(1));
    assert_eq!(one["activation_date"], "2026-03-01T00:00:00Z");
    assert_eq!(admin.get(&path(&format!("licenses/{}/", license_id(3)))).await.expect(200)["status"], "unassigned");

    let agreement = admin.get(&format!("/api/v1/customer-agreement/{AGREEMENT}/")).await.expect(200);
    assert_eq!(agreement["modal_header_text_v2"], "Hello");
    assert_eq!(agreement["subscriptions"].as_array().map(Vec::len), Some(2));
    let plan = admin.get(&path("")).await.expect(200);
    assert_eq!(plan["licenses"]["total"], 4);
    assert_eq!(plan["days_until_expiration_including_renewals"], 768);
}

#[tokio::test]
async fn an_imported_plan_can_be_used_like_any_other() {
    let app = TestApp::start().await;
    File::new(&dump()).import(&app).await.expect("imported");
    let admin = admin(&app);
    let customer = EnterpriseId(CUSTOMER.parse().expect("a UUID"));
    // The invitation that was sent before the import is still valid.
    let learner = app.learner(customer, "grace@example.com");
    let activation = format!("/api/v1/license-activation/?activation_key={}", key(2));
    assert_eq!(learner.post(&activation, &json!({})).await.expect(200)["uuid"], license_id(2));
    // Imported seats are assigned, including those whose license was revoked; then the plan is full.
    let request = |email: &str| json!({ "user_emails": [email], "notify_users": false });
    let mut given = Vec::new();
    for email in ["tony@example.com", "new@example.com"] {
        let body = admin.post(&path("licenses/assign/"), &request(email)).await.expect(200);
        given.push(body["license_assignments"][0]["license"].as_str().expect("an id").to_owned());
    }
    given.sort();
    assert_eq!(given, [license_id(3), license_id(4)]);
    admin.post(&path("licenses/assign/"), &request("late@example.com")).await.expect(400);
    let revoke = json!({ "user_emails": ["ada@example.com"] });
    admin.post(&path("licenses/bulk-revoke/"), &revoke).await.expect(200);
    let invariants = app.invariants().await;
    invariants.check_counts();
    let plan = PLAN.parse::<Uuid>().expect("a UUID").into();
    assert_eq!(invariants.rows_in(plan, LicenseStatus::Revoked), 3);

    let by_record = json!({ "preferred_username": "on-record", "email": "x@example.com", "user_id": 1, "roles": [] });
    app.client_with(by_record).get(&path("")).await.expect(200);
    let root = json!({ "preferred_username": "root", "email": "root@example.com", "user_id": 2, "roles": [] });
    assert_eq!(app.client_with(root).get("/api/v1/customer-agreement/").await.expect(200)["count"], 1);
}

#[tokio::test]
async fn an_imported_renewal_is_processed_into_imported_seats() {
    let app = TestApp::start().await;
    let mut rows = dump();
    for row in &mut rows {
        if row["model"] == "subscriptions.subscriptionplanrenewal" {
            row["fields"]["number_of_licenses"] = json!(2);
        }
    }
    for n in [7, 8] {
        let mut seat = license(n, "unassigned", None);
        seat["fields"]["subscription_plan"] = json!(NEXT_PLAN);
        rows.push(seat);
    }
    File::new(&rows).import(&app).await.expect("imported");
    let path = "/api/v1/provisioning-admins/subscription-plan-renewals/41/process/";
    let processed = app.provisioner().post(path, &json!({})).await.expect(201);
    assert_eq!(processed["renewed_subscription_plan"], NEXT_PLAN);
    let invariants = app.invariants().await;
    invariants.check_counts();
    invariants.check_renewals();
    let next = NEXT_PLAN.parse::<Uuid>().expect("a UUID").into();
    let mut copies: Vec<String> = invariants.live(next).map(|copy| copy.uuid.to_string()).collect();
    copies.sort_unstable();
    assert_eq!(copies, [license_id(7), license_id(8)]);
}

#[tokio::test]
async fn of_two_live_licenses_in_a_plan_one_stays_and_the_other_becomes_a_free_seat() {
    let app = TestApp::start().await;
    let mut rows = dump();
    // Ada: activated wins. Grace: the newest assignment wins. Tony: two revoked ones stay.
    rows.push(license(11, "assigned", Some("ADA@example.com")));
    rows.push(license(12, "assigned", Some("grace@example.com")));
    rows.push(license(13, "revoked", Some("tony@example.com")));
    let report = File::new(&rows).import(&app).await.expect("imported");
    assert_eq!(report.warnings.len(), 2, "{report}");
    for id in [license_id(11), license_id(2)] {
        assert!(report.warnings.iter().any(|warning| warning.contains(&id)), "{id}: {report}");
    }
    let invariants = app.invariants().await;
    invariants.check_counts();
    let plan = PLAN.parse::<Uuid>().expect("a UUID").into();
    let live: BTreeMap<String, String> = invariants
        .live(plan)
        .map(|license| {
            (license.user_email.as_ref().expect("an address").key().as_str().to_owned(), license.uuid.to_string())
        })
        .collect();
    assert_eq!(live["ada@example.com"], license_id(1));
    assert_eq!(live["grace@example.com"], license_id(12));
    assert_eq!(invariants.rows_in(plan, LicenseStatus::Revoked), 3);
    let freed = admin(&app).get(&path(&format!("licenses/{}/", license_id(11)))).await.expect(200);
    assert_eq!((&freed["status"], &freed["user_email"]), (&json!("unassigned"), &Value::Null));
}

#[tokio::test]
async fn a_second_import_of_a_file_changes_nothing() {
    let app = TestApp::start().await;
    let file = File::new(&dump());
    file.import(&app).await.expect("imported");
    let before = app.invariants().await.items;
    let again = file.import(&app).await.expect("imported before");
    assert_eq!((again.imported_before.len(), again.imported.len()), (1, 0));
    assert_eq!(app.invariants().await.items, before);
    // The same rows in another file: compared one by one, and left as they are.
    let other = File::of_text(&serde_json::to_string_pretty(&dump()).expect("JSON"));
    let report = other.import(&app).await.expect("unchanged");
    assert_eq!((report.unchanged["plans"], report.unchanged["agreements"], report.unchanged["renewals"]), (2, 1, 1));
    assert!(!report.imported.contains_key("licenses"), "{report}");
    // The record of that file is the only new item.
    assert_eq!(app.invariants().await.items, before + 1);
    // After changes of the state, the same files can be imported again.
    let revoke = json!({ "user_emails": ["ada@example.com"] });
    admin(&app).post(&path("licenses/bulk-revoke/"), &revoke).await.expect(200);
    file.import(&app).await.expect("imported before");
    app.invariants().await.check_counts();
}

#[tokio::test]
async fn rows_that_differ_are_conflicts_and_nothing_is_changed() {
    let app = TestApp::start().await;
    File::new(&dump()).import(&app).await.expect("imported");
    let before = app.invariants().await.items;
    let change = |n: usize, field: &str, value: Value| {
        let mut rows = dump();
        rows[n]["fields"][field] = value;
        rows
    };
    for (rows, what) in [
        (change(0, "lms_user_id", json!(1)), license_id(1)),
        (change(8, "enterprise_customer_name", json!("Another")), AGREEMENT.to_owned()),
        (change(10, "expiration_date", json!("2029-01-01T00:00:00Z")), PLAN.to_owned()),
        (change(12, "number_of_licenses", json!(6)), "41".to_owned()),
        (change(7, "name", json!("Another")), "product".to_owned()),
    ] {
        match File::new(&rows).import(&app).await {
            Err(ImportError::Bad(bad)) => {
                assert!(bad.iter().any(|row| row.what.contains(&what) && row.row > 0), "{what}: {bad:?}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    // Another renewal of a plan that has one.
    let mut rows = dump();
    rows[12]["pk"] = json!(42);
    let bad = match File::new(&rows).import(&app).await {
        Err(ImportError::Bad(bad)) => bad,
        other => panic!("{other:?}"),
    };
    assert!(bad.iter().all(|row| row.row == 13) && bad.len() == 2, "{bad:?}");
    // A license more in an existing plan: a plan does not grow by an import.
    let mut rows = dump();
    rows.push(license(20, "unassigned", None));
    assert!(matches!(File::new(&rows).import(&app).await, Err(ImportError::Bad(bad)) if bad.len() == 1));
    assert_eq!(app.invariants().await.items, before);
}

#[tokio::test]
async fn every_bad_row_is_named_and_nothing_is_imported() {
    let app = TestApp::start().await;
    let before = app.invariants().await.items;
    let mut rows = dump();
    rows.push(license(21, "asigned", Some("typo@example.com")));
    rows.push(license(22, "activated", None));
    let mut lost = license(23, "unassigned", None);
    lost["fields"]["subscription_plan"] = json!(Uuid::nil());
    rows.push(lost);
    rows.push(license(1, "unassigned", None));
    rows.push(row("subscriptions.license", "not-an-id", license(24, "unassigned", None)["fields"].clone()));
    rows.push(plan("bbbbbbbb-0000-4000-8000-0000000000d9", "imported PLAN"));
    let first = 1 + u64::try_from(dump().len()).expect("a number");
    let error = File::new(&rows).import(&app).await.expect_err("bad rows");
    let ImportError::Bad(bad) = &error else { panic!("{error}") };
    let mut numbers: Vec<u64> = bad.iter().map(|row| row.row).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (first..first + 6).collect::<Vec<_>>(), "{error}");
    let said = error.to_string();
    for words in ["asigned", "has no user_email", "is not in the files", "is there twice", "the key", "imported plan"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("typo@example.com"), "{said}");
    assert_eq!(app.invariants().await.items, before);
}

#[tokio::test]
async fn a_file_that_is_no_dump_is_reported_in_one_line() {
    let app = TestApp::start().await;
    for (text, words) in [("{}", "array of rows"), ("[{\"model\": ", "EOF"), ("[1]", "line 1")] {
        let error = File::of_text(text).import(&app).await.expect_err("no dump").to_string();
        assert!(error.contains(words) && error.lines().count() == 1, "{text}: {error}");
    }
    let missing = import_files(&app, &[Path::new("/nowhere/state.json").to_owned()]).await.expect_err("no file");
    assert!(missing.to_string().contains("/nowhere/state.json"), "{missing}");
}

/// Fails after so many writes.
struct Dying {
    store: Arc<Store>,
    left: AtomicUsize,
}

#[async_trait]
impl PutItems for Dying {
    async fn put(&self, items: Vec<Item>) -> Result<(), StoreError> {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            return Err(StoreError::Unavailable { operation: "import", cause: "died".to_owned() });
        }
        self.store.put(items).await
    }
}

#[tokio::test]
async fn an_import_that_died_is_completed_by_the_next() {
    let app = TestApp::start().await;
    let mut rows = dump();
    // More rows than one block.
    rows.extend((100..2_600).map(|n| license(n, "unassigned", None)));
    let file = File::new(&rows);
    let store = app.running().store();
    let dying = Arc::new(Dying { store: store.clone(), left: AtomicUsize::new(1) });
    let bulk = BulkWriter::through(store.clone(), dying);
    let error = importer(store, bulk).import(std::slice::from_ref(&file.0), &|_| ()).await.expect_err("died");
    assert!(matches!(error, ImportError::Store(_)), "{error}");
    // The written items are not visible yet.
    let operator = app.client(Role::Operator, EnterpriseId(Uuid::nil()));
    assert_eq!(operator.get("/api/v1/subscriptions/").await.expect(200)["count"], 0);
    assert!(app.invariants().await.plans.is_empty());
    let report = file.import(&app).await.expect("imported");
    assert_eq!(report.imported["licenses"], 2_506);
    app.invariants().await.check_counts();
    assert_eq!(admin(&app).get(&path("")).await.expect(200)["licenses"]["unassigned"], 2_502);
}

/// The recorded states, if available: list and overview agree with the file.
#[tokio::test]
async fn recorded_states_have_their_files_counts() {
    let Some(folder) = std::env::var_os("CONTRACT_DIR").map(PathBuf::from).filter(|folder| folder.is_dir()) else {
        println!("skipped: CONTRACT_DIR names no folder with recordings");
        return;
    };
    for name in ["fixtures.json", "state.json"] {
        let file = folder.join(name);
        let rows: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
        let mut wanted: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        let mut live: BTreeMap<(String, String), i64> = BTreeMap::new();
        for one in rows.iter().filter(|row| row["model"] == "subscriptions.license") {
            let text = |field: &str| one["fields"][field].as_str().unwrap_or_default().to_lowercase();
            let (plan, mut status) = (text("subscription_plan"), text("status"));
            if ["assigned", "activated"].contains(&status.as_str()) {
                let held = live.entry((plan.clone(), text("user_email"))).or_default();
                *held += 1;
                // One of a learner's live licenses stays; in these files it is the one with the highest precedence.
                if *held > 1 {
                    status = "unassigned".to_owned();
                }
            }
            *wanted.entry(plan).or_default().entry(status).or_default() += 1;
        }
        let app = TestApp::start().await;
        import_files(&app, std::slice::from_ref(&file)).await.expect("imported");
        app.invariants().await.check_counts();
        let operator = app.client(Role::Operator, EnterpriseId(Uuid::nil()));
        for (plan, counts) in &wanted {
            let overview = operator.get(&format!("/api/v1/subscriptions/{plan}/licenses/overview/")).await.expect(200);
            let mut shown: BTreeMap<String, i64> = BTreeMap::new();
            for line in overview.as_array().expect("a list") {
                let status = line["status"].as_str().expect("a status").to_owned();
                shown.insert(status, line["count"].as_i64().expect("a count"));
            }
            assert_eq!(&shown, counts, "{plan}");
            let list = operator.get(&format!("/api/v1/subscriptions/{plan}/licenses/")).await.expect(200);
            assert_eq!(list["count"].as_i64(), Some(counts.values().sum()), "{plan}");
        }
    }
}
