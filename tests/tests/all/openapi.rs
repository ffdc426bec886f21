//! The OpenAPI document is generated from the routes, and true. `UPDATE_OPENAPI=1` writes it.

use std::{collections::BTreeMap, fs, path::PathBuf};

use license_api::openapi;
use license_tests::TestApp;
use reqwest::Method;
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
        let response = app.anonymous().get(path).await;
        assert_eq!(response.expect(200), generated());
        assert_eq!(response.header("content-type"), Some("application/vnd.oai.openapi+json"));
    }
    let page = app.anonymous().get("/api-docs/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    // Everything that the page fetches is of our own origin, and there; no script stands in it.
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(
        !policy.contains("unsafe") && !page.text.contains("<script>") && !page.text.contains(" style="),
        "{policy}"
    );
    let fetched: Vec<&str> =
        page.text.split("=\"").filter_map(|part| part.split('"').next()).filter(|part| part.starts_with('/')).collect();
    assert_eq!(fetched.len(), 4, "{fetched:?}");
    for path in fetched.iter().filter(|path| path.starts_with("/api-docs/")) {
        for encoding in ["gzip", "identity"] {
            let (headers, bytes) = app.anonymous().send_raw(Method::GET, path, &[("accept-encoding", encoding)]).await;
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            let is_vendored = path.contains("/swagger-ui-");
            assert_eq!(header("content-encoding"), (encoding == "gzip").then_some("gzip"), "{path}");
            let wanted = if is_vendored { "public, max-age=31536000, immutable" } else { "public, max-age=300" };
            assert_eq!(header("cache-control"), Some(wanted), "{path}");
            assert_eq!(header("x-content-type-options"), Some("nosniff"), "{path}");
            if encoding == "identity" && path.contains(".css") {
                assert!(String::from_utf8_lossy(&bytes).contains(".swagger-ui"), "it is unpacked");
            }
        }
    }
    assert_eq!(app.anonymous().get("/api-docs/nowhere.js").await.status.as_u16(), 404);
}

#[tokio::test]
async fn the_reference_has_every_operation_once_in_its_group() {
    let app = TestApp::start().await;
    let reference = app.anonymous().get("/api-docs/openapi.json").await.expect(200);
    let groups: Vec<&Value> = reference["tags"].as_array().expect("groups").iter().map(|tag| &tag["name"]).collect();
    for (_, routes) in *FUNCTIONS {
        for route in routes {
            let method = route.method.to_lowercase();
            let paths = [route.path.to_owned(), format!("/api/v1{}", route.path)];
            let found: Vec<&Value> =
                paths.iter().map(|path| &reference["paths"][path][&method]).filter(|one| !one.is_null()).collect();
            assert_eq!(found.len(), 1, "{method} {}", route.path);
            assert!(groups.contains(&&found[0]["tags"][0]), "{method} {}", route.path);
        }
    }
    let list = &reference["paths"]["/api/v1/subscriptions/"]["get"]["description"];
    assert!(list.as_str().is_some_and(|text| text.contains("Also at `/subscriptions/`.")), "{list}");
}
