//! Rows that are uploaded by a signed form, and files that are written in parts.

use std::sync::Arc;

use license_clients::{ClientError, ExportClient, ExportSettings, Exports, FilePart, FileWriter, Written};
use license_local::Options;
use license_tests::{
    TestApp,
    app::options,
    builders::{Plan, emails, text},
    form::{fields, post, upload},
};
use reqwest::{Method, Response, redirect::Policy};
use serde_json::{Value, json};

use super::fault;

const PORTAL: &str = "https://portal.example.com";

/// A job that waits for its rows: its id, and its form.
async fn awaiting(plan: &Plan) -> (String, Value) {
    let body = json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "upload": true } });
    let made = plan.admin().post("/api/v1/jobs/", &body).await.expect(202);
    (text(&made, "id"), made["upload_form"].clone())
}

/// The status and S3's code of a refusal.
async fn refusal(response: Response) -> (u16, String) {
    let (status, body) = (response.status().as_u16(), response.text().await.expect("a body"));
    let code = body.split("<Code>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
    (status, code.to_owned())
}

#[tokio::test]
async fn rows_are_uploaded_by_a_form() {
    let app = TestApp::start().await;
    let plan = app.plan(300).await;
    let (id, form) = awaiting(&plan).await;
    assert_eq!(form["max_bytes"], 268_435_456, "{form}");
    assert!(text(&form, "expires").starts_with("2026-11-23T11:0"), "{form}");
    let file = format!("email\r\n{}\r\nnobody\r\n", emails("ann", 0..200).join("\r\n"));
    upload(&form, &file).await;
    // The bucket fails once while the file is read.
    fault(&app, json!({ "service": "files", "next": 1, "how": "reset_after" })).await;
    plan.admin().post(&format!("/api/v1/jobs/{id}/resume/"), &json!({})).await.expect(202);
    app.drain().await;
    let done = plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200);
    assert_eq!(
        (&done["state"], &done["rows"], &done["upload_form"]),
        (&json!("done"), &json!(201), &json!(null)),
        "{done}"
    );
    assert_eq!((&done["counts"]["succeeded"], &done["counts"]["failed"]), (&json!(200), &json!(1)));
    app.invariants().await.check();
}

#[tokio::test]
async fn an_upload_form_is_valid_for_one_file_and_for_a_while() {
    let app = TestApp::start().await;
    let plan = app.plan(5).await;
    let (id, form) = awaiting(&plan).await;
    let url = text(&form, "url");
    let with = |name: &str, value: &str| {
        let others = fields(&form).into_iter().filter(|(known, _)| known != name);
        others.chain([(name.to_owned(), value.to_owned())]).collect::<Vec<_>>()
    };
    let signature = "0".repeat(64);
    for (name, value, status, code) in [
        ("key", "uploads/another.csv", 403, "AccessDenied"),
        ("Content-Type", "text/html", 403, "AccessDenied"),
        ("acl", "public-read", 403, "AccessDenied"),
        ("x-amz-signature", signature.as_str(), 403, "SignatureDoesNotMatch"),
        ("policy", "e30=", 403, "SignatureDoesNotMatch"),
        ("x-amz-credential", "other/20261123/local/s3/aws4_request", 403, "InvalidAccessKeyId"),
    ] {
        let refused = refusal(post(&url, &with(name, value), "email\r\n", &[]).await).await;
        assert_eq!(refused, (status, code.to_owned()), "{name}");
    }
    assert_eq!(refusal(post(&url, &fields(&form), "", &[]).await).await, (400, "EntityTooSmall".to_owned()));
    app.advance("PT16M").await;
    assert_eq!(refusal(post(&url, &fields(&form), "email\r\n", &[]).await).await.0, 403);
    // The job's next response has another form.
    let again = plan.admin().get(&format!("/api/v1/jobs/{id}/")).await.expect(200)["upload_form"].clone();
    let posted = post(&text(&again, "url"), &fields(&again), "email\r\n", &[("origin", PORTAL)]).await;
    assert_eq!(posted.status().as_u16(), 204);
    assert_eq!(posted.headers().get("access-control-allow-origin"), None, "no page was admitted");
}

#[tokio::test]
async fn pages_of_the_portal_may_upload_and_pages_of_other_sites_may_not() {
    let settings = [("CORS_ORIGIN_WHITELIST".to_owned(), format!("{PORTAL},https://other.example.com"))];
    let app = TestApp::start_with(Options { settings: settings.into(), ..options() }, false).await;
    let (_, form) = awaiting(&app.plan(5).await).await;
    let url = text(&form, "url");
    let ask = async |origin: &str, method: &str| {
        let asked = reqwest::Client::new().request(Method::OPTIONS, &url).header("origin", origin);
        let asked = asked.header("access-control-request-method", method);
        let response = asked.header("access-control-request-headers", "x-one").send().await.expect("a response");
        let text = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        (response.status().as_u16(), text("access-control-allow-origin"), text("access-control-allow-headers"))
    };
    for origin in [PORTAL, "https://other.example.com", "null"] {
        let admitted = (200, Some(origin.to_owned()), Some("x-one".to_owned()));
        assert_eq!(ask(origin, "POST").await, admitted);
    }
    for (origin, method) in [("https://portal.example.com.evil.example", "POST"), (PORTAL, "DELETE")] {
        assert_eq!(ask(origin, method).await, (403, None, None), "{origin} {method}");
    }
    let posted = post(&url, &fields(&form), "email\r\n", &[("origin", PORTAL)]).await;
    assert_eq!(
        (posted.status().as_u16(), &posted.headers()["access-control-allow-origin"]),
        (204, &PORTAL.parse().expect("text"))
    );
}

/// The client of the bucket that a function has.
fn client(app: &TestApp) -> ExportClient {
    let parts = app.running().parts(function_workers::SETTINGS);
    let settings = ExportSettings::from_lookup(parts.lookup());
    ExportClient::new(settings, &parts.aws, parts.clock(), parts.random()).expect("a client")
}

#[tokio::test]
async fn a_large_file_is_written_and_read_in_parts() {
    let app = TestApp::start().await;
    let client = client(&app);
    let line = "0123456789abcdef".repeat(4_096);
    let mut file = FileWriter::new(&client, "results/large.csv".to_owned()).unless_small(1_000);
    for _ in 0..300 {
        file.write(line.as_bytes()).await.expect("written");
    }
    assert_eq!(file.end::<ClientError>(Ok(())).await.expect("ended"), Written::File);
    let url = client.link("results/large.csv").await.expect("a link");
    let whole = reqwest::get(url).await.expect("a response").text().await.expect("a body");
    assert!(whole.len() == 300 * line.len() && whole.starts_with(&line) && whole.ends_with(&line));

    let mut read = Vec::new();
    let mut known = None;
    while read.len() < whole.len() {
        let from = u64::try_from(read.len()).expect("it fits");
        let part = client.read("results/large.csv", from, known.as_deref()).await.expect("read");
        let FilePart::Bytes { bytes, size, tag } = part else { panic!("{part:?}") };
        assert!(size == 300 * 65_536 && !bytes.is_empty() && bytes.len() <= 4 << 20);
        known = Some(tag);
        read.extend(bytes);
    }
    assert!(read == whole.as_bytes());

    client.put("results/large.csv", b"other".to_vec()).await.expect("put");
    let part = client.read("results/large.csv", 0, known.as_deref()).await.expect("a response");
    assert_eq!(part, FilePart::Replaced);
    assert_eq!(client.read("results/none.csv", 0, None).await.expect("a response"), FilePart::Missing);
    client.put("results/empty.csv", Vec::new()).await.expect("put");
    let empty = client.read("results/empty.csv", 0, None).await.expect("a response");
    assert!(matches!(empty, FilePart::Bytes { ref bytes, size: 0, .. } if bytes.is_empty()), "{empty:?}");
}

#[tokio::test]
async fn a_file_whose_source_fails_leaves_no_parts() {
    let app = TestApp::start().await;
    let client: Arc<dyn Exports> = Arc::new(client(&app));
    let mut file = FileWriter::new(client.as_ref(), "results/broken.csv".to_owned());
    file.write(&vec![b'x'; 9 << 20]).await.expect("a part");
    let files = app.running().services().files();
    assert_eq!(files.open_uploads(), 1);
    let failed = Err(ClientError::Denied { service: license_clients::Service::Lms });
    file.end(failed).await.expect_err("the reason");
    assert_eq!(files.open_uploads(), 0);
    assert_eq!(client.read("results/broken.csv", 0, None).await.expect("a response"), FilePart::Missing);
}

#[tokio::test]
async fn results_that_do_not_fit_a_response_are_a_file() {
    let settings = [("CSV_LIMIT_BYTES".to_owned(), "10000".to_owned())];
    let app = TestApp::start_with(Options { settings: settings.into(), ..options() }, false).await;
    let plan = app.plan(300).await;
    let params = json!({ "user_emails": emails("ann", 0..250), "notify_users": false });
    let body = json!({ "kind": "assign", "subscription_plan": plan.id, "params": params });
    let id = text(&plan.admin().post("/api/v1/jobs/", &body).await.expect(202), "id");
    app.drain().await;
    let url = format!("{}/api/v1/jobs/{id}/results/?format=csv", app.running().url());
    let token = app.token(license_tests::Role::Admin.claims(plan.agreement.enterprise, plan.agreement.enterprise));
    let browser = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
    let sent = browser.get(&url).header("authorization", format!("JWT {token}")).send().await.expect("a response");
    assert_eq!((sent.status().as_u16(), sent.headers()["cache-control"].to_str().ok()), (303, Some("no-store")));
    let link = sent.headers()["location"].to_str().expect("a link");
    let table = reqwest::get(link).await.expect("a response").text().await.expect("a body");
    let rows: Vec<&str> = table.split_terminator("\r\n").collect();
    assert_eq!((rows.len(), rows[0]), (251, "row,user_email,course_run_key,license,outcome,detail"));
    for (n, row) in rows[1..].iter().enumerate() {
        assert!(row.starts_with(&format!("{n},ann{n:05}@example.com,,")) && row.ends_with(",assigned,"), "{row}");
    }
}
