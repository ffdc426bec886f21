//! What was done once for a license: it stays on record, and is not done again.

use license_storage_dynamodb::testing::{keys::Key, table_of};
use license_tests::TestApp;
use serde_json::{Value, json};

use super::{File, PLAN, admin, dump, export::round_trip, license_id, row};

const UNLINKED: &str = "edx.server.license-manager.expired.license.unlinked";
const OLD: &str = "edx.server.license-manager.license.activated.180.days.ago";

fn event(n: u64, license: u32, name: &str, created: &str) -> Value {
    let fields = json!({ "license": license_id(license), "event_name": name, "created": created, "modified": created });
    json!({ "model": "subscriptions.licenseevent", "pk": n, "fields": fields })
}

/// Before and behind their licenses; one of them twice, as the peer has written some.
fn with_events() -> Vec<Value> {
    let mut rows = vec![event(1, 5, UNLINKED, "2026-07-01T00:00:00.123456Z")];
    rows.extend(dump());
    rows.push(event(2, 1, OLD, "2026-09-03T00:00:00Z"));
    rows.push(event(3, 1, OLD, "2026-09-02T00:00:00Z"));
    rows
}

#[tokio::test]
async fn license_events_are_in_the_license_s_history() {
    let app = TestApp::start().await;
    let report = File::new(&with_events()).import(&app).await.expect("imported");
    assert_eq!(report.imported["license events"], 2, "{report}");
    assert!(!report.skipped.contains_key("subscriptions.licenseevent"), "{report}");
    for (license, name, at) in [(1, OLD, "2026-09-02T00:00:00.000000Z"), (5, UNLINKED, "2026-07-01T00:00:00.123456Z")] {
        let path = format!("/api/v1/subscriptions/{PLAN}/licenses/{}/history/", license_id(license));
        let history = admin(&app).get(&path).await.expect(200);
        let entries = history["results"].as_array().expect("a list");
        assert_eq!(entries.len(), 1, "{history}");
        assert_eq!(entries[0]["kind"], "license-event-imported", "{history}");
        assert_eq!(entries[0]["reason"], name, "{history}");
        let found: license_domain::Timestamp = entries[0]["at"].as_str().expect("a time").parse().expect("a time");
        assert_eq!(found, at.parse::<license_domain::Timestamp>().expect("a time"), "{history}");
    }
    // The mark by which it is known that the learner was unlinked.
    let table = table_of(app.running().store());
    let key = Key { pk: format!("PLAN#{PLAN}"), sk: format!("UNLINKED#{}", license_id(5)) };
    assert!(table.get(&key).await.expect("the engine responds").is_some());
    app.invariants().await.check_counts();
}

#[tokio::test]
async fn license_events_are_exported_and_imported_again() {
    let (text, report, _) = round_trip(&File::new(&with_events())).await;
    assert_eq!(report.rows["subscriptions.licenseevent"], 2);
    assert!(text.contains(r#""event_name":"edx.server.license-manager.expired.license.unlinked""#), "{text}");
    assert!(text.contains("2026-07-01T00:00:00.123456Z"), "{text}");
}

#[tokio::test]
async fn a_license_event_without_its_license_is_refused() {
    let app = TestApp::start().await;
    let mut rows = with_events();
    rows.push(event(4, 99, OLD, "2026-09-03T00:00:00Z"));
    rows.push(event(5, 1, "", "2026-09-03T00:00:00Z"));
    rows.push(row("subscriptions.licenseevent", 6, json!({ "license": license_id(2), "event_name": "x".repeat(256) })));
    let refused = File::new(&rows).import(&app).await.expect_err("wrong").to_string();
    assert!(refused.contains("3 rows are wrong") && refused.contains(&license_id(99)), "{refused}");
    assert!(refused.contains("event_name has 256 bytes"), "{refused}");
}
