//! Malformed requests to every route: the response says what was wrong, and none is a 5xx. The malformed values are
//! made from the fields that the routes declare.

use license_api::{Field, Route, fields::Format, openapi};
use license_tests::{Client, Role, TestApp, TestResponse};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{access, table};

/// A request whose body is these bytes.
async fn send(app: &TestApp, client: &Client, route: &Route, path: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let method: Method = route.method.parse().expect("a method");
    let url = format!("{}{path}", app.running().url());
    let request = client.authorized(method, &url).header(header::CONTENT_TYPE, kind).body(body);
    let response = request.send().await.expect("a response");
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("x-request-id"), "{path}");
    let text = response.text().await.expect("a body");
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
            let (found, response) = send(&app, &root, route, &path, kind, body).await;
            // A missing renewal, license or learner is reported first.
            let is_refused = found == status || (found == 404 && path.contains("/7/"));
            assert!(is_refused, "{name}: {kind} {shown}: {found} {response}");
            assert!(response.is_object(), "{name}: {response}");
        }
    }
}

/// Values that a format refuses.
fn malformed(format: Format) -> Vec<Value> {
    let wide = |length: usize| Value::from("\u{1f600}".repeat(length));
    let mut values = match format {
        Format::Text { min, max, takes_numbers } => {
            let mut values = vec![json!(["x"]), json!(true), json!("a\0b")];
            values.extend((min > 0).then(|| json!(" ")));
            values.extend((min > 1).then(|| wide(min - 1)));
            values.extend((max < usize::MAX).then(|| wide(max + 1)));
            values.extend((!takes_numbers).then(|| json!(5)));
            values
        }
        Format::Email => vec![json!(["x"]), json!(""), json!("unknown"), json!(5), wide(300)],
        Format::Uuid => vec![json!("x"), json!(5), json!("\0"), json!(true)],
        Format::Integer { min, max, is_checked } => {
            let mut values = vec![json!("x"), json!(1.5), json!(true), json!(1e300)];
            values.extend((is_checked && min > i64::MIN).then(|| json!(min - 1)));
            values.extend((is_checked && max < i64::MAX).then(|| json!(max + 1)));
            values
        }
        Format::Boolean => vec![json!("maybe"), json!([]), json!(2)],
        Format::Moment => vec![json!("yesterday"), json!(5), json!("2026-13-01"), json!("+12026-01-01T00:00:00")],
        Format::OneOf { .. } => vec![json!("junk"), json!(5), wide(70_000)],
        Format::List { items, has_null, min, max } => {
            let mut values: Vec<Value> = malformed(*items).into_iter().map(|item| json!([item])).collect();
            values.extend([json!("x"), json!(5)]);
            values.extend((min > 0).then(|| json!([])));
            values.extend((!has_null).then(|| json!([null])));
            let item = openapi::example_of(&Field::new(*items, ""));
            let fits = item.to_string().len() * max < 1 << 20;
            values.extend(fits.then(|| json!(vec![item; max + 1])));
            values
        }
        Format::ByKind(_) => vec![json!("x"), json!([]), json!(5)],
        Format::Unchecked(_) => return Vec::new(),
    };
    values.extend((!matches!(format, Format::ByKind(_))).then(|| json!({ "deep": [{}] })));
    values
}

/// The expected complaint about each value that the field does not accept, including null and a missing value.
fn complaints(field: &Field) -> Vec<(Option<Value>, Value)> {
    let refused = malformed(field.format).into_iter().map(|value| {
        let complaint = field.format.parse(&value).expect_err("a malformed value");
        (Some(value), complaint.into_value())
    });
    let null = (!field.is_nullable).then(|| (Some(Value::Null), json!(["This field may not be null."])));
    let nothing = field.is_required.then(|| (None, json!(["This field is required."])));
    refused.chain(null).chain(nothing).collect()
}

/// Whether the contract has a sentence instead of a complaint by field.
fn is_a_sentence(route: &Route, field: &Field) -> bool {
    let is_line_item = field.name == "salesforce_opportunity_line_item" && route.method == "POST";
    is_line_item || route.path == "/api/v1/staff_lookup_licenses/"
}

/// The example of a route's request, with the ids of existing things.
struct Sample<'a> {
    client: &'a Client,
    route: &'static Route,
    path: String,
    body: Value,
}

impl Sample<'_> {
    async fn send(&self, body: &Value) -> TestResponse {
        self.client.send(self.route.method.parse().expect("a method"), &self.path, Some(body)).await
    }

    /// Checks that each malformed value is refused with a complaint about the field.
    async fn refuses(&self, within: Option<&str>, field: &Field) -> usize {
        let complaints = complaints(field);
        for (value, complaint) in &complaints {
            let mut body = self.body.clone();
            let object = match within {
                Some(name) => &mut body[name],
                None => &mut body,
            };
            let entries = object.as_object_mut().expect("an object");
            match value {
                Some(value) => entries.insert(field.name.to_owned(), value.clone()),
                None => entries.remove(field.name),
            };
            let response = self.send(&body).await;
            let mut shown = value.clone().unwrap_or_default().to_string();
            shown.truncate(shown.char_indices().nth(60).map_or(shown.len(), |(at, _)| at));
            let name = format!("{} {} {}={shown}", self.route.method, self.route.path, field.name);
            assert_eq!(response.status.as_u16(), 400, "{name}: {}", response.text);
            let found = response.json();
            let found = found.get("error").unwrap_or(&found);
            // The endpoint for the retirement worker has other messages, which name the field.
            if found.get("detail").and_then(Value::as_str).is_some_and(|detail| detail.contains(field.name)) {
                continue;
            }
            if found.is_string() && is_a_sentence(self.route, field) {
                continue;
            }
            let wanted = json!({ field.name: complaint });
            let wanted = within.map_or_else(|| wanted.clone(), |name| json!({ name: wanted }));
            assert_eq!(*found, wanted, "{name}");
        }
        complaints.len()
    }
}

/// The examples of the route's body.
fn samples<'a>(state: &access::State, client: &'a Client, route: &'static Route) -> Vec<(&'static str, Sample<'a>)> {
    let path = state.path(route);
    let examples = openapi::examples(route.doc.body);
    let of = |(name, body)| (name, Sample { client, route, path: path.clone(), body: state.about(route, body) });
    examples.into_iter().map(of).collect()
}

/// Routes with a body, without aliases, which lead to the same handlers.
fn declared() -> impl Iterator<Item = &'static Route> {
    with_body().filter(|route| route.path.starts_with("/api/v1/"))
}

#[tokio::test]
async fn examples_are_requests_that_the_routes_take() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await.with_renewal(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    for route in declared() {
        for (name, sample) in samples(&state, &root, route) {
            let response = sample.send(&sample.body).await;
            let status = response.status.as_u16();
            // A learner without such a license, and a webhook that is not active.
            let is_other_state = (status == 404 && !sample.path.contains("renewals"))
                || status == 409
                // The plan's terms do not allow it.
                || (name == "freeze" && status == 400);
            assert!(
                status < 300 || is_other_state,
                "{} {} {name}: {status} {}",
                route.method,
                route.path,
                response.text
            );
            app.drain().await;
        }
    }
}

#[tokio::test]
async fn every_declared_field_is_checked_by_its_route() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await.with_renewal(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    let mut refused = 0;
    for route in declared() {
        for (kind, sample) in samples(&state, &root, route) {
            for field in route.doc.body {
                refused += sample.refuses(None, field).await;
                if let Format::ByKind(kinds) = field.format {
                    let of_kind = kinds().into_iter().find(|(name, _)| *name == kind).expect("the kind");
                    for inner in &of_kind.1 {
                        refused += sample.refuses(Some(field.name), inner).await;
                    }
                }
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[tokio::test]
async fn fields_that_a_route_does_not_declare_are_passed_over() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    for route in with_body().filter(|route| !route.path.contains("subscription-plan-renewals/{")) {
        let name = format!("{} {}", route.method, route.path);
        let (path, body) = state.request(route);
        let method: Method = route.method.parse().expect("a method");
        let mut body = body.unwrap_or_else(|| json!({}));
        let plain = root.send(method.clone(), &path, Some(&body)).await.status;
        body["undeclared_field"] = json!({ "a": [1] });
        // A webhook can have one replay a minute.
        app.advance("PT1M").await;
        let response = root.send(method, &path, Some(&body)).await;
        assert_eq!(response.status, plain, "{name}: {}", response.text);
    }
}

#[test]
fn every_text_and_every_list_of_a_body_has_a_maximum() {
    fn check(name: &str, fields: &[Field]) -> usize {
        for field in fields {
            let item = if let Format::List { items, .. } = field.format { *items } else { field.format };
            let is_bounded = !matches!(item, Format::Text { max, .. } if max == usize::MAX);
            assert!(is_bounded, "{name} {}: any length", field.name);
            if let Format::ByKind(kinds) = field.format {
                // Some kinds have no parameters.
                let of_kinds = kinds().into_iter().map(|(kind, fields)| check(&format!("{name} {kind}"), &fields));
                assert!(of_kinds.sum::<usize>() > 0, "{name}");
            }
        }
        fields.len()
    }
    assert!(with_body().map(|route| check(route.path, route.doc.body)).sum::<usize>() > 100);
}

#[tokio::test]
async fn a_missing_method_is_405_and_allow_lists_the_existing_ones() {
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
            let response = root.send(method.parse().expect("a method"), bare, None).await;
            assert_eq!(response.status.as_u16(), 405, "{method} {bare}: {}", response.text);
            assert_eq!(response.json()["detail"], format!("Method \"{method}\" not allowed."));
            // It lists the methods of the function that responded.
            let function = template.route(method, bare).expect("a function").binary.clone();
            let (_, routes) = table::FUNCTIONS.into_iter().find(|(name, _)| *name == function).expect("a function");
            let allow = response.header("allow").expect("Allow").to_owned();
            for other in routes.iter().filter(|other| other.path == route.path) {
                assert!(allow.split(", ").any(|known| known == other.method), "{bare}: {allow}");
            }
        }
    }
}

#[tokio::test]
async fn formats_other_than_json_are_refused() {
    let app = TestApp::start().await;
    let state = access::State::make(&app).await;
    let root = access::client(&app, Role::Superuser, state.enterprise);
    for route in table::routes().filter(|route| route.method == "GET") {
        let (path, _) = state.request(route);
        let response = root.send_with(Method::GET, &path, None, &[("accept", "application/xml")]).await;
        assert_eq!(response.expect(406), json!({ "detail": "Could not satisfy the request Accept header." }), "{path}");
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
                let response = root.send(method.clone(), &odd, body.as_ref()).await;
                assert!(
                    [400, 404].contains(&response.status.as_u16()),
                    "{method} {odd}: {} {}",
                    response.status,
                    response.text
                );
            }
        }
        for param in route.doc.query.iter().filter(|param| matches!(param.format, Format::Uuid)) {
            let (bare, query) = path.split_once('?').unwrap_or((&path, ""));
            let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(param.name));
            let query = others.map(str::to_owned).chain([format!("{}=junk", param.name)]).collect::<Vec<_>>().join("&");
            let response = root.send(method.clone(), &format!("{bare}?{query}"), body.as_ref()).await;
            assert_eq!(response.status.as_u16(), 400, "{method} {bare}?{query}: {}", response.text);
        }
    }
}

#[tokio::test]
async fn thousands_of_addresses_are_read_and_invalid_ones_named_by_position() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let mut people = license_tests::builders::emails("many", 0..5_000);
    people[7] = "unknown".to_owned();
    people[4_321] = format!("{}@example.com", "x".repeat(300));
    let response = plan.assign(&people).await.expect(400);
    let complaint = json!(["Enter a valid email address."]);
    assert_eq!(response, json!({ "user_emails": { "7": complaint, "4321": complaint } }));
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
        post().form(&[("user_emails", "ann@example.com"), ("notify_users", "false")]).send().await.expect("a response");
    assert_eq!(one.json::<Value>().await.expect("JSON")["num_successful_assignments"], 1);
    let two = [("user_emails", "bob@example.com"), ("user_emails", "cy@example.com")];
    let two = post().form(&two).send().await.expect("a response");
    assert_eq!(two.json::<Value>().await.expect("JSON")["num_successful_assignments"], 2);
    let multipart = "--X\r\nContent-Disposition: form-data; name=\"user_emails\"\r\n\r\ndi@example.com\r\n--X--\r\n";
    let sent = post().header(header::CONTENT_TYPE, "multipart/form-data; boundary=X").body(multipart);
    let sent = sent.send().await.expect("a response");
    assert_eq!(sent.json::<Value>().await.expect("JSON")["num_successful_assignments"], 1);
}
