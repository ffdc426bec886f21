//! The other direction: an export is imported again, and the tables are compared item by item.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use license_importer::{ExportError, ExportReport, Exporter, Report};
use license_storage_dynamodb::{
    Item,
    testing::{keys::Key, table_of},
};
use license_tests::TestApp;
use serde_json::{Value, json};

use super::{File, PLAN, dump, license, license_id, plan};

/// Collects what is written.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn export(app: &TestApp) -> Result<(String, ExportReport), ExportError> {
    let store = app.running().store();
    let exporter = Exporter { portfolios: store.clone(), read: store.clone() };
    let memory = Memory::default();
    let report = exporter.export(memory.clone(), &|_| ()).await?;
    let bytes = memory.0.lock().expect("not poisoned").clone();
    Ok((String::from_utf8(bytes).expect("text"), report))
}

/// Everything in the table, except when items were written, which files were imported, and when rosters are due.
async fn items(app: &TestApp) -> BTreeMap<Key, Item> {
    let table = table_of(app.running().store());
    let pages = table.client().scan().table_name(table.name()).into_paginator().items().send();
    let items = pages.try_collect().await.expect("the engine responds").into_iter().map(|mut item| {
        item.remove("written");
        (Key::of(&item).expect("every item has a key"), item)
    });
    items.filter(|(key, _)| !["IMPORT#", "ROSTER#"].iter().any(|prefix| key.pk.starts_with(prefix))).collect()
}

/// Imports the file, exports the table, imports that into another one; both tables and both exports are equal.
pub(super) async fn round_trip(file: &File) -> (String, ExportReport, Report) {
    let (first, second) = (TestApp::start().await, TestApp::start().await);
    let imported = file.import(&first).await.expect("imported");
    let (text, report) = export(&first).await.expect("exported");
    let again = File::of_text(&text).import(&second).await.expect("imported again");
    assert!(again.skipped.is_empty() && again.warnings.is_empty(), "{again}");
    let (expected, found) = (items(&first).await, items(&second).await);
    assert!(expected.len() > 20, "{}", expected.len());
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (key, item) in &expected {
        assert_eq!(item, &found[key], "{} {}", key.pk, key.sk);
    }
    assert_eq!(export(&second).await.expect("exported").0, text);
    second.invariants().await.check_counts();
    (text, report, imported)
}

fn count(rows: &[Value], model: &str) -> u64 {
    rows.iter().filter(|row| row["model"] == model).fold(0, |n, _| n + 1)
}

#[tokio::test]
async fn an_export_is_imported_item_by_item() {
    let mut rows = dump();
    // These licenses are equal in all fields that decide which one is preferred: the order of rows must not matter.
    for n in [14, 13, 15] {
        rows.push(license(n, "revoked", Some("tony@example.com")));
    }
    rows.push(license(16, "assigned", Some("Grace@Example.com")));
    for row in &mut rows {
        if row["model"] == "subscriptions.customeragreement" {
            row["fields"]["license_duration_before_purge"] = json!("14 12:30:05");
            row["fields"]["auto_scaling_max_licenses"] = json!(12);
        }
        if row["pk"] == license_id(5) {
            row["fields"]["renewed_to"] = json!(license_id(1));
            row["fields"]["auto_applied"] = json!(true);
        }
        if row["pk"] == license_id(2) {
            row["fields"]["user_email"] = json!("Grâce\"<@exämple.com");
        }
    }
    let (text, report, _) = round_trip(&File::new(&rows)).await;
    let exported: Vec<Value> = serde_json::from_str(&text).expect("one JSON list");
    for row in &exported {
        let row = row.as_object().expect("an object");
        assert_eq!(row.keys().map(String::as_str).collect::<BTreeSet<_>>(), ["fields", "model", "pk"].into());
    }
    // One row in each line.
    assert_eq!(text.lines().count(), exported.len() + 2);
    // Every imported model is exported, and the report counts its rows.
    for (model, rows) in [
        ("subscriptions.license", 10),
        ("subscriptions.customeragreement", 1),
        ("subscriptions.customsubscriptionexpirationmessaging", 1),
        ("subscriptions.subscriptionplan", 2),
        ("subscriptions.subscriptionplanrenewal", 1),
        ("subscriptions.product", 1),
        ("subscriptions.plantype", 1),
        ("subscriptions.subscriptionlicensesource", 1),
        ("subscriptions.subscriptionlicensesourcetype", 1),
        // The users with stored data.
        ("core.user", 2),
        ("subscriptions.subscriptionsfeaturerole", 1),
        ("subscriptions.subscriptionsroleassignment", 1),
    ] {
        assert_eq!((count(&exported, model), report.rows[model]), (rows, rows), "{model}");
    }
    let fields = |id: &str| &exported.iter().find(|row| row["pk"] == id).expect("the row")["fields"];
    let activated = fields(&license_id(1));
    assert_eq!(activated["created"], "2026-02-03T04:05:06.789012Z");
    assert_eq!(activated["activation_date"], "2026-03-01T00:00:00Z");
    assert_eq!(fields(super::AGREEMENT)["license_duration_before_purge"], "14 12:30:05");
    // In another installation the same ids belong to other users.
    let user = exported.iter().find(|row| row["model"] == "core.user").expect("a user");
    assert_eq!((&user["pk"], &user["fields"]["username"]), (&Value::Null, &json!("on-record")));
}

#[tokio::test]
async fn recorded_states_are_exported_and_imported_unchanged() {
    let Some(folder) = std::env::var_os("CONTRACT_DIR").map(PathBuf::from).filter(|folder| folder.is_dir()) else {
        println!("skipped: CONTRACT_DIR names no folder with recordings");
        return;
    };
    for name in ["fixtures.json", "state.json"] {
        let text = std::fs::read_to_string(folder.join(name)).expect("a file");
        let original: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        let (text, _, imported) = round_trip(&File::of_text(&text)).await;
        let exported: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        // Nothing of a row is lost except what belongs to the other installation.
        let by_key = |rows: &[Value]| -> BTreeMap<String, Value> {
            let kept = rows.iter().filter(|row| row["pk"].is_string());
            kept.map(|row| (format!("{} {}", row["model"], row["pk"]), comparable(&row["fields"]))).collect()
        };
        let (expected, found) = (by_key(&original), by_key(&exported));
        assert_eq!(expected.len(), found.len(), "{name}");
        let mut differ = 0;
        for (key, fields) in &expected {
            if *fields == found[key] {
                continue;
            }
            // One of a learner's two live licenses became a free seat.
            differ += 1;
            assert_eq!(found[key]["status"], "unassigned", "{key}: {fields} is {}", found[key]);
        }
        assert_eq!(differ, imported.warnings.len(), "{name}: {imported}");
    }
}

/// Times and durations in one spelling; missing and empty texts as one.
fn comparable(fields: &Value) -> Value {
    let fields = fields.as_object().expect("an object").iter().map(|(name, value)| {
        let value = match value.as_str() {
            Some("") => Value::Null,
            Some("P90DT00H00M00S") => json!("90 00:00:00"),
            Some(text) => json!(text.strip_suffix("+00:00").map_or_else(|| text.to_owned(), |text| format!("{text}Z"))),
            None => value.clone(),
        };
        (name.clone(), value)
    });
    Value::Object(fields.collect())
}

/// Untouched seats have no items here; they are rows of the export, with their ids.
#[tokio::test]
async fn untouched_seats_are_exported_as_rows() {
    let app = TestApp::start().await;
    let plan = app.plan(2_100).await;
    let held = plan.assigned("ann@example.com").await;
    let (text, report) = export(&app).await.expect("exported");
    assert_eq!(report.rows["subscriptions.license"], 2_100);
    let rows: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let ids = |rows: &[Value], status: &str| -> BTreeSet<String> {
        let licenses = rows.iter().filter(|row| row["fields"]["status"] == status);
        licenses.map(|row| row["pk"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(&rows, "assigned"), [held.id.clone()].into());
    assert_eq!(ids(&rows, "unassigned").len(), 2_099);
    let other = TestApp::start().await;
    let imported = File::of_text(&text).import(&other).await.expect("imported");
    assert_eq!(imported.licenses["unassigned"], 2_099);
    other.invariants().await.check_counts();
    let again: Vec<Value> = serde_json::from_str(&export(&other).await.expect("exported").0).expect("JSON");
    assert_eq!(ids(&again, "unassigned"), ids(&rows, "unassigned"));
}

#[tokio::test]
async fn an_export_of_a_changing_plan_fails() {
    let app = TestApp::start().await;
    File::new(&dump()).import(&app).await.expect("imported");
    // A license that its plan does not count, as if it had been assigned since the counters were read.
    let table = table_of(app.running().store());
    let stray = items(&app)
        .await
        .into_values()
        .find(|item| item.get("uuid").and_then(|id| id.as_s().ok()).is_some_and(|id| *id == license_id(2)));
    let key = Key::of(&stray.expect("the license")).expect("a key");
    table
        .client()
        .delete_item()
        .table_name(table.name())
        .set_key(Some(key.attributes()))
        .send()
        .await
        .expect("deleted");
    let error = export(&app).await.expect_err("a license is missing");
    let said = error.to_string();
    assert!(matches!(error, ExportError::Changed { .. }) && said.contains(PLAN), "{said}");
    assert!(said.contains("1 assigned") && said.contains("0 assigned"), "{said}");
}

/// A full disk.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_reason_why_a_file_cannot_be_written_is_reported() {
    let app = TestApp::start().await;
    let mut rows = dump();
    rows.push(plan("bbbbbbbb-0000-4000-8000-0000000000d3", "Third plan"));
    File::new(&rows).import(&app).await.expect("imported");
    let store = app.running().store();
    let exporter = Exporter { portfolios: store.clone(), read: store.clone() };
    let error = exporter.export(Full, &|_| ()).await.expect_err("full").to_string();
    assert!(error.contains("the disk is full"), "{error}");
}
