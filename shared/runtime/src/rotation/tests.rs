//! Rotation, tested with a stand-in of Secrets Manager and SSM and a clock that the test moves.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex as Lock,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_config::{Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use axum::{Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use chrono::TimeDelta;
use lambda_http::http::HeaderMap;
use license_domain::{Clock, Random, Timestamp};
use license_settings::{Declared, Setting, Settings};
use license_storage_dynamodb::{Store, StoreSettings};
use serde_json::{Value, json};

use super::{RETRY, Rotating, SecretsError};
use crate::{Error, Parts, SETTINGS};

const DECLARED: Declared =
    &[SETTINGS, &[Setting::secret("JWT_SECRET_KEY"), Setting::secret("BRAZE_API_KEY"), Setting::plain("JWT_ISSUER")]];

#[derive(Debug, Default)]
struct Moved(AtomicI64);

impl Moved {
    fn by(&self, time: TimeDelta) {
        self.0.fetch_add(time.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-24T10:46:08Z".parse().expect("a date");
        start + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }
}

struct Zero;

impl Random for Zero {
    fn bits(&self) -> u128 {
        0
    }
}

/// A stand-in of Secrets Manager and SSM.
#[derive(Default)]
struct Vault {
    secrets: Lock<HashMap<String, String>>,
    /// The errors of the next calls.
    refusals: Lock<Vec<&'static str>>,
    delay: Lock<Duration>,
    calls: AtomicUsize,
}

impl Vault {
    fn put(&self, name: &str, value: &str) {
        self.secrets.lock().expect("not poisoned").insert(name.to_owned(), value.to_owned());
    }

    fn refuse(&self, kinds: &[&'static str]) {
        *self.refusals.lock().expect("not poisoned") = kinds.to_vec();
    }

    /// The number of calls since the last use of this function.
    fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

async fn answer(State(vault): State<Arc<Vault>>, headers: HeaderMap, body: Bytes) -> axum::response::Response {
    vault.calls.fetch_add(1, Ordering::SeqCst);
    let call: Value = serde_json::from_slice(&body).expect("JSON");
    let delay = *vault.delay.lock().expect("not poisoned");
    tokio::time::sleep(delay).await;
    let refusal = vault.refusals.lock().expect("not poisoned").pop();
    let (field, wrap): (&str, fn(&str) -> Value) = match headers["x-amz-target"].to_str() {
        Ok("secretsmanager.GetSecretValue") => ("SecretId", |value| json!({"SecretString": value})),
        _ => ("Name", |value| json!({"Parameter": {"Value": value}})),
    };
    let name = call[field].as_str().unwrap_or_default();
    let value = vault.secrets.lock().expect("not poisoned").get(name).cloned();
    match (refusal, value) {
        (None, Some(value)) => Json(wrap(&value)).into_response(),
        (refusal, _) => {
            let kind = refusal.unwrap_or("ResourceNotFoundException");
            (StatusCode::BAD_REQUEST, Json(json!({"__type": kind}))).into_response()
        }
    }
}

struct Fixture {
    vault: Arc<Vault>,
    clock: Arc<Moved>,
    url: String,
    builds: Arc<AtomicUsize>,
}

impl Fixture {
    async fn start() -> Self {
        let vault = Arc::new(Vault::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().route("/", post(answer)).with_state(vault.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        vault.put("license-manager/JWT_SECRET_KEY", "first");
        vault.put("/license-manager/BRAZE_API_KEY", "key");
        Self { vault, clock: Arc::default(), url, builds: Arc::default() }
    }

    /// A state that consists of the values of the two secrets.
    async fn rotating(&self, more: &[(&str, &str)]) -> Result<Rotating<String>, Error> {
        let settings = Settings::read(DECLARED, |name| {
            let more = more.iter().find(|(setting, _)| *setting == name).map(|(_, value)| (*value).to_owned());
            more.or_else(|| match name {
                "JWT_SECRET_KEY" => Some("secretsmanager:license-manager/JWT_SECRET_KEY".to_owned()),
                "BRAZE_API_KEY" => Some("ssm:/license-manager/BRAZE_API_KEY".to_owned()),
                "SECRETS_MANAGER_ENDPOINT" | "SSM_ENDPOINT" => Some(self.url.clone()),
                "TABLE_NAME" => Some("table".to_owned()),
                _ => None,
            })
        });
        let credentials = Credentials::new("AKIDEXAMPLE", "s3cret", None, None, "a test");
        let aws = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let table = StoreSettings::from_lookup(settings.lookup())?;
        let store = Arc::new(Store::connect(&table, &aws, self.clock.clone(), Arc::new(Zero)));
        let builds = self.builds.clone();
        let build = move |parts: &Parts| {
            builds.fetch_add(1, Ordering::SeqCst);
            let value = |name| parts.settings.get(name).unwrap_or("none").to_owned();
            match value("JWT_SECRET_KEY").as_str() {
                "unusable" => Err(Error::from("this is no key")),
                key => Ok(format!("{key} {}", value("BRAZE_API_KEY"))),
            }
        };
        Rotating::start(Parts { settings, aws, store }, build).await
    }
}

#[tokio::test]
async fn a_secret_that_changes_is_used_within_five_minutes_and_only_then_is_anything_built() {
    let fixture = Fixture::start().await;
    let rotating = fixture.rotating(&[]).await.expect("the secrets are there");
    assert_eq!((rotating.current().await.as_str(), fixture.vault.calls()), ("first key", 2));
    fixture.vault.put("license-manager/JWT_SECRET_KEY", "second");
    for second in [1, 60, 178] {
        fixture.clock.by(TimeDelta::seconds(second));
        assert_eq!(rotating.current().await, "first key");
    }
    assert_eq!(fixture.vault.calls(), 0);
    fixture.clock.by(TimeDelta::seconds(61));
    assert_eq!((rotating.current().await.as_str(), fixture.vault.calls()), ("second key", 2));
    // The secrets are read and have not changed, so the state is kept.
    fixture.clock.by(TimeDelta::hours(3));
    assert_eq!((rotating.current().await.as_str(), fixture.vault.calls()), ("second key", 2));
    assert_eq!(rotating.current().await, "second key");
    assert_eq!((fixture.builds.load(Ordering::SeqCst), fixture.vault.calls()), (2, 0));
}

#[tokio::test]
async fn a_failure_keeps_the_old_values_and_is_retried_after_a_while() {
    let fixture = Fixture::start().await;
    let rotating = fixture.rotating(&[]).await.expect("the secrets are there");
    fixture.vault.put("license-manager/JWT_SECRET_KEY", "second");
    fixture.vault.refuse(&["AccessDeniedException", "AccessDeniedException"]);
    fixture.clock.by(TimeDelta::minutes(5));
    assert_eq!(rotating.current().await, "first key");
    assert!(fixture.vault.calls() >= 1);
    fixture.vault.refuse(&[]);
    fixture.clock.by(RETRY - TimeDelta::seconds(1));
    assert_eq!((rotating.current().await.as_str(), fixture.vault.calls()), ("first key", 0));
    fixture.clock.by(TimeDelta::seconds(1));
    assert_eq!(rotating.current().await, "second key");
    // A value from which no state can be built counts as a failed read.
    fixture.vault.put("license-manager/JWT_SECRET_KEY", "unusable");
    fixture.clock.by(TimeDelta::minutes(5));
    assert_eq!(rotating.current().await, "second key");
    fixture.vault.put("license-manager/JWT_SECRET_KEY", "third");
    fixture.clock.by(RETRY);
    assert_eq!(rotating.current().await, "third key");
}

#[tokio::test]
async fn a_reading_that_is_throttled_is_repeated_and_one_that_hangs_is_given_up() {
    let fixture = Fixture::start().await;
    let rotating = fixture.rotating(&[]).await.expect("the secrets are there");
    fixture.vault.put("/license-manager/BRAZE_API_KEY", "other");
    fixture.vault.refuse(&["com.amazonaws.ssm#ThrottlingException", "ThrottlingException"]);
    fixture.clock.by(TimeDelta::minutes(5));
    fixture.vault.calls();
    assert_eq!((rotating.current().await.as_str(), fixture.vault.calls()), ("first other", 4));
    fixture.vault.put("license-manager/JWT_SECRET_KEY", "second");
    *fixture.vault.delay.lock().expect("not poisoned") = Duration::from_secs(30);
    fixture.clock.by(TimeDelta::minutes(5));
    let limit = super::TIMEOUT + Duration::from_secs(2);
    let state = tokio::time::timeout(limit, rotating.current()).await.expect("invocations are not held up");
    assert_eq!(state, "first other");
}

#[tokio::test]
async fn invocations_at_the_same_time_cause_one_reading() {
    let fixture = Fixture::start().await;
    let rotating = Arc::new(fixture.rotating(&[]).await.expect("the secrets are there"));
    fixture.vault.calls();
    fixture.vault.put("license-manager/JWT_SECRET_KEY", "second");
    fixture.clock.by(TimeDelta::minutes(5));
    *fixture.vault.delay.lock().expect("not poisoned") = Duration::from_millis(200);
    let invocations: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let rotating = rotating.clone();
                async move { rotating.current().await }
            })
        })
        .collect();
    for invocation in invocations {
        assert_eq!(invocation.await.expect("no panic"), "second key");
    }
    assert_eq!((fixture.vault.calls(), fixture.builds.load(Ordering::SeqCst)), (2, 2));
}

#[tokio::test]
async fn without_its_secrets_a_function_does_not_start() {
    let fixture = Fixture::start().await;
    let error = fixture.rotating(&[("BRAZE_API_KEY", "ssm:/other")]).await.err().expect("no such parameter");
    assert_eq!(error.to_string(), "parameters refused the call with status 400");
    let error = fixture.rotating(&[("JWT_ISSUER", "secretsmanager:x")]).await.err().expect("no secret");
    assert!(matches!(error.downcast_ref(), Some(SecretsError::NotASecret("JWT_ISSUER"))), "{error}");
    let error = fixture.rotating(&[("TABLE_NAME", " ")]).await.err().expect("no table");
    assert_eq!(error.to_string(), "the setting TABLE_NAME is missing");
}

#[tokio::test]
async fn if_no_setting_names_a_secret_nothing_is_read() {
    let fixture = Fixture::start().await;
    let plain = [("JWT_SECRET_KEY", "itself"), ("BRAZE_API_KEY", "")];
    let rotating = fixture.rotating(&plain).await.expect("nothing to read");
    fixture.clock.by(TimeDelta::hours(1));
    assert_eq!((rotating.current().await.as_str(), fixture.vault.calls()), ("itself none", 0));
}
