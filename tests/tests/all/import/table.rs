//! Imports into a table as AWS serves it.

use std::{collections::BTreeMap, sync::Arc};

use license_local::Options;
use license_storage_dynamodb::{
    BulkWriter, Item, Store,
    testing::{
        keys::{self, Key},
        table_of,
    },
};
use license_tests::{Fault, TestApp, app::options};

use super::{File, admin, dump, importer, path};

#[tokio::test]
async fn a_table_that_throttles_gets_everything_in_the_end() {
    let app = TestApp::proxied().await;
    let client = license_local::table::client(app.proxy().url());
    let known = app.running().store();
    let store = Arc::new(Store::new(client, app.running().table(), known.clock().clone(), known.random().clone()));
    let importer = importer(&store, BulkWriter::new(store.clone()));
    // The SDK itself makes three attempts.
    let mut left = 8;
    app.proxy().inject(move |call| {
        let throttles = call.operation == "BatchWriteItem" && left > 0;
        left -= i32::from(throttles);
        if throttles { Fault::Throttle } else { Fault::None }
    });
    let file = File::new(&dump());
    let report = importer.import(std::slice::from_ref(&file.0), &|_| ()).await.expect("imported");
    app.proxy().heal();
    assert_eq!(report.imported["licenses"], 6);
    assert_eq!(admin(&app).get(&path("licenses/?status=activated,assigned")).await.expect(200)["count"], 2);
    app.invariants().await.check_counts();
}

/// Everything in the table, except the products of all tests, and when items were written.
async fn items(app: &TestApp) -> BTreeMap<Key, Item> {
    let table = table_of(app.running().store());
    let pages = table.client().scan().table_name(table.name()).into_paginator().items().send();
    let items = pages.try_collect().await.expect("the engine responds").into_iter().map(|mut item| {
        item.retain(|name, _| !["written", "imported"].contains(&name.as_str()));
        (Key::of(&item).expect("every item has a key"), item)
    });
    items.filter(|(key, _)| *key != keys::catalog()).collect()
}

#[tokio::test]
async fn the_runners_own_way_and_dynamodbs_api_leave_the_same_table() {
    let file = File::new(&dump());
    let over_api = TestApp::start().await;
    file.import(&over_api).await.expect("imported");
    let at_start = TestApp::start_with(Options { import: vec![file.0.clone()], ..options() }, false).await;
    let (expected, found) = (items(&over_api).await, items(&at_start).await);
    assert!(expected.len() > 20, "{}", expected.len());
    assert_eq!(found, expected);
}
