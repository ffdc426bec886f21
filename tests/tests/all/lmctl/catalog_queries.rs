//! `lmctl validate-num-catalog-queries`, with the runner's catalog service.

use clap::Parser;
use license_domain::EnterpriseId;
use license_lmctl::{Arguments, Error, Exit};
use license_tests::{TestApp, builders::Plan};
use serde_json::{Value, json};

use crate::after::fault;

/// Runs the command with these arguments and allowed catalogs; the queries that it lists.
async fn validate(app: &TestApp, more: &[&str], allowed: &str) -> (Result<Exit, Error>, Value) {
    let (table, services) = (app.running().engine_url(), app.running().aws_url());
    let all = ["lmctl", "--endpoint-url", table, "--output", "json", "validate-num-catalog-queries"];
    let arguments = Arguments::try_parse_from(all.iter().chain(more)).expect("the arguments");
    let settings = |name: &str| match name {
        "LMS_URL" | "ENTERPRISE_CATALOG_URL" => Some(services.to_owned()),
        "BACKEND_SERVICE_EDX_OAUTH2_KEY" | "BACKEND_SERVICE_EDX_OAUTH2_SECRET" => Some("lmctl".to_owned()),
        "CUSTOM_CATALOG_PRODUCTS_ALLOW_LIST" => Some(allowed.to_owned()),
        _ => None,
    };
    let mut out = Vec::new();
    let exit = license_lmctl::run_with(arguments, &settings, &mut out).await;
    (exit, serde_json::from_slice(&out).unwrap_or_default())
}

/// A catalog of that customer; its query is the last two digits.
async fn catalog(app: &TestApp, enterprise: EnterpriseId, query: u8) -> String {
    let id = format!("cccccccc-0000-4000-8000-{:010x}{query:02x}", app.number());
    let body = json!({ "uuid": id, "enterprise_customer": enterprise });
    app.anonymous().post("/_local/catalogs", &body).await;
    id
}

/// A plan whose catalog has that query.
async fn plan(app: &TestApp, query: u8, changes: Value) -> (Plan, String) {
    let agreement = app.agreement().await;
    let catalog = catalog(app, agreement.enterprise, query).await;
    let mut terms = changes;
    terms["enterprise_catalog_uuid"] = json!(catalog);
    (app.plan_of(&agreement, 5, &terms).await, catalog)
}

#[tokio::test]
async fn more_queries_than_plan_types_are_an_error() {
    let app = TestApp::start().await;
    plan(&app, 1, json!({})).await;
    let (_, shared) = plan(&app, 1, json!({})).await;
    let (exit, listed) = validate(&app, &[], "").await;
    assert_eq!(exit.expect("it ends"), Exit::Done, "{listed}");
    assert_eq!(listed, json!([{ "catalog_query": "1", "catalogs": 2, "enterprise_catalog_uuids": null }]));

    // A customer with a query of its own.
    let (_, own) = plan(&app, 2, json!({})).await;
    let (exit, listed) = validate(&app, &["--catalog-id-reporting-threshold", "2"], "").await;
    assert_eq!(exit.expect("it ends"), Exit::Failed, "{listed}");
    assert_eq!(
        listed,
        json!([
            { "catalog_query": "1", "catalogs": 2, "enterprise_catalog_uuids": null },
            { "catalog_query": "2", "catalogs": 1, "enterprise_catalog_uuids": [own] },
        ])
    );
    let (_, listed) = validate(&app, &[], "").await;
    assert!(
        listed[0]["enterprise_catalog_uuids"].as_array().is_some_and(|all| all.contains(&json!(shared))),
        "{listed}"
    );
    // It may have one, if it is on the list.
    let (exit, listed) = validate(&app, &[], &format!("{own}, ")).await;
    assert_eq!((exit.expect("it ends"), listed.as_array().map(Vec::len)), (Exit::Done, Some(1)));
    let (exit, _) = validate(&app, &[], "every one").await;
    assert_eq!(exit.expect_err("no UUID").exit(), Exit::Usage);
    // Another plan type may have another query. Fewer queries than types are fine.
    plan(&app, 1, json!({ "product": 3 })).await;
    let (exit, _) = validate(&app, &[], "").await;
    assert_eq!(exit.expect("it ends"), Exit::Done);
}

#[tokio::test]
async fn only_plans_that_are_sold_and_have_not_expired_count() {
    let app = TestApp::start().await;
    plan(&app, 1, json!({})).await;
    plan(&app, 2, json!({ "for_internal_use_only": true })).await;
    plan(&app, 3, json!({ "product": 4 })).await;
    let (ended, _) = plan(&app, 4, json!({ "expiration_date": "2026-12-01T00:00:00Z" })).await;
    let (exit, listed) = validate(&app, &[], "").await;
    assert_eq!((exit.expect("it ends"), listed.as_array().map(Vec::len)), (Exit::Failed, Some(2)), "{listed}");
    app.advance("P9D").await;
    app.advance("PT10M").await;
    assert!(crate::plan_work::on_record(&app, &ended).await.expiration_processed);
    let (exit, listed) = validate(&app, &[], "").await;
    assert_eq!((exit.expect("it ends"), &listed[0]["catalog_query"]), (Exit::Done, &json!("1")), "{listed}");
}

#[tokio::test]
async fn an_error_of_the_catalog_service_ends_the_command() {
    let app = TestApp::start().await;
    plan(&app, 1, json!({})).await;
    fault(&app, json!({ "service": "catalog", "next": 10, "how": { "status": 500 } })).await;
    let (exit, listed) = validate(&app, &[], "").await;
    assert_eq!((exit.expect_err("it fails").exit(), listed), (Exit::Failed, Value::Null));
}
