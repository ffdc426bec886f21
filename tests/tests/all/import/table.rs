//! Importing into a table as AWS serves it.

use std::sync::Arc;

use license_local::import::{Bulk, TableBulk, import};
use license_storage_dynamodb::Store;
use license_tests::{Fault, TestApp};

use super::{File, admin, dump, path};

#[tokio::test]
async fn a_table_that_throttles_gets_everything_in_the_end() {
    let app = TestApp::proxied().await;
    let client = license_local::table::client(app.proxy().url());
    let known = app.running().store();
    let store = Arc::new(Store::new(client, app.running().table(), known.clock().clone(), known.random().clone()));
    let bulk: Arc<dyn Bulk> = Arc::new(TableBulk(store.clone()));
    // The SDK itself tries three times.
    let mut left = 8;
    app.proxy().inject(move |call| {
        let throttles = call.operation == "BatchWriteItem" && left > 0;
        left -= i32::from(throttles);
        if throttles { Fault::Throttle } else { Fault::None }
    });
    let file = File::new(&dump());
    let report = import(&store, &bulk, std::slice::from_ref(&file.0), &|_| ()).await.expect("imported");
    app.proxy().heal();
    assert_eq!(report.imported["licenses"], 6);
    assert_eq!(admin(&app).get(&path("licenses/?status=activated,assigned")).await.expect(200)["count"], 2);
    app.invariants().await.check_counts();
}
