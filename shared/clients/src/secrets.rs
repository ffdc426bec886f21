//! Secrets by name: a setting may say where its value is kept instead of what it is.
//!
//! | value of the setting | meaning |
//! |---|---|
//! | `secretsmanager:NAME` | the secret of that name (or ARN) in Secrets Manager |
//! | `secretsmanager:NAME#KEY` | the value of that key in the secret, which is a JSON object |
//! | `ssm:NAME` | the parameter of that name in SSM, decrypted |
//!
//! They are read once, when a process starts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::try_join_all;
use license_domain::{Clock, Random};
use license_telemetry::{SystemClock, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{self, Api, Signer},
    caller::{Caller, Limits, Safety},
    error::{ClientError, Service},
    service::body,
    settings::Settings,
};

/// The settings that may be secrets by name.
pub const SECRET_NAMES: &[&str] = &[
    "BACKEND_SERVICE_EDX_OAUTH2_SECRET",
    "BRAZE_API_KEY",
    "ENTERPRISE_SUBSIDY_CHECKSUM_SECRET_KEY",
    "JWT_PUBLIC_SIGNING_JWK_SET",
    "JWT_SECRET_KEY",
];

/// How long one attempt may take: a function has ten seconds to start.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often a secret is asked for while AWS says that it is too busy.
const ATTEMPTS: u32 = 3;

/// The process's environment, with secrets instead of their names.
pub async fn environment() -> Result<impl Fn(&str) -> Option<String> + Clone, ClientError> {
    let secrets = Arc::new(resolve(|name| std::env::var(name).ok(), SECRET_NAMES).await?);
    Ok(move |name: &str| secrets.get(name).cloned().or_else(|| std::env::var(name).ok()))
}

/// The values of those of the named settings that are secrets by name. Nothing is asked where none is.
pub async fn resolve(
    lookup: impl Fn(&str) -> Option<String>,
    names: &[&str],
) -> Result<BTreeMap<String, String>, ClientError> {
    let wanted = wanted(&lookup, names);
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let settings = Settings(lookup);
    let credentials = aws::credentials().await?;
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let region = settings.text("AWS_REGION");
    let vaults = Vaults {
        secrets: settings.url("SECRETS_MANAGER_ENDPOINT"),
        parameters: settings.url("SSM_ENDPOINT"),
        signer: Signer { credentials, region: aws::region(region.as_deref()).to_owned(), clock: clock.clone() },
        caller: Caller::new(Limits::within(TIMEOUT), clock, random)?,
    };
    vaults.resolve(&wanted).await
}

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    SecretsManager(String),
    Parameter(String),
}

/// A setting that is a secret by name.
pub(crate) struct Wanted {
    setting: String,
    place: Place,
    key: Option<String>,
}

/// Those of the settings that are secrets by name.
pub(crate) fn wanted(lookup: impl Fn(&str) -> Option<String>, names: &[&str]) -> Vec<Wanted> {
    let settings = Settings(lookup);
    let wanted = |name: &&str| {
        let value = settings.text(name)?;
        let (place, key) = if let Some(secret) = value.strip_prefix("secretsmanager:") {
            let (secret, key) = secret.split_once('#').map_or((secret, None), |(secret, key)| (secret, Some(key)));
            (Place::SecretsManager(secret.to_owned()), key.map(str::to_owned))
        } else {
            (Place::Parameter(value.strip_prefix("ssm:")?.to_owned()), None)
        };
        Some(Wanted { setting: (*name).to_owned(), place, key })
    };
    names.iter().filter_map(wanted).collect()
}

/// What keeps secrets.
pub(crate) struct Vaults {
    pub caller: Caller,
    pub signer: Signer,
    /// Where Secrets Manager is, if it is not AWS itself.
    pub secrets: Option<String>,
    /// Where SSM is, if it is not AWS itself.
    pub parameters: Option<String>,
}

const SECRETS: Api = Api { service: Service::Secrets, name: "secretsmanager", host: "secretsmanager" };
const PARAMETERS: Api = Api { service: Service::Parameters, name: "ssm", host: "ssm" };

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    secret_string: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: String,
}

impl Vaults {
    /// The values of these settings. All secrets are asked for at the same time, each once.
    pub async fn resolve(&self, wanted: &[Wanted]) -> Result<BTreeMap<String, String>, ClientError> {
        let places: BTreeMap<&Place, &str> = wanted.iter().map(|wanted| (&wanted.place, &*wanted.setting)).collect();
        let answers = places.iter().map(|(place, setting)| async move {
            let answer = self.ask(place).await;
            answer.map(|answer| (*place, answer)).inspect_err(|error| could_not_be_read(setting, error))
        });
        let answers: BTreeMap<&Place, String> = try_join_all(answers).await?.into_iter().collect();
        let values = wanted.iter().filter_map(|wanted| {
            let answer = answers.get(&wanted.place)?;
            let value = match &wanted.key {
                None => Ok(answer.clone()),
                Some(key) => member(answer, key).ok_or(ClientError::Unreadable { service: Service::Secrets }),
            };
            let value = value.inspect_err(|error| could_not_be_read(&wanted.setting, error));
            Some(value.map(|value| (wanted.setting.clone(), value)))
        });
        values.collect()
    }

    async fn ask(&self, place: &Place) -> Result<String, ClientError> {
        match place {
            Place::SecretsManager(name) => {
                let (target, sent) = ("secretsmanager.GetSecretValue", json!({"SecretId": name}));
                let secret: Secret = self.call(SECRETS, self.secrets.as_deref(), target, &sent).await?;
                Ok(secret.secret_string)
            }
            Place::Parameter(name) => {
                let (target, sent) = ("AmazonSSM.GetParameter", json!({"Name": name, "WithDecryption": true}));
                let found: Found = self.call(PARAMETERS, self.parameters.as_deref(), target, &sent).await?;
                Ok(found.parameter.value)
            }
        }
    }

    async fn call<T: for<'de> Deserialize<'de>>(
        &self,
        api: Api,
        endpoint: Option<&str>,
        target: &str,
        sent: &Value,
    ) -> Result<T, ClientError> {
        let url = format!("{}/", api.url(endpoint, &self.signer.region));
        let sent = sent.to_string();
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let headers = self.signer.headers(api, &url, &headers, sent.as_bytes()).await?;
        let request = || self.caller.http.post(&url).headers(headers.clone()).body(sent.clone());
        let mut attempt = 1;
        loop {
            let response = self.caller.send(api.service, Safety::Repeatable, request).await?;
            let status = response.status();
            if status.is_success() {
                return body(api.service, response).await;
            }
            // Many functions that start at once are too many for SSM, which it says with a 400.
            let refusal: Result<Refusal, _> = body(api.service, response).await;
            let is_throttled = refusal.is_ok_and(|refusal| refusal.kind.ends_with("ThrottlingException"));
            if !is_throttled || attempt == ATTEMPTS {
                return Err(ClientError::status(api.service, status.as_u16()));
            }
            tokio::time::sleep(self.caller.wait(attempt)).await;
            attempt += 1;
        }
    }
}

fn could_not_be_read(setting: &str, error: &ClientError) {
    tracing::error!(setting, %error, "the secret that a setting names could not be read");
}

/// The value of that key in a JSON object: a text as it is, anything else as JSON.
fn member(object: &str, key: &str) -> Option<String> {
    let mut object: Value = serde_json::from_str(object).ok()?;
    match object.get_mut(key)?.take() {
        Value::String(text) => Some(text),
        Value::Null => None,
        value => Some(value.to_string()),
    }
}
