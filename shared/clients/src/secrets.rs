//! Secrets by name: a setting's value may say where the secret is kept instead of containing it.
//!
//! | value of the setting | meaning |
//! |---|---|
//! | `secretsmanager:NAME` | the secret of that name (or ARN) in Secrets Manager |
//! | `secretsmanager:NAME#KEY` | the value of that key in the secret, which is a JSON object |
//! | `ssm:NAME` | the parameter of that name in SSM, decrypted |
//!
//! The owner of the client decides when secrets are read, and read again.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use futures::future::try_join_all;
use license_domain::{Clock, Random};
use license_settings::{Kind, Setting, Settings, url};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{Api, Signer},
    caller::{CallLimits, Safety, ServiceCaller},
    error::{ClientError, Service},
    service::body,
};

/// The timeout of one attempt: a function has ten seconds to start.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The most attempts at reading a secret while AWS throttles.
const ATTEMPTS: u32 = 3;

const SECRETS_MANAGER_ENDPOINT: &str = "SECRETS_MANAGER_ENDPOINT";
const SSM_ENDPOINT: &str = "SSM_ENDPOINT";

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SecretLocation {
    SecretsManager(String),
    Parameter(String),
}

/// A setting that is a secret by name.
struct Wanted {
    setting: &'static str,
    place: SecretLocation,
    key: Option<String>,
}

/// Whether a setting's value names a secret instead of containing it.
pub fn names_a_secret(value: &str) -> bool {
    parse(value).is_some()
}

/// Where the named secret is kept, and which key of its JSON object is meant, if any.
fn parse(value: &str) -> Option<(SecretLocation, Option<String>)> {
    let Some(secret) = value.strip_prefix("secretsmanager:") else {
        return Some((SecretLocation::Parameter(value.strip_prefix("ssm:")?.to_owned()), None));
    };
    let (secret, key) = secret.split_once('#').map_or((secret, None), |(secret, key)| (secret, Some(key)));
    Some((SecretLocation::SecretsManager(secret.to_owned()), key.map(str::to_owned)))
}

/// The settings that are secrets by name.
fn wanted(settings: &Settings) -> Vec<Wanted> {
    let secrets = settings.of_kind(Kind::Secret);
    secrets.filter_map(|(setting, value)| parse(value).map(|(place, key)| Wanted { setting, place, key })).collect()
}

/// The client of Secrets Manager and SSM Parameter Store. A clone shares its connections.
#[derive(Clone)]
pub struct SecretsClient {
    caller: Arc<ServiceCaller>,
    signer: Signer,
    /// The base URL of Secrets Manager, if it is not AWS itself.
    secrets: Option<String>,
    /// The base URL of SSM, if it is not AWS itself.
    parameters: Option<String>,
}

impl fmt::Debug for SecretsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsClient")
    }
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

impl SecretsClient {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] =
        &[Setting::optional(SECRETS_MANAGER_ENDPOINT).url(), Setting::optional(SSM_ENDPOINT).url()];

    /// A client with the configuration's region and credentials. `lookup` reads the base URLs.
    pub fn new(
        lookup: impl Fn(&str) -> Option<String>,
        config: &SdkConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            signer: Signer::new(config, clock.clone())?,
            caller: Arc::new(ServiceCaller::new(CallLimits::within(TIMEOUT), clock, random)?),
            secrets: url(&lookup, SECRETS_MANAGER_ENDPOINT),
            parameters: url(&lookup, SSM_ENDPOINT),
        })
    }

    /// Reads the values of the settings that are secrets by name, at the same time, and each secret once.
    pub async fn resolve(&self, settings: &Settings) -> Result<BTreeMap<&'static str, String>, ClientError> {
        let wanted = wanted(settings);
        let places: BTreeMap<&SecretLocation, &str> =
            wanted.iter().map(|wanted| (&wanted.place, wanted.setting)).collect();
        let values = places.iter().map(|(place, setting)| async move {
            let value = self.ask(place).await;
            value.map(|value| (*place, value)).inspect_err(|error| could_not_be_read(setting, error))
        });
        let values: BTreeMap<&SecretLocation, String> = try_join_all(values).await?.into_iter().collect();
        let values = wanted.iter().filter_map(|wanted| {
            let value = values.get(&wanted.place)?;
            let value = match &wanted.key {
                None => Ok(value.clone()),
                Some(key) => member(value, key).ok_or(ClientError::Unreadable { service: Service::Secrets }),
            };
            let value = value.inspect_err(|error| could_not_be_read(wanted.setting, error));
            Some(value.map(|value| (wanted.setting, value)))
        });
        values.collect()
    }

    async fn ask(&self, place: &SecretLocation) -> Result<String, ClientError> {
        match place {
            SecretLocation::SecretsManager(name) => {
                let (target, sent) = ("secretsmanager.GetSecretValue", json!({"SecretId": name}));
                let secret: Secret = self.call(SECRETS, self.secrets.as_deref(), target, &sent).await?;
                Ok(secret.secret_string)
            }
            SecretLocation::Parameter(name) => {
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
            // If many functions start at the same time, SSM throttles them with the status 400.
            let refusal: Result<Refusal, _> = body(api.service, response).await;
            let kind = refusal.map(|refusal| refusal.kind).unwrap_or_default();
            if !kind.ends_with("ThrottlingException") || attempt == ATTEMPTS {
                // For example AccessDeniedException, because of the role's policy or the encryption key's.
                tracing::warn!(service = api.service.as_str(), status = status.as_u16(), kind, "a secret was refused");
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

/// The value of that key in a JSON object: a string's text, or the JSON of any other value.
fn member(object: &str, key: &str) -> Option<String> {
    let mut object: Value = serde_json::from_str(object).ok()?;
    match object.get_mut(key)?.take() {
        Value::String(text) => Some(text),
        Value::Null => None,
        value => Some(value.to_string()),
    }
}
