//! `GET …/licenses/csv/`.

use license_tests::TestApp;
use reqwest::Method;

#[tokio::test]
async fn a_row_for_each_licence_that_somebody_has_or_had() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    plan.activated(&app, "ann@example.com").await;
    let bob = plan.assigned("bob@example.com").await;
    plan.assigned("cid@example.com").await;
    plan.revoke(&["cid@example.com"]).await.expect(200);
    let answer = plan.admin().get(&plan.path("licenses/csv/")).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")));
    let rows: Vec<&str> = answer.text.split_terminator("\r\n").collect();
    assert_eq!(rows[0], "activation_date,activation_link,last_remind_date,status,user_email");
    assert_eq!(rows.len(), 4, "no free seats: {rows:?}");
    assert!(rows[1].ends_with(",activated,ann@example.com") && rows[1].starts_with("2026-11-23T10:46:"), "{rows:?}");
    assert!(rows[2].contains(&format!("/licenses/{}/activate,", bob.key)), "{rows:?}");
    assert!(rows[3].ends_with(",revoked,cid@example.com"), "{rows:?}");
}

#[tokio::test]
async fn it_is_compressed_for_those_who_take_it() {
    let app = TestApp::start().await;
    let plan = app.plan(200).await;
    plan.assign(&license_tests::builders::emails("learner", 0..90)).await.expect(200);
    let path = plan.path("licenses/csv/");
    let whole = plan.admin().get(&path).await;
    assert_eq!(whole.header("content-encoding"), None);
    let packed = plan.admin().send_raw(Method::GET, &path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.0.get("content-encoding").and_then(|value| value.to_str().ok()), Some("gzip"));
    assert!(packed.1.len() < whole.text.len() / 2);
}
