//! The OpenAPI document is generated from the routes, and true. `UPDATE_OPENAPI=1` writes it.

use std::{collections::BTreeMap, fs, path::PathBuf};

use license_api::openapi;
use license_tests::TestApp;
use serde_json::Value;

use crate::table::FUNCTIONS;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../infra/openapi.json")
}

/// The document of all functions.
pub fn generated() -> Value {
    let routes = FUNCTIONS.into_iter().flat_map(|(function, routes)| {
        let group = function.trim_start_matches("function-");
        routes.iter().map(move |route| (group, route))
    });
    openapi::document(routes)
}

#[test]
fn the_document_agrees_with_the_code() {
    let text = serde_json::to_string_pretty(&generated()).expect("JSON") + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(file(), text).expect("written");
        return;
    }
    let known = fs::read_to_string(file()).expect("infra/openapi.json");
    assert!(known == text, "infra/openapi.json is outdated: UPDATE_OPENAPI=1 writes it");
}

#[test]
fn every_reference_can_be_resolved_and_every_operation_has_a_unique_name() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = generated();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for operations in document["paths"].as_object().expect("paths").values() {
        for operation in operations.as_object().expect("operations").values() {
            *names.entry(operation["operationId"].as_str().expect("a name")).or_default() += 1;
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()));
        }
    }
    assert!(names.values().all(|count| *count == 1), "{names:?}");
}

#[test]
fn every_status_of_the_access_table_is_documented() {
    let document = generated();
    let table: Value = serde_json::from_str(include_str!("access.json")).expect("a table");
    for (name, row) in table.as_object().expect("rows") {
        let (method, path) = name.split_once(' ').expect("method and path");
        let operation = &document["paths"][path][method.to_lowercase()];
        for status in row["expect"].as_object().expect("statuses").keys() {
            assert!(operation["responses"].get(status).is_some(), "{name}: {status} is not documented");
        }
    }
}

#[tokio::test]
async fn the_product_serves_its_document_and_a_page_of_it() {
    let app = TestApp::start().await;
    for path in ["/api/schema/", "/api/schema"] {
        let answer = app.anonymous().get(path).await;
        assert_eq!(answer.expect(200), generated());
        assert_eq!(answer.header("content-type"), Some("application/vnd.oai.openapi+json"));
    }
    let page = app.anonymous().get("/api-docs/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for (_, routes) in *FUNCTIONS {
        for route in routes {
            assert!(page.text.contains(route.path), "{}", route.path);
        }
    }
    assert!(!page.text.contains("<script"), "nothing is fetched and nothing runs");
}
