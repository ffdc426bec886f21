//! Odd requests, to every route that can get them: each has an answer that says what was wrong, and none is a 5xx.

use license_api::Route;
use license_tests::{Client, Role, TestApp};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{access, table};

/// A request whose body is these bytes.
async fn send(app: &TestApp, client: &Client, route: &Route, path: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let method: Method = route.method.parse().expect("a method");
    let url = format!("{}{path}", app.running().url());
    let request = client.authorized(method, &url).header(header::CONTENT_TYPE, kind).body(body);
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    assert!(answer.headers().contains_key("x-request-id"), "{path}");
    let text = answer.text().await.expect("a body");
    assert!(!text.contains("serde") && !text.contains("panicked"), "an internal word: {text}");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

fn with_body() -> impl Iterator<Item = &'static Route> {
    table::routes().filter(|route| !route.doc.body.is_empty())
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_by_every_route_that_reads_one() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    assert!(with_body().count() > 15);
    for route in with_body() {
        let name = format!("{} {}", route.method, route.path);
        let (path, _) = state.request(route);
        let json = "application/json";
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)).into_bytes();
        for (kind, body, status) in [
            (json, b"{".to_vec(), 400),
            (json, b"{\"a\": \xff}".to_vec(), 400),
            (json, b"[1, 2]".to_vec(), 400),
            (json, b"\"text\"".to_vec(), 400),
            (json, b"null".to_vec(), 400),
            (json, deep, 400),
            (json, vec![b' '; 3 << 20], 413),
            ("text/plain", b"x".to_vec(), 415),
            ("application/xml", b"<a/>".to_vec(), 415),
            ("multipart/form-data", b"x".to_vec(), 400),
            ("multipart/form-data; boundary=X", b"--X\r\nContent".to_vec(), 400),
        ] {
            let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
            let (found, answer) = send(&app, &root, route, &path, kind, body).await;
            // A renewal, a license or a learner that there is not is told first.
            let is_told = found == status || (found == 404 && path.contains("/7/"));
            assert!(is_told, "{name}: {kind} {shown}: {found} {answer}");
            assert!(answer.is_object(), "{name}: {answer}");
        }
    }
}

#[tokio::test]
async fn fields_of_wrong_types_are_refused_by_name_and_unknown_ones_passed_over() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    for route in with_body() {
        let name = format!("{} {}", route.method, route.path);
        let (path, body) = state.request(route);
        let method: Method = route.method.parse().expect("a method");
        for odd in [json!({ "deep": [{}] }), json!([[[]]]), json!("\0"), json!(1e300), json!("x".repeat(70_000))] {
            for field in route.doc.body.iter().map(|field| field.name) {
                let mut wish = body.clone().unwrap_or_else(|| json!({}));
                wish[field] = odd.clone();
                let answer = root.send(method.clone(), &path, Some(&wish)).await;
                assert!(!answer.status.is_server_error(), "{name} {field}={odd:?}: {}", answer.text);
            }
        }
        if route.path.contains("subscription-plan-renewals/{") {
            continue;
        }
        let mut wish = body.clone().unwrap_or_else(|| json!({}));
        let plain = root.send(method.clone(), &path, Some(&wish)).await.status;
        wish["nobody_knows_this_field"] = json!({ "a": [1] });
        let answer = root.send(method, &path, Some(&wish)).await;
        assert_eq!(answer.status, plain, "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn methods_that_a_path_does_not_have_are_405_and_allow_says_which_it_has() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    let template = license_template::Template::embedded().expect("a template");
    for route in table::routes() {
        let (path, _) = state.request(route);
        let bare = path.split('?').next().unwrap_or_default();
        for method in ["PUT", "PATCH", "DELETE", "POST", "GET"] {
            let has = |other: &&Route| other.method == method && other.path == route.path;
            if table::routes().any(|other| has(&other)) {
                continue;
            }
            let answer = root.send(method.parse().expect("a method"), bare, None).await;
            assert_eq!(answer.status.as_u16(), 405, "{method} {bare}: {}", answer.text);
            assert_eq!(answer.json()["detail"], format!("Method \"{method}\" not allowed."));
            // It names the methods of the function that answered.
            let function = template.route(method, bare).expect("a function").binary.clone();
            let (_, routes) = table::FUNCTIONS.into_iter().find(|(name, _)| *name == function).expect("a function");
            let allow = answer.header("allow").expect("Allow").to_owned();
            for other in routes.iter().filter(|other| other.path == route.path) {
                assert!(allow.split(", ").any(|known| known == other.method), "{bare}: {allow}");
            }
        }
    }
}

#[tokio::test]
async fn other_forms_than_json_are_not_to_be_had() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    for route in table::routes().filter(|route| route.method == "GET") {
        let (path, _) = state.request(route);
        let answer = root.send_with(Method::GET, &path, None, &[("accept", "application/xml")]).await;
        assert_eq!(answer.expect(406), json!({ "detail": "Could not satisfy the request Accept header." }), "{path}");
        let format = format!("{path}{}format=xml", if path.contains('?') { '&' } else { '?' });
        assert_eq!(root.get(&format).await.expect(404), json!({ "detail": "Not found." }), "{path}");
    }
}

#[tokio::test]
async fn ids_that_are_none_are_404_in_paths_and_400_in_parameters() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    for route in table::routes() {
        let (path, body) = state.request(route);
        let method: Method = route.method.parse().expect("a method");
        if route.path.contains('{') {
            for junk in ["junk", "0", "%00", "%F0%28", "..%2f..", &"9".repeat(400)] {
                let odd = route.path.split('/').map(|part| if part.starts_with('{') { junk } else { part });
                let odd = odd.collect::<Vec<_>>().join("/");
                let answer = root.send(method.clone(), &odd, body.as_ref()).await;
                assert!(
                    [400, 404].contains(&answer.status.as_u16()),
                    "{method} {odd}: {} {}",
                    answer.status,
                    answer.text
                );
            }
        }
        for param in route.doc.query.iter().filter(|param| matches!(param.kind, license_api::doc::Kind::Uuid)) {
            let (bare, query) = path.split_once('?').unwrap_or((&path, ""));
            let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(param.name));
            let query = others.map(str::to_owned).chain([format!("{}=junk", param.name)]).collect::<Vec<_>>().join("&");
            let answer = root.send(method.clone(), &format!("{bare}?{query}"), body.as_ref()).await;
            assert_eq!(answer.status.as_u16(), 400, "{method} {bare}?{query}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn thousands_of_addresses_are_read_and_bad_ones_named_by_their_place() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let mut people = license_tests::builders::emails("many", 0..5_000);
    people[7] = "nobody".to_owned();
    people[4_321] = format!("{}@example.com", "x".repeat(300));
    let answer = plan.assign(&people).await.expect(400);
    let complaint = json!(["Enter a valid email address."]);
    assert_eq!(answer, json!({ "user_emails": { "7": complaint, "4321": complaint } }));
    let few = plan.assign(&license_tests::builders::emails("many", 0..5_000)).await;
    assert!(few.expect(400).is_string(), "{}", few.text);
}

#[tokio::test]
async fn forms_are_read_like_json() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let url = format!("{}{}", app.running().url(), plan.path("licenses/assign/"));
    let post = || plan.admin().authorized(Method::POST, &url);
    let one =
        post().form(&[("user_emails", "ann@example.com"), ("notify_users", "false")]).send().await.expect("an answer");
    assert_eq!(one.json::<Value>().await.expect("JSON")["num_successful_assignments"], 1);
    let two = [("user_emails", "bob@example.com"), ("user_emails", "cy@example.com")];
    let two = post().form(&two).send().await.expect("an answer");
    assert_eq!(two.json::<Value>().await.expect("JSON")["num_successful_assignments"], 2);
    let multipart = "--X\r\nContent-Disposition: form-data; name=\"user_emails\"\r\n\r\ndi@example.com\r\n--X--\r\n";
    let sent = post().header(header::CONTENT_TYPE, "multipart/form-data; boundary=X").body(multipart);
    let sent = sent.send().await.expect("an answer");
    assert_eq!(sent.json::<Value>().await.expect("JSON")["num_successful_assignments"], 1);
}
