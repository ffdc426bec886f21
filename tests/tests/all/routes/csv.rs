//! `GET …/licenses/csv/`.

use license_tests::{TestApp, builders::text};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_csv_has_a_row_for_each_license_that_has_or_had_a_learner() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    plan.activated(&app, "ann@example.com").await;
    let bob = plan.assigned("bob@example.com").await;
    plan.assigned("cid@example.com").await;
    plan.revoke(&["cid@example.com"]).await.expect(200);
    let response = plan.admin().get(&plan.path("licenses/csv/")).await;
    assert_eq!(response.status.as_u16(), 200);
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")));
    let rows: Vec<&str> = response.text.split_terminator("\r\n").collect();
    assert_eq!(rows[0], "activation_date,activation_link,last_remind_date,status,user_email");
    assert_eq!(rows.len(), 4, "no free seats: {rows:?}");
    assert!(rows[1].ends_with(",activated,ann@example.com") && rows[1].starts_with("2026-11-23T10:46:"), "{rows:?}");
    assert!(rows[2].contains(&format!("/licenses/{}/activate,", bob.key)), "{rows:?}");
    assert!(rows[3].ends_with(",revoked,cid@example.com"), "{rows:?}");
}

#[tokio::test]
async fn a_csv_is_compressed_if_the_client_accepts_it() {
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

#[tokio::test]
async fn a_csv_that_is_too_large_for_a_response_is_a_file_for_a_while() {
    let settings = [("CSV_LIMIT_BYTES".to_owned(), "10000".to_owned())];
    let options = license_local::Options { settings: settings.into(), ..license_tests::app::options() };
    let app = TestApp::start_with(options, false).await;
    let plan = app.plan(200).await;
    let people = license_tests::builders::emails("learner", 0..200);
    plan.assign(&people[..30]).await.expect(200);
    let small = plan.admin().get(&plan.path("licenses/csv/")).await;
    assert_eq!((small.status.as_u16(), small.text.lines().count()), (200, 31));

    plan.assign(&people[30..]).await.expect(200);
    let url = format!("{}{}", app.running().url(), plan.path("licenses/csv/"));
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let token = app.token(license_tests::Role::Admin.claims(plan.agreement.enterprise, plan.agreement.enterprise));
    let sent = browser.get(&url).header("authorization", format!("JWT {token}")).send().await.expect("a response");
    assert_eq!(sent.status().as_u16(), 303);
    let link = sent.headers()["location"].to_str().expect("a link").to_owned();
    // The file needs no token, and the redirected page may read it.
    let file = browser.get(&link).header("origin", "null").send().await.expect("a response");
    assert_eq!((file.status().as_u16(), file.headers()["content-type"].to_str().ok()), (200, Some("text/csv")));
    assert_eq!(file.headers()["access-control-allow-origin"], "null");
    let text = file.text().await.expect("a body");
    assert_eq!(text.lines().count(), 201);
    assert!(text.starts_with("activation_date,") && text.contains("learner00199@example.com\r\n"));
    // Clients that follow redirects get the same.
    let followed = plan.admin().get(&plan.path("licenses/csv/")).await;
    assert_eq!((followed.status.as_u16(), followed.text), (200, text));
    app.advance("PT16M").await;
    assert_eq!(browser.get(&link).send().await.expect("a response").status().as_u16(), 403);
}

#[tokio::test]
async fn no_cell_of_a_table_is_a_formula_and_json_has_the_text_as_it_is() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let (email, course) = ("=1+1@example.com", "@SUM(A1)");
    plan.assigned(email).await;
    let licenses = plan.admin().get(&plan.path("licenses/csv/")).await;
    assert!(licenses.text.ends_with(",assigned,'=1+1@example.com\r\n"), "{}", licenses.text);

    let params = json!({ "user_emails": [email, "-unknown@example.com"], "course_run_keys": [course] });
    let body = json!({ "kind": "enroll", "subscription_plan": plan.id, "params": params });
    let id = text(&plan.admin().post("/api/v1/jobs/", &body).await.expect(202), "id");
    app.drain().await;
    let results = format!("/api/v1/jobs/{id}/results/");
    let table = plan.admin().get(&format!("{results}?format=csv")).await;
    let rows: Vec<&str> = table.text.split_terminator("\r\n").skip(1).collect();
    assert!(rows[0].starts_with("0,'=1+1@example.com,'@SUM(A1),"), "{rows:?}");
    assert!(rows[1].starts_with("1,'-unknown@example.com,'@SUM(A1),"), "{rows:?}");
    let shown = plan.admin().get(&results).await.expect(200);
    assert_eq!(
        (&shown["results"][0]["user_email"], &shown["results"][0]["course_run_key"]),
        (&json!(email), &json!(course))
    );
}
