//! `/health/`.

use license_tests::TestApp;
use serde_json::json;

#[tokio::test]
async fn the_health_check_succeeds_and_needs_no_token() {
    let app = TestApp::start().await;
    for path in ["/health/", "/health"] {
        let body = app.anonymous().get(path).await.expect(200);
        assert_eq!(body, json!({ "overall_status": "OK", "detailed_status": { "database_status": "OK" } }));
    }
}
