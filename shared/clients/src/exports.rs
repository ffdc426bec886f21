//! Files that are too large for an answer: put into a bucket, and handed out by a signed link that ends soon.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use license_domain::Clock;
use reqwest::header;

use crate::{
    error::{ClientError, Service},
    settings::Missing,
};

/// How long a link leads somewhere.
const LIFETIME: Duration = Duration::from_mins(15);
/// How long putting a file there may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What the answer to a link says of the file, in the form in which it is part of the link.
const AS_CSV: &str = "response-content-disposition=attachment%3B%20filename%3D%22licenses.csv%22\
                      &response-content-type=text%2Fcsv";

/// Files for download.
#[async_trait]
pub trait Exports: Send + Sync {
    /// Puts a CSV file there under that name; the link to it.
    async fn publish(&self, name: &str, csv: String) -> Result<String, ClientError>;
}

/// Where the files are put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportSettings {
    /// `EXPORT_BUCKET`: the bucket.
    pub bucket: Option<String>,
    /// `S3_ENDPOINT`: where S3 is served, if it is not AWS itself; buckets are part of the path there.
    pub endpoint: Option<String>,
    /// `AWS_REGION`: the bucket's region.
    pub region: Option<String>,
}

impl ExportSettings {
    /// The settings that `lookup` knows. An empty value is the same as none.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        Self { bucket: text("EXPORT_BUCKET"), endpoint: text("S3_ENDPOINT"), region: text("AWS_REGION") }
    }

    fn url(&self, name: &str) -> Result<String, Missing> {
        let bucket = self.bucket.as_deref().ok_or(Missing("EXPORT_BUCKET"))?;
        Ok(match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{}.amazonaws.com/{name}", self.region()),
        })
    }

    fn region(&self) -> &str {
        self.region.as_deref().unwrap_or("us-east-1")
    }
}

/// A bucket of S3.
#[derive(Clone)]
pub struct ExportClient {
    http: reqwest::Client,
    settings: ExportSettings,
    credentials: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for ExportClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ExportClient {
    /// A client of that bucket with these credentials.
    pub fn new(
        settings: ExportSettings,
        credentials: SharedCredentialsProvider,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(ClientError::Setup)?;
        Ok(Self { http, settings, credentials, clock })
    }

    /// The client that the process's environment describes.
    pub async fn from_env(clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let config = aws_config::load_from_env().await;
        let credentials = config.credentials_provider().ok_or(Missing("AWS_ACCESS_KEY_ID"))?;
        Self::new(ExportSettings::from_lookup(|name| std::env::var(name).ok()), credentials, clock)
    }

    /// The URL with a signature, which lets whoever has it make that one request for a while.
    async fn signed(&self, method: &str, url: &str) -> Result<String, ClientError> {
        let unsigned = |_| ClientError::Unreadable { service: Service::Files };
        let credentials = self.credentials.provide_credentials().await;
        let identity = credentials.map_err(|_| Missing("AWS_ACCESS_KEY_ID"))?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(LIFETIME);
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.settings.region())
            .name("s3")
            .time(self.clock.now().into())
            .settings(settings)
            .build()
            .map_err(|_| ClientError::Unreadable { service: Service::Files })?
            .into();
        let body = SignableBody::UnsignedPayload;
        let request = SignableRequest::new(method, url, std::iter::empty(), body).map_err(unsigned)?;
        let (signed, _) = sign(request, &params).map_err(unsigned)?.into_parts();
        let mut parts: Vec<String> = url.split_once('?').map(|(_, query)| query.to_owned()).into_iter().collect();
        parts.extend(signed.params().iter().map(|(name, value)| {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("{name}={value}")
        }));
        Ok(format!("{}?{}", url.split('?').next().unwrap_or(url), parts.join("&")))
    }
}

#[async_trait]
impl Exports for ExportClient {
    async fn publish(&self, name: &str, csv: String) -> Result<String, ClientError> {
        let url = self.settings.url(name)?;
        let put = self.signed("PUT", &url).await?;
        let request = self.http.put(put).header(header::CONTENT_TYPE, "text/csv").body(csv);
        let answer = request.send().await.map_err(|error| ClientError::transport(Service::Files, error))?;
        if !answer.status().is_success() {
            return Err(ClientError::status(Service::Files, answer.status().as_u16()));
        }
        self.signed("GET", &format!("{url}?{AS_CSV}")).await
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
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
        let client = ExportClient::new(settings, SharedCredentialsProvider::new(credentials), Arc::new(Noon));
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
        let settings = |endpoint: Option<&str>| ExportSettings {
            bucket: Some("files".into()),
            endpoint: endpoint.map(str::to_owned),
            region: Some("eu-central-1".into()),
        };
        assert_eq!(settings(None).url("a.csv"), Ok("https://files.s3.eu-central-1.amazonaws.com/a.csv".into()));
        assert_eq!(settings(Some("http://x/s3/")).url("a.csv"), Ok("http://x/s3/files/a.csv".into()));
        assert_eq!(ExportSettings::default().url("a.csv"), Err(Missing("EXPORT_BUCKET")));
    }
}
