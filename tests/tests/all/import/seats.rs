//! The cost of listing a plan whose free seats are items, because they were imported.

use license_local::Options;
use license_tests::{Call, TestApp, app::options};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{File, PLAN, admin, dump, license, path};

const SEATS: u32 = 100_000;

/// An id like Django's: random bits, so that the seats are spread over all buckets.
fn id(n: u32) -> String {
    let bits = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) ^ 0x5bd1_e995;
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

#[tokio::test]
async fn a_hundred_thousand_imported_seats_are_listed_at_a_known_cost() {
    let mut rows = dump();
    rows.retain(|row| {
        row["model"] != "subscriptions.license" && !row["model"].as_str().unwrap_or_default().contains("source")
    });
    let seat = license(3, "unassigned", None);
    rows.extend((0..SEATS).map(|n| {
        let mut seat = seat.clone();
        seat["pk"] = json!(id(n));
        seat
    }));
    let file = File::new(&rows);
    drop(rows);
    let app = TestApp::start_with(Options { import: vec![file.0.clone()], ..options() }, true).await;
    let admin = admin(&app);
    admin.get(&path("")).await.expect(200);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for (what, query) in
        [("first page", ""), ("page 900", "page=900"), ("last page", "page=last"), ("next page", "next")]
    {
        let target = if query == "next" { cursor.clone() } else { path(&format!("licenses/?{query}")) };
        app.proxy().take();
        let page = admin.get(&target).await.expect(200);
        let calls = app.proxy().take();
        let results = page["results"].as_array().expect("results").clone();
        assert_eq!((&page["count"], results.len()), (&json!(SEATS), 100), "{what}");
        let units: f64 = calls.iter().map(|call: &Call| call.read_units).sum();
        println!("{what}: {} calls, {units} read units", calls.len());
        if query == "page=900" {
            let next = page["next"].as_str().expect("a page follows");
            cursor = next[next.find("/api/").expect("a path")..].to_owned();
        }
        seen.push((what, results, calls.len(), units));
    }
    // The pages are in the order of the ids.
    let mut ids: Vec<Uuid> = (0..SEATS).map(|n| id(n).parse().expect("a UUID")).collect();
    ids.sort_unstable();
    let of = |results: &[Value]| -> Vec<Uuid> {
        results.iter().map(|one| one["uuid"].as_str().expect("an id").parse().expect("a UUID")).collect()
    };
    for ((what, results, calls, units), (from, most_calls, most_units)) in
        seen.iter().zip([(0, 40, 100.0), (89_900, 60, 1_400.0), (99_900, 40, 100.0), (90_000, 40, 100.0)])
    {
        assert_eq!(of(results), ids[from..from + 100], "{what}");
        assert!(*calls <= most_calls && *units <= most_units, "{what}: {calls} calls, {units} read units of {PLAN}");
    }
}
