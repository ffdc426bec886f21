//! Products and plan types: listed, created and changed, by the rules of the API.

use license_tests::{Browser, TestApp};
use serde_json::json;

use super::filling::send;

#[tokio::test]
async fn products_and_plan_types_are_made_and_changed_once_with_a_reason() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-provisioner").await;
    let form = browser.get("/admin/plan-types/new/").await;
    let new = [("label", "Academy"), ("sf_id_required", "no"), ("ns_id_required", "no")];
    let looked = send(&browser, &form, "/admin/plan-types/new/preview/", &new).await;
    assert!(looked.text.contains("Academy") && looked.text.contains("Nothing is changed yet"), "{}", looked.text);
    for _ in 0..2 {
        let done = send(&browser, &looked, "/admin/plan-types/new/", &[("reason", "a new offer")]).await;
        assert!(done.status.as_u16() == 200 && done.text.contains("/admin/products/"), "{}", done.text);
    }
    let form = browser.get("/admin/products/new/").await;
    let of_paid = [("name", "<b>Teams</b>"), ("plan_type", "1")];
    let refused = send(&browser, &form, "/admin/products/new/preview/", &of_paid).await;
    assert!(refused.status.as_u16() == 400 && refused.text.contains("id=\"netsuite_id-wrong\""), "{}", refused.text);
    let looked = send(&browser, &refused, "/admin/products/new/preview/", &[("plan_type", "7")]).await;
    let done = send(&browser, &looked, "/admin/products/new/", &[("reason", "a new offer")]).await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    let products = app.provisioner().get("/api/v1/products/").await.expect(200);
    let newest = products["results"].as_array().and_then(|all| all.last()).expect("a product").clone();
    assert_eq!((&newest["id"], &newest["name"], &newest["plan_type"]), (&json!(8), &json!("<b>Teams</b>"), &json!(7)));

    // Of two who change the same the second sees both versions.
    let path = "/admin/products/8/change/";
    let (first, second) = (browser.get(path).await, browser.get(path).await);
    let of_first = send(&browser, &first, "/admin/products/8/change/preview/", &[("netsuite_id", "44")]).await;
    let of_second = send(&browser, &second, "/admin/products/8/change/preview/", &[("name", "Others")]).await;
    assert_eq!(send(&browser, &of_first, path, &[("reason", "first")]).await.status.as_u16(), 200);
    let lost = send(&browser, &of_second, path, &[("reason", "second")]).await;
    assert!(lost.status.as_u16() == 409 && lost.text.contains("Both versions"), "{}", lost.text);
    // A change that leaves a product without what its type requires is refused.
    let form = browser.get("/admin/products/1/change/").await;
    let without = send(&browser, &form, "/admin/products/1/change/preview/", &[("netsuite_id", "")]).await;
    assert!(without.text.contains("id=\"netsuite_id-wrong\""), "{}", without.text);

    let viewer = Browser::signed_in(&app, "demo-support").await;
    let page = viewer.get("/admin/products/").await.text;
    assert!(page.contains("&#60;b&#62;Teams") && page.contains("<td>Academy</td>"), "{page}");
    assert_eq!(page.matches("<td>demo-provisioner</td><td>a new offer</td>").count(), 2, "{page}");
    assert!(!page.contains("/change/"), "who may not change it has no link: {page}");
    assert_eq!(browser.get("/admin/products/99/change/").await.status.as_u16(), 404);
}
