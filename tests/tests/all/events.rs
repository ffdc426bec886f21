//! Every sample event in `events/` is fed to its handler, as Lambda would feed it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

use async_trait::async_trait;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use axum::Router;
use function_enrollments::EnrollmentLimit;
use lambda_runtime::LambdaEvent;
use license_api::{ApiSettings, AppState, CsvLimit, LearnerPortal};
use license_clients::{
    Catalogs, ClientError, ClientSettings, EnterpriseClient, Exports, LmsUsers, ServiceClient, WebhookClient,
    WebhookSettings,
};
use license_domain::{CatalogId, EmailAddress, EnterpriseId, LmsUserId, lifecycle::BusEvent};
use license_local::Options;
use license_messaging::{Bus, MessagingError, Outgoing, Queue, Queues};
use license_template::Template;
use license_tests::{TestApp, app::options};
use license_work::Services;
use serde_json::Value;
use tower::ServiceExt;

/// The secret that functions accept in the containers of `sam local`, and that the sample events' tokens are signed with.
fn secret() -> String {
    let text = include_str!("../../../samconfig.toml");
    let secrets: BTreeSet<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("\"JwtSecretKey=")?.strip_suffix("\",")).collect();
    let [secret] = secrets.iter().collect::<Vec<_>>()[..] else { panic!("samconfig.toml has one secret: {secrets:?}") };
    (*secret).to_owned()
}

/// Services that nobody is at home in.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Catalogs for Nowhere {
    async fn belongs_to(&self, _: CatalogId, _: EnterpriseId) -> Result<bool, ClientError> {
        Ok(false)
    }

    async fn contains(&self, _: CatalogId, _: &str) -> Result<bool, ClientError> {
        Ok(false)
    }
}

#[async_trait]
impl Exports for Nowhere {
    async fn publish(&self, _: &str, _: String) -> Result<String, ClientError> {
        Ok(String::new())
    }

    async fn put(&self, _: &str, _: String) -> Result<(), ClientError> {
        Ok(())
    }

    async fn link(&self, _: &str) -> Result<String, ClientError> {
        Ok(String::new())
    }

    async fn upload_link(&self, _: &str) -> Result<String, ClientError> {
        Ok(String::new())
    }

    async fn fetch(&self, _: &str) -> Result<Option<String>, ClientError> {
        Ok(None)
    }
}

#[async_trait]
impl Queues for Nowhere {
    async fn send(&self, _: Vec<Outgoing>) -> Result<(), MessagingError> {
        Ok(())
    }

    async fn back_off(&self, _: Queue, _: &str, _: u32) -> Result<(), MessagingError> {
        Ok(())
    }
}

#[async_trait]
impl Bus for Nowhere {
    async fn publish(&self, _: Vec<BusEvent>) -> Result<(), MessagingError> {
        Ok(())
    }
}

/// Feeds a batch of the stream, or of a queue, to the function that is called like the file. What it is about is not
/// kept here, which is no failure: nothing comes again.
async fn feed_worker(app: &TestApp, name: &str, event: Value) -> String {
    let (store, nowhere) = (app.running().store(), Arc::new(Nowhere));
    let client = ServiceClient::new(ClientSettings::default(), store.clock().clone(), store.random().clone());
    let enterprises = Arc::new(EnterpriseClient::new(client.expect("a client")));
    let function = format!("function-{}", name.trim_end_matches(".json").split('-').next().unwrap_or_default());
    let failures = match function.as_str() {
        "function-relay" => {
            let context = function_relay::context(store, nowhere.clone(), nowhere);
            let input = serde_json::from_value(event).expect("a batch of the stream");
            match function_relay::handle(&context, input, "sample").await.expect("an answer") {
                function_relay::Output::Stream(answer) => answer.batch_item_failures.len(),
                // What an operator sends by hand.
                function_relay::Output::Redrive(_) if name.starts_with("relay-redrive") => 0,
                function_relay::Output::Redrive(_) => panic!("{name}: a batch of the stream was not recognized"),
            }
        }
        "function-mail" => {
            let (transport, settings) = (Arc::new(function_mail::LogTransport), function_mail::MailSettings::default());
            let context = function_mail::context(store, enterprises, transport, nowhere, settings);
            let event = serde_json::from_value(event).expect("a batch of a queue");
            function_mail::handle(&context, event).await.batch_item_failures.len()
        }
        "function-webhooks" => {
            let client = WebhookClient::new(WebhookSettings::default()).expect("a client");
            let context = function_webhooks::context(store, client, nowhere);
            let event = serde_json::from_value(event).expect("a batch of a queue");
            function_webhooks::handle(&context, event).await.batch_item_failures.len()
        }
        "function-workers" => {
            let services = Services { enterprises, catalogs: nowhere.clone(), exports: nowhere.clone() };
            let context = function_workers::context(store, services, nowhere);
            let event = serde_json::from_value(event).expect("a batch of a queue");
            function_workers::handle(&context, event).await.batch_item_failures.len()
        }
        _ => panic!("{name} is no sample of a function"),
    };
    assert_eq!(failures, 0, "{name}");
    function
}

#[async_trait]
impl LmsUsers for Nowhere {
    async fn lms_user_id(&self, _: &EmailAddress) -> Result<Option<LmsUserId>, ClientError> {
        Ok(None)
    }
}

fn routers(app: &TestApp) -> BTreeMap<&'static str, Router> {
    let store = app.running().store();
    let settings = ApiSettings::from_lookup(|name| (name == "JWT_SECRET_KEY").then(secret));
    let settings = settings.expect("settings");
    let web = AppState::new(&settings, store.clone(), store.clock().clone(), store.random().clone()).expect("a web");
    let nowhere = Arc::new(Nowhere);
    BTreeMap::from([
        (
            "function-agreements",
            function_agreements::router(function_agreements::context(web.clone(), store, WebhookSettings::default())),
        ),
        ("function-subscriptions", function_subscriptions::router(function_subscriptions::context(web.clone(), store))),
        (
            "function-licenses",
            function_licenses::router(function_licenses::context(
                web.clone(),
                store,
                nowhere.clone(),
                LearnerPortal::default(),
                CsvLimit(1_000),
            )),
        ),
        (
            "function-learners",
            function_learners::router(function_learners::context(
                web.clone(),
                store,
                nowhere.clone(),
                nowhere.clone(),
                None,
            )),
        ),
        (
            "function-provisioning",
            function_provisioning::router(function_provisioning::context(web.clone(), store, nowhere.clone())),
        ),
        (
            "function-enrollments",
            function_enrollments::router(function_enrollments::context(
                web.clone(),
                store,
                nowhere.clone(),
                EnrollmentLimit(10),
            )),
        ),
        (
            "function-jobs",
            function_jobs::router(function_jobs::context(web.clone(), store, nowhere.clone(), CsvLimit(1_000))),
        ),
        (
            "function-support",
            function_support::router(function_support::context(web.clone(), store, LearnerPortal::default())),
        ),
        ("function-site", function_site::router(function_site::context(web, store))),
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
    let app = TestApp::start_with(Options { demo: true, ..options() }, false).await;
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
            let context = function_sweeper::context(app.running().store(), Arc::new(Nowhere));
            let event = LambdaEvent::new(event, lambda_runtime::Context::default());
            let report = function_sweeper::handle(&context, event).await.expect("a report");
            let idle = function_sweeper::Report { without_progress: Some(0), ..function_sweeper::Report::default() };
            assert_eq!(report, idle, "{name}");
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
        assert!(response.status().is_success(), "{name}: {}", response.status());
        assert!(response.headers().contains_key("allow"), "{name}: no route of {function} knows its path");
        fed.push(function);
    }
    for function in template.functions() {
        assert!(fed.contains(&function.binary), "{} has no sample event", function.binary);
    }
}
