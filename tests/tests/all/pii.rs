//! Every attribute and every field has a class. `UPDATE_PII=1` writes docs/pii.md.

use std::{collections::BTreeSet, fmt::Write, fs, path::PathBuf};

use license_api::openapi;
use license_domain::{
    Pii, lifecycle,
    pii::{class_of, names_of},
};
use license_storage_dynamodb::testing::{rows, table_of};
use license_tests::{Role, TestApp};
use serde_json::{Value, json};

use crate::{access, idempotency::cases, openapi::generated, table};

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/pii.md")
}

fn document() -> String {
    let fields: BTreeSet<String> = openapi::pii::fields(&generated()).into_iter().collect();
    let mut text = "# Personal data\n\nMade from `shared/domain/src/pii/names.rs` by `UPDATE_PII=1 cargo test -p license-tests --test all pii`; \
        [decision 37](decisions/0037-personal-data-is-classified.md) says why.\n\nEvery stored attribute and every field of the API has one of four classes, by its name. \
        The API's document says it as `x-pii`.\n\n| class | in logs | retirement | events on the bus |\n|---|---|---|---|\n"
        .to_owned();
    for class in Pii::ALL {
        let (logs, erased) =
            (if class.is_masked() { "masked" } else { "as it is" }, if class.is_erased() { "erased" } else { "stays" });
        let bus = if class.is_masked() { "only where the peer's consumers know it" } else { "may be published" };
        writeln!(text, "| {} | {logs} | {erased} | {bus} |", class.as_str()).expect("a text");
    }
    writeln!(
        text,
        "\nLifecycle events carry, because the peer's consumers know them: `{}`.",
        lifecycle::KNOWN_TO_CONSUMERS.join("`, `")
    )
    .expect("a text");
    for class in [Pii::Secret, Pii::Personal, Pii::Identifier] {
        writeln!(text, "\n## {}\n\n| name | in the API |\n|---|---|", class.as_str()).expect("a text");
        for name in names_of(class) {
            writeln!(text, "| `{name}` | {} |", if fields.contains(*name) { "yes" } else { "no" }).expect("a text");
        }
    }
    writeln!(text, "\nAll other names ({}) say nothing about a person.", names_of(Pii::None).len()).expect("a text");
    text
}

#[test]
fn the_document_of_personal_data_agrees_with_the_code() {
    let text = document();
    if std::env::var_os("UPDATE_PII").is_some() {
        fs::write(file(), text).expect("written");
        return;
    }
    let known = fs::read_to_string(file()).expect("docs/pii.md");
    assert!(known == text, "docs/pii.md is outdated: UPDATE_PII=1 writes it");
}

#[test]
fn every_field_of_the_api_has_a_class() {
    let fields = openapi::pii::fields(&generated());
    assert!(fields.len() > 150);
    let without: Vec<&String> = fields.iter().filter(|name| class_of(name).is_none()).collect();
    assert!(without.is_empty(), "not classified in shared/domain/src/pii/names.rs: {without:?}");
}

/// The names of all attributes, including nested ones and those in JSON as text.
fn names_in_json(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                names.insert(name.clone());
                names_in_json(value, names);
            }
        }
        Value::String(text) if text.starts_with(['{', '[']) => {
            names_in_json(&serde_json::from_str(text).unwrap_or_default(), names);
        }
        Value::Array(list) => list.iter().for_each(|value| names_in_json(value, names)),
        _ => {}
    }
}

/// The throttle counts each second of a minute in an attribute of its own.
fn is_a_second(name: &str) -> bool {
    name.strip_prefix('s').is_some_and(|digits| digits.len() == 2 && digits.bytes().all(|c| c.is_ascii_digit()))
}

#[tokio::test]
async fn every_stored_attribute_has_a_class_and_events_contain_nothing_personal() {
    let app = TestApp::start().await;
    for route in table::routes().filter(|route| route.method != "GET") {
        let Some(case) = cases::of(&app, route).await else { continue };
        let root = access::client(&app, Role::Superuser, license_domain::EnterpriseId(app.uuid(0xe)));
        let method = route.method.parse().expect("a method");
        root.send_with(method, &case.path, Some(&case.body), &[("idempotency-key", route.path)]).await;
    }
    app.drain().await;
    let table = table_of(app.running().store());
    let (mut names, mut after) = (BTreeSet::new(), None);
    loop {
        let (items, last) = table.scan(after.as_ref()).await.expect("a page");
        for item in items {
            names_in_json(&rows::from_item(item).expect("JSON"), &mut names);
        }
        after = last;
        if after.is_none() {
            break;
        }
    }
    assert!(names.len() > 120, "{} names", names.len());
    let without: Vec<&String> = names.iter().filter(|name| class_of(name).is_none() && !is_a_second(name)).collect();
    assert!(without.is_empty(), "not classified in shared/domain/src/pii/names.rs: {without:?}");

    let events = app.anonymous().get("/_local/events").await.expect(200);
    let mut checked = 0;
    for event in events.as_array().expect("a list") {
        let mut detail = event["detail"].clone();
        let is_lifecycle = event.to_string().contains(lifecycle::LIFECYCLE);
        // Which fields of a webhook changed, without their values.
        if let Some(changes) = detail.get_mut("changes") {
            *changes = json!({});
        }
        let mut names = BTreeSet::new();
        names_in_json(&detail, &mut names);
        for name in names {
            let is_personal = class_of(&name).unwrap_or_else(|| panic!("{name} is not classified")).is_masked();
            let is_known = is_lifecycle && lifecycle::KNOWN_TO_CONSUMERS.contains(&name.as_str());
            assert!(!is_personal || is_known, "{name} of {event}");
            checked += usize::from(is_personal);
        }
    }
    assert!(checked > 0, "the lifecycle events were looked at");
}
