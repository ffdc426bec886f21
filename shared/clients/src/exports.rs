//! Files that are too large for a request or a response: uploaded by a signed form, downloaded by a signed link that
//! expires soon, and read and written in parts.

mod file_writer;
mod form;
mod refusal;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{Clock, Random};
use license_settings::{Setting, text, url};
use reqwest::{RequestBuilder, Response, header};

use self::refusal::{Refusal, beginning, element};
pub use self::{
    file_writer::{FileWriter, Written},
    form::{MAX_UPLOAD_BYTES, UploadForm},
};
use crate::{
    aws::{Api, Signer},
    caller::{CallLimits, Safety, ServiceCaller},
    error::{ClientError, Service},
    settings::MissingSetting,
};

const API: Api = Api { service: Service::Files, name: "s3", host: "s3" };
/// The lifetime of a link.
const LIFETIME: Duration = Duration::from_mins(15);
/// The timeout of one call.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How many bytes of a file one call reads.
const READ_BYTES: u64 = 4 << 20;
/// The most attempts at a part whose body breaks off.
const READ_ATTEMPTS: u32 = 3;
/// The most files of a list; S3 returns no more.
const LISTED_AT_ONCE: usize = 1_000;
/// The most files that are deleted at the same time.
const PARALLEL: usize = 16;
/// The largest response with a list of files, in bytes: a thousand names of at most a kilobyte, with the data of each.
const MAX_LIST_BYTES: usize = 2 << 20;

/// The headers of the response to a link, as parameters of the link.
const AS_CSV: &str = "response-content-disposition=attachment%3B%20filename%3D%22licenses.csv%22\
                      &response-content-type=text%2Fcsv";

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePart {
    /// The bytes; empty if the file ends before the position.
    Bytes {
        bytes: Vec<u8>,
        /// The size of the whole file.
        size: u64,
        /// The tag of this version of the file.
        tag: String,
    },
    /// The file does not exist.
    Missing,
    /// The file was replaced since.
    Replaced,
}

#[async_trait]
pub trait Exports: Send + Sync {
    /// Stores a CSV file under that name.
    async fn put(&self, name: &str, csv: Vec<u8>) -> Result<(), ClientError>;

    /// Begins the upload of a CSV file in parts; returns the upload's id.
    async fn begin_parts(&self, name: &str) -> Result<String, ClientError>;

    /// Uploads a part (the first has the number 1); returns its tag.
    async fn put_part(&self, name: &str, upload: &str, number: usize, part: Vec<u8>) -> Result<String, ClientError>;

    /// Ends the upload: the file consists of the parts with these tags.
    async fn end_parts(&self, name: &str, upload: &str, tags: &[String]) -> Result<(), ClientError>;

    /// Aborts the upload and deletes its parts.
    async fn abort_parts(&self, name: &str, upload: &str) -> Result<(), ClientError>;

    /// A link for downloading the file.
    async fn link(&self, name: &str) -> Result<String, ClientError>;

    /// A form for uploading a file under that name.
    async fn upload_form(&self, name: &str) -> Result<UploadForm, ClientError>;

    /// A link for uploading a file under that name, without a maximum size.
    async fn upload_link(&self, name: &str) -> Result<String, ClientError>;

    /// Reads a part of the file, from that byte on. With a tag, only that version of the file is read. A denied access
    /// is an error.
    async fn read(&self, name: &str, from: u64, tag: Option<&str>) -> Result<FilePart, ClientError>;

    /// Whether the file exists.
    async fn is_there(&self, name: &str) -> Result<bool, ClientError>;

    /// Deletes the file, if it exists.
    async fn remove(&self, name: &str) -> Result<(), ClientError>;

    /// Deletes all files whose names begin with the prefix; returns how many there were.
    async fn clear(&self, prefix: &str) -> Result<usize, ClientError>;
}

/// The settings of the bucket for files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportSettings {
    /// `EXPORT_BUCKET`: the bucket.
    pub bucket: Option<String>,
    /// `S3_ENDPOINT`: the base URL of S3, if it is not AWS itself; the bucket is then part of the path.
    pub endpoint: Option<String>,
}

const EXPORT_BUCKET: &str = "EXPORT_BUCKET";
const S3_ENDPOINT: &str = "S3_ENDPOINT";

impl ExportSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(EXPORT_BUCKET), Setting::plain(S3_ENDPOINT).url()];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { bucket: text(&lookup, EXPORT_BUCKET), endpoint: url(&lookup, S3_ENDPOINT) }
    }

    fn bucket(&self) -> Result<&str, MissingSetting> {
        self.bucket.as_deref().ok_or(MissingSetting(EXPORT_BUCKET))
    }

    fn url(&self, region: &str, name: &str) -> Result<String, MissingSetting> {
        let bucket = self.bucket()?;
        Ok(match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/{name}"),
        })
    }
}

/// The client of the bucket.
#[derive(Clone)]
pub struct ExportClient {
    caller: Arc<ServiceCaller>,
    settings: ExportSettings,
    signer: Signer,
}

impl fmt::Debug for ExportClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ExportClient {
    /// A client with the configuration's region and credentials.
    pub fn new(
        settings: ExportSettings,
        config: &SdkConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ClientError> {
        let signer = Signer::new(config, clock.clone())?;
        let caller = ServiceCaller::new(CallLimits::within(TIMEOUT), clock, random)?;
        Ok(Self { caller: Arc::new(caller), settings, signer })
    }

    fn url(&self, name: &str) -> Result<String, MissingSetting> {
        self.settings.url(&self.signer.region, name)
    }

    /// The URL with a signature. Everyone who has it can send that one request until the signature expires.
    async fn signed(&self, method: &str, url: &str) -> Result<String, ClientError> {
        self.signer.link(API, method, url, LIFETIME).await
    }

    /// Sends a request; every status that is not a success is a refusal. All requests here can be repeated without
    /// harm.
    async fn send(&self, request: RequestBuilder) -> Result<Result<Response, Refusal>, ClientError> {
        let again = || request.try_clone().expect("its body is in memory");
        let response = self.caller.send(Service::Files, Safety::Repeatable, again).await?;
        if response.status().is_success() { Ok(Ok(response)) } else { Ok(Err(Refusal::read(response).await?)) }
    }

    async fn succeed(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        self.send(request).await?.map_err(Refusal::error)
    }

    /// The URL of a file with these parameters, signed for that method.
    async fn with(&self, method: &str, name: &str, parameters: &str) -> Result<String, ClientError> {
        self.signed(method, &format!("{}?{parameters}", self.url(name)?)).await
    }

    /// Whether the bucket lists the file. `None`: listing is denied.
    async fn is_listed(&self, name: &str) -> Result<Option<bool>, ClientError> {
        let parameters = format!("list-type=2&max-keys=1&prefix={}", encoded(name));
        let Ok(response) = self.send(self.caller.http.get(self.with("GET", "", &parameters).await?)).await? else {
            return Ok(None);
        };
        let list = beginning(response).await?;
        Ok(Some(list.contains(&format!("<Key>{name}</Key>"))))
    }

    async fn read_once(&self, name: &str, from: u64, tag: Option<&str>) -> Result<FilePart, ClientError> {
        let range = format!("bytes={from}-{}", from + READ_BYTES - 1);
        let mut request = self.caller.http.get(self.link(name).await?).header(header::RANGE, range);
        if let Some(tag) = tag {
            request = request.header(header::IF_MATCH, tag);
        }
        let refusal = match self.send(request).await? {
            Ok(response) => return bytes(response, from).await,
            Err(refusal) => refusal,
        };
        // Without the permission to list, S3 responds to a request for a missing file that access is denied. Whether a
        // permission to list by prefix changes that is not documented, so the list itself is requested.
        match (refusal.status, refusal.code.as_str()) {
            (404, "NoSuchKey") => Ok(FilePart::Missing),
            (403, "AccessDenied") if self.is_listed(name).await? == Some(false) => Ok(FilePart::Missing),
            (412, _) => Ok(FilePart::Replaced),
            // A range of an empty file is not satisfiable.
            (416, _) => Ok(FilePart::Bytes { bytes: Vec::new(), size: from, tag: tag.unwrap_or_default().to_owned() }),
            _ => Err(refusal.error()),
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn text_of(response: &Response, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// The part of a file in a response.
async fn bytes(mut response: Response, from: u64) -> Result<FilePart, ClientError> {
    const UNREADABLE: ClientError = ClientError::Unreadable { service: Service::Files };
    let (tag, range) = (text_of(&response, header::ETAG), text_of(&response, header::CONTENT_RANGE));
    let (tag, range) = (tag.ok_or(UNREADABLE)?.to_owned(), range.ok_or(UNREADABLE)?);
    // Such as "bytes 0-4194303/9000000".
    let (first, size) = range.trim_start_matches("bytes ").split_once('-').ok_or(UNREADABLE)?;
    let size: u64 = size.rsplit('/').next().and_then(|size| size.parse().ok()).ok_or(UNREADABLE)?;
    if first.parse() != Ok(from) {
        return Err(UNREADABLE);
    }
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| ClientError::transport(Service::Files, error))? {
        bytes.extend_from_slice(&part);
    }
    Ok(FilePart::Bytes { bytes, size, tag })
}

#[async_trait]
impl Exports for ExportClient {
    async fn put(&self, name: &str, csv: Vec<u8>) -> Result<(), ClientError> {
        let put = self.caller.http.put(self.upload_link(name).await?).header(header::CONTENT_TYPE, "text/csv");
        self.succeed(put.body(csv)).await.map(drop)
    }

    async fn begin_parts(&self, name: &str) -> Result<String, ClientError> {
        let url = self.with("POST", name, "uploads=").await?;
        let begin = self.caller.http.post(url).header(header::CONTENT_TYPE, "text/csv");
        let response = beginning(self.succeed(begin).await?).await?;
        let id = element(&response, "UploadId").ok_or(ClientError::Unreadable { service: Service::Files })?;
        Ok(id.to_owned())
    }

    async fn put_part(&self, name: &str, upload: &str, number: usize, part: Vec<u8>) -> Result<String, ClientError> {
        let parameters = format!("partNumber={number}&uploadId={}", encoded(upload));
        let put = self.caller.http.put(self.with("PUT", name, &parameters).await?).body(part);
        let response = self.succeed(put).await?;
        let tag = text_of(&response, header::ETAG).ok_or(ClientError::Unreadable { service: Service::Files })?;
        Ok(tag.to_owned())
    }

    async fn end_parts(&self, name: &str, upload: &str, tags: &[String]) -> Result<(), ClientError> {
        let part = |(number, tag): (usize, &String)| {
            format!("<Part><PartNumber>{}</PartNumber><ETag>{tag}</ETag></Part>", number + 1)
        };
        let parts: String = tags.iter().enumerate().map(part).collect();
        let url = self.with("POST", name, &format!("uploadId={}", encoded(upload))).await?;
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let ended = beginning(self.succeed(self.caller.http.post(url).body(body)).await?).await?;
        // S3 sends the status 200 before it has assembled the parts, so that the body may report a failure.
        if ended.contains("<Error>") { Err(ClientError::status(Service::Files, 500)) } else { Ok(()) }
    }

    async fn abort_parts(&self, name: &str, upload: &str) -> Result<(), ClientError> {
        let url = self.with("DELETE", name, &format!("uploadId={}", encoded(upload))).await?;
        self.succeed(self.caller.http.delete(url)).await.map(drop)
    }

    async fn link(&self, name: &str) -> Result<String, ClientError> {
        self.with("GET", name, AS_CSV).await
    }

    async fn upload_form(&self, name: &str) -> Result<UploadForm, ClientError> {
        let credentials = self.signer.credentials.provide_credentials().await;
        let credentials = credentials.map_err(|_| MissingSetting("AWS_ACCESS_KEY_ID"))?;
        let (bucket, region) = (self.settings.bucket()?, self.signer.region.as_str());
        let target = form::Target { url: self.url("")?, bucket, key: name, region };
        Ok(target.form(&credentials, self.signer.clock.now()))
    }

    async fn upload_link(&self, name: &str) -> Result<String, ClientError> {
        self.signed("PUT", &self.url(name)?).await
    }

    async fn is_there(&self, name: &str) -> Result<bool, ClientError> {
        Ok(self.listed(name, 1).await?.iter().any(|listed| listed == name))
    }

    async fn remove(&self, name: &str) -> Result<(), ClientError> {
        self.succeed(self.caller.http.delete(self.signed("DELETE", &self.url(name)?).await?)).await.map(drop)
    }

    async fn clear(&self, prefix: &str) -> Result<usize, ClientError> {
        let mut cleared = 0;
        // S3 is consistent, so a deleted file is not listed again.
        loop {
            let names = self.listed(prefix, LISTED_AT_ONCE).await?;
            let removals: Vec<_> = names.iter().map(|name| self.remove(name)).collect();
            stream::iter(removals).buffer_unordered(PARALLEL).try_collect::<()>().await?;
            cleared += names.len();
            if names.len() < LISTED_AT_ONCE {
                return Ok(cleared);
            }
        }
    }

    async fn read(&self, name: &str, from: u64, tag: Option<&str>) -> Result<FilePart, ClientError> {
        let mut attempt = 1;
        loop {
            match self.read_once(name, from, tag).await {
                Err(error) if error.is_outcome_unknown() && attempt < READ_ATTEMPTS => attempt += 1,
                read => return read,
            }
        }
    }
}

impl ExportClient {
    /// The first files whose names begin with the prefix.
    async fn listed(&self, prefix: &str, most: usize) -> Result<Vec<String>, ClientError> {
        let parameters = format!("list-type=2&max-keys={most}&prefix={}", encoded(prefix));
        let mut response = self.succeed(self.caller.http.get(self.with("GET", "", &parameters).await?)).await?;
        let mut list = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| ClientError::transport(Service::Files, error))? {
            list.extend_from_slice(&part);
            if list.len() > MAX_LIST_BYTES {
                return Err(ClientError::Unreadable { service: Service::Files });
            }
        }
        let list = String::from_utf8_lossy(&list);
        let keys = list.split("<Key>").skip(1).filter_map(|key| key.split_once("</Key>"));
        Ok(keys.map(|(key, _)| key.to_owned()).collect())
    }
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
        let client = ExportClient::new(settings, &config, Arc::new(Noon), Arc::new(license_telemetry::SystemRandom));
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
