//! Every sample event in `events/` is passed to its handler, as Lambda would do it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use axum::Router;
use lambda_runtime::LambdaEvent;
use license_local::Options;
use license_template::Template;
use license_tests::{TestApp, app::options};
use serde_json::Value;
use tower::ServiceExt;

use crate::table::CONSOLE;

/// The secret that functions accept in the containers of `sam local`, and that signed the sample events' tokens.
fn secret() -> String {
    let text = include_str!("../../../samconfig.toml");
    let secrets: BTreeSet<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("\"JwtSecretKey=")?.strip_suffix("\",")).collect();
    let [secret] = secrets.iter().collect::<Vec<_>>()[..] else { panic!("samconfig.toml has one secret: {secrets:?}") };
    (*secret).to_owned()
}

/// Passes a batch of the stream, or of a queue, to the function in the file's name. The things in it do not exist here,
/// which is not a failure: nothing is retried.
async fn feed_worker(app: &TestApp, name: &str, event: Value) -> String {
    let function = format!("function-{}", name.trim_end_matches(".json").split('-').next().unwrap_or_default());
    macro_rules! context {
        ($function:ident) => {
            $function::compose(&app.running().parts($function::SETTINGS)).expect("a context")
        };
    }
    macro_rules! of_queue {
        ($function:ident) => {{
            let event = serde_json::from_value(event).expect("a batch of a queue");
            $function::handle(&context!($function), event).await.batch_item_failures.len()
        }};
    }
    let failures = match function.as_str() {
        "function-relay" => {
            let input = serde_json::from_value(event).expect("a batch of the stream");
            let response = function_relay::handle(&context!(function_relay), input, "sample").await;
            match response.expect("a response") {
                function_relay::Output::Stream(response) => response.batch_item_failures.len(),
                // Events that an operator sends by hand.
                function_relay::Output::Redrive(_) if name.starts_with("relay-redrive") => 0,
                function_relay::Output::Redrive(_) => panic!("{name}: a batch of the stream was not recognized"),
            }
        }
        "function-mail" => of_queue!(function_mail),
        "function-webhooks" => of_queue!(function_webhooks),
        "function-workers" => of_queue!(function_workers),
        _ => panic!("{name} is no sample of a function"),
    };
    assert_eq!(failures, 0, "{name}");
    function
}

fn routers(app: &TestApp) -> BTreeMap<&'static str, Router> {
    macro_rules! router {
        ($name:literal, $function:ident) => {{
            let context = $function::compose(&app.running().parts($function::SETTINGS));
            ($name, $function::router(context.expect("a context")))
        }};
    }
    BTreeMap::from([
        router!("function-agreements", function_agreements),
        router!("function-subscriptions", function_subscriptions),
        router!("function-licenses", function_licenses),
        router!("function-learners", function_learners),
        router!("function-provisioning", function_provisioning),
        router!("function-enrollments", function_enrollments),
        router!("function-jobs", function_jobs),
        router!("function-support", function_support),
        router!("function-site", function_site),
        router!("function-console", function_console),
    ])
}

fn samples() -> Vec<(PathBuf, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("events/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a readable file");
        let event = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, event)
    };
    paths.into_iter().map(read).collect()
}

/// Over the demo's data, which they name, and with their own tokens.
#[tokio::test]
async fn every_sample_event_succeeds() {
    let settings = [("JWT_SECRET_KEY".to_owned(), secret())].into();
    let app = TestApp::start_with(Options { demo: true, settings, ..options() }, false).await;
    let mut routers = routers(&app);
    let template = Template::embedded().expect("a template");
    let mut fed: Vec<String> = Vec::new();
    for (path, event) in samples() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if event.get("Records").is_some() || event.get("from").is_some() {
            fed.push(feed_worker(&app, &name, event).await);
            continue;
        }
        if event.get("detail-type").is_some() {
            let event: EventBridgeEvent<Value> = serde_json::from_value(event).expect("a scheduled event");
            let parts = app.running().parts(function_sweeper::SETTINGS);
            let context = function_sweeper::compose(&parts).expect("a context");
            let event = LambdaEvent::new(event, lambda_runtime::Context::default());
            let report = function_sweeper::handle(&context, event).await.expect("a report");
            // One of the demo's plans has ended: it expires.
            let usual = function_sweeper::Report::default();
            let expected = function_sweeper::Report { begun: 1, without_progress: Some(0), ..usual };
            assert_eq!(report, expected, "{name}");
            fed.push("function-sweeper".to_owned());
            continue;
        }
        let http = &event["requestContext"]["http"];
        let (method, route) = (http["method"].as_str().expect("a method"), http["path"].as_str().expect("a path"));
        let function = template.route(method, route).expect("a function").binary.clone();
        let request =
            lambda_http::request::from_str(&event.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let router = routers.get_mut(function.as_str()).expect("a router").clone();
        let response = router.oneshot(request).await.expect("a response");
        if function == CONSOLE {
            // The sample has no session.
            assert_eq!(
                response.headers().get("location").map(axum::http::HeaderValue::as_bytes),
                Some(&b"/login/?next=%2Fadmin%2F"[..])
            );
        } else {
            assert!(response.status().is_success(), "{name}: {}", response.status());
            assert!(response.headers().contains_key("allow"), "{name}: no route of {function} knows its path");
        }
        fed.push(function);
    }
    for function in template.functions() {
        assert!(fed.contains(&function.binary), "{} has no sample event", function.binary);
    }
}
