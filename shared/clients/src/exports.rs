//! Files that are too large for an answer: put into a bucket, and handed out by a signed link that ends soon.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::SdkConfig;
use license_domain::Clock;
use license_settings::{Setting, text, url};
use license_telemetry::metrics;
use reqwest::header;

use crate::{
    aws::{Api, Signer},
    error::{ClientError, Service},
    settings::MissingSetting,
};

const API: Api = Api { service: Service::Files, name: "s3", host: "s3" };
/// How long a link leads somewhere.
const LIFETIME: Duration = Duration::from_mins(15);
/// How long putting a file there may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How much of an error is read, about.
const MAX_ERROR_BYTES: usize = 16_384;

/// What the answer to a link says of the file, in the form in which it is part of the link.
const AS_CSV: &str = "response-content-disposition=attachment%3B%20filename%3D%22licenses.csv%22\
                      &response-content-type=text%2Fcsv";

/// Files for download.
#[async_trait]
pub trait Exports: Send + Sync {
    /// Puts a CSV file there under that name; the link to it.
    async fn publish(&self, name: &str, csv: String) -> Result<String, ClientError>;

    /// Puts a file there under that name.
    async fn put(&self, name: &str, csv: String) -> Result<(), ClientError>;

    /// A link to the file of that name.
    async fn link(&self, name: &str) -> Result<String, ClientError>;

    /// A link by which a file can be put there under that name.
    async fn upload_link(&self, name: &str) -> Result<String, ClientError>;

    /// The file of that name; `None` where there is none. That we may not read it is an error.
    async fn fetch(&self, name: &str) -> Result<Option<String>, ClientError>;
}

/// Where the files are put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportSettings {
    /// `EXPORT_BUCKET`: the bucket.
    pub bucket: Option<String>,
    /// `S3_ENDPOINT`: where S3 is served, if it is not AWS itself; buckets are part of the path there.
    pub endpoint: Option<String>,
}

const EXPORT_BUCKET: &str = "EXPORT_BUCKET";
const S3_ENDPOINT: &str = "S3_ENDPOINT";

impl ExportSettings {
    /// What is read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(EXPORT_BUCKET), Setting::plain(S3_ENDPOINT)];

    /// The settings that `lookup` knows. An empty value is the same as none.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { bucket: text(&lookup, EXPORT_BUCKET), endpoint: url(&lookup, S3_ENDPOINT) }
    }

    fn url(&self, region: &str, name: &str) -> Result<String, MissingSetting> {
        let bucket = self.bucket.as_deref().ok_or(MissingSetting(EXPORT_BUCKET))?;
        Ok(match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/{name}"),
        })
    }
}

/// A bucket of S3.
#[derive(Clone)]
pub struct ExportClient {
    http: reqwest::Client,
    settings: ExportSettings,
    signer: Signer,
}

impl fmt::Debug for ExportClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ExportClient {
    /// A client of that bucket with that configuration's region and credentials.
    pub fn new(settings: ExportSettings, config: &SdkConfig, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(ClientError::Setup)?;
        Ok(Self { http, settings, signer: Signer::new(config, clock)? })
    }

    fn url(&self, name: &str) -> Result<String, MissingSetting> {
        self.settings.url(&self.signer.region, name)
    }

    /// The URL with a signature, which lets whoever has it make that one request for a while.
    async fn signed(&self, method: &str, url: &str) -> Result<String, ClientError> {
        self.signer.link(API, method, url, LIFETIME).await
    }
}

#[async_trait]
impl Exports for ExportClient {
    async fn publish(&self, name: &str, csv: String) -> Result<String, ClientError> {
        self.put(name, csv).await?;
        self.link(name).await
    }

    async fn put(&self, name: &str, csv: String) -> Result<(), ClientError> {
        let put = self.upload_link(name).await?;
        let request = self.http.put(put).header(header::CONTENT_TYPE, "text/csv").body(csv);
        let response = request.send().await.map_err(|error| ClientError::transport(Service::Files, error))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            _ => Err(Refusal::read(response).await?.error()),
        }
    }

    async fn link(&self, name: &str) -> Result<String, ClientError> {
        let url = self.url(name)?;
        self.signed("GET", &format!("{url}?{AS_CSV}")).await
    }

    async fn upload_link(&self, name: &str) -> Result<String, ClientError> {
        self.signed("PUT", &self.url(name)?).await
    }

    async fn fetch(&self, name: &str) -> Result<Option<String>, ClientError> {
        let response = self.http.get(self.link(name).await?).send().await;
        let response = response.map_err(|error| ClientError::transport(Service::Files, error))?;
        if response.status().is_success() {
            return response.text().await.map(Some).map_err(|error| ClientError::transport(Service::Files, error));
        }
        let refusal = Refusal::read(response).await?;
        // Without the right to list, S3 says of a missing file that access is denied; whether a right to list by prefix
        // is enough for it to say more is not documented. To ask for the list leaves no doubt.
        let is_missing = match (refusal.status, refusal.code.as_str()) {
            (404, "NoSuchKey") => true,
            (403, "AccessDenied") => self.is_listed(name).await? == Some(false),
            _ => false,
        };
        if is_missing { Ok(None) } else { Err(refusal.error()) }
    }
}

impl ExportClient {
    /// Whether the bucket has a file of that name. `None`: we may not know.
    async fn is_listed(&self, name: &str) -> Result<Option<bool>, ClientError> {
        let prefix: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let url = format!("{}?list-type=2&max-keys=1&prefix={prefix}", self.url("")?);
        let response = self.http.get(self.signed("GET", &url).await?).send().await;
        let response = response.map_err(|error| ClientError::transport(Service::Files, error))?;
        if !response.status().is_success() {
            return Ok(None);
        }
        let list = beginning(response).await?;
        Ok(Some(list.contains(&format!("<Key>{name}</Key>"))))
    }
}

/// What S3 says when it does not do what was asked.
#[derive(Debug)]
struct Refusal {
    status: u16,
    /// Its own word for the reason.
    code: String,
    request_id: String,
}

impl Refusal {
    async fn read(response: reqwest::Response) -> Result<Self, ClientError> {
        let status = response.status().as_u16();
        let id = response.headers().get("x-amz-request-id").and_then(|id| id.to_str().ok());
        let request_id = id.unwrap_or_default().to_owned();
        let body = beginning(response).await?;
        Ok(Self { status, code: element(&body, "Code").unwrap_or_default().to_owned(), request_id })
    }

    /// The failure. What S3 forbids, or does not find though it must be there, is our own misconfiguration: somebody has
    /// to look into it.
    fn error(self) -> ClientError {
        let Self { status, code, request_id } = self;
        if matches!(status, 403 | 404) {
            tracing::error!(status, code, aws_request_id = request_id, "S3 refused access to the bucket of files");
            metrics::count("FilesForbidden", &[]);
            return ClientError::Denied { service: Service::Files };
        }
        tracing::warn!(status, code, aws_request_id = request_id, "S3 failed");
        ClientError::status(Service::Files, status)
    }
}

/// The beginning of a body: all of an error, and of a list of one file.
async fn beginning(mut response: reqwest::Response) -> Result<String, ClientError> {
    let mut body = Vec::new();
    while body.len() < MAX_ERROR_BYTES {
        let part = response.chunk().await.map_err(|error| ClientError::transport(Service::Files, error))?;
        let Some(part) = part else { break };
        body.extend_from_slice(&part);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The text of the first XML element of that name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use license_domain::Timestamp;

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            "2013-05-24T00:00:00Z".parse().expect("a date")
        }
    }

    /// The example of AWS's own documentation, "Authenticating requests: using query parameters".
    #[tokio::test]
    async fn links_are_signed_as_aws_documents_it() {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "an example",
        );
        let settings = ExportSettings { bucket: Some("examplebucket".into()), ..ExportSettings::default() };
        let config = SdkConfig::builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build();
        let client = ExportClient::new(settings, &config, Arc::new(Noon));
        let client = client.expect("a client");
        let link =
            client.signed("GET", "https://examplebucket.s3.us-east-1.amazonaws.com/test.txt").await.expect("a link");
        assert!(
            link.contains("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"),
            "{link}"
        );
        assert!(link.contains("X-Amz-Date=20130524T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"), "{link}");
        assert!(link.split("X-Amz-Signature=").nth(1).is_some_and(|signature| signature.len() == 64), "{link}");
    }

    #[test]
    fn a_bucket_is_part_of_the_host_or_of_the_path() {
        let url = |endpoint: Option<&str>| {
            let settings = ExportSettings { bucket: Some("files".into()), endpoint: endpoint.map(str::to_owned) };
            settings.url("eu-central-1", "a.csv")
        };
        assert_eq!(url(None), Ok("https://files.s3.eu-central-1.amazonaws.com/a.csv".into()));
        assert_eq!(url(Some("http://x/s3/")), Ok("http://x/s3/files/a.csv".into()));
        assert_eq!(ExportSettings::default().url("x", "a.csv"), Err(MissingSetting(EXPORT_BUCKET)));
    }
}
