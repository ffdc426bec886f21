//! Objects of our own in the bucket for files. They are immutable, and read and written as a whole.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use license_domain::Clock;
use reqwest::Method;

use crate::{
    aws::{Api, Signer},
    error::{ClientError, Service},
    exports::ExportSettings,
    settings::MissingSetting,
};

const API: Api = Api { service: Service::Files, name: "s3", host: "s3" };
/// The lifetime of a signature.
const LIFETIME: Duration = Duration::from_mins(5);
/// The timeout of one call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most attempts at a call with a temporary failure.
const ATTEMPTS: u32 = 3;
/// The wait before the second attempt; it doubles with each attempt.
const WAIT: Duration = Duration::from_millis(100);

/// The client of the bucket, for objects.
#[derive(Clone)]
pub struct ObjectClient {
    http: reqwest::Client,
    settings: ExportSettings,
    signer: Signer,
}

impl fmt::Debug for ObjectClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ObjectClient {
    /// A client with the configuration's region and credentials.
    pub fn new(settings: ExportSettings, config: &SdkConfig, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(ClientError::Setup)?;
        Ok(Self { http, settings, signer: Signer::new(config, clock)? })
    }

    /// Gets the object, if it exists. Without the permission to list, S3 responds to a request for a missing object
    /// that access is denied, which is an error here.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ClientError> {
        match self.call(Method::GET, name, None).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores an object under that name.
    pub async fn put(&self, name: &str, object: Vec<u8>) -> Result<(), ClientError> {
        self.call(Method::PUT, name, Some(object)).await.map(|_| ())
    }

    /// Deletes the object, if it exists.
    pub async fn delete(&self, name: &str) -> Result<(), ClientError> {
        match self.call(Method::DELETE, name, None).await {
            Ok(_) | Err(ClientError::Refused { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The names that begin with the prefix, a thousand at most.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, ClientError> {
        let prefix: String = form_urlencoded::byte_serialize(prefix.as_bytes()).collect();
        let list = self.call(Method::GET, &format!("?list-type=2&max-keys=1000&prefix={prefix}"), None).await?;
        let list = String::from_utf8_lossy(&list);
        let names = list.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        Ok(names.map(|(name, _)| name.to_owned()).collect())
    }

    async fn call(&self, method: Method, name: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>, ClientError> {
        let url = self.url(name)?;
        let mut wait = WAIT;
        for _ in 1..ATTEMPTS {
            match self.call_once(&method, &url, body.clone()).await {
                Err(error) if error.is_retryable() => tokio::time::sleep(wait).await,
                done => return done,
            }
            wait *= 2;
        }
        self.call_once(&method, &url, body).await
    }

    async fn call_once(&self, method: &Method, url: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>, ClientError> {
        let failed = |error| ClientError::transport(Service::Files, error);
        let signed = self.signer.link(API, method.as_str(), url, LIFETIME).await?;
        let mut request = self.http.request(method.clone(), signed);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(failed)?;
        match response.status() {
            status if status.is_success() => Ok(response.bytes().await.map_err(failed)?.into()),
            status => Err(ClientError::status(Service::Files, status.as_u16())),
        }
    }

    fn url(&self, name: &str) -> Result<String, MissingSetting> {
        let bucket = self.settings.bucket.as_deref().ok_or(MissingSetting("EXPORT_BUCKET"))?;
        Ok(match &self.settings.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{}.amazonaws.com/{name}", self.signer.region),
        })
    }
}
