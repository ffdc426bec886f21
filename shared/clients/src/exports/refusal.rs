//! Errors of S3.

use license_telemetry::metrics;

use crate::error::{ClientError, Service};

/// About how many bytes of an error are read.
const MAX_ERROR_BYTES: usize = 16_384;

/// A response of S3 that is not a success.
#[derive(Debug)]
pub(super) struct Refusal {
    pub status: u16,
    /// S3's code for the reason.
    pub code: String,
    request_id: String,
}

impl Refusal {
    pub async fn read(response: reqwest::Response) -> Result<Self, ClientError> {
        let status = response.status().as_u16();
        let id = response.headers().get("x-amz-request-id").and_then(|id| id.to_str().ok());
        let request_id = id.unwrap_or_default().to_owned();
        let body = beginning(response).await?;
        Ok(Self { status, code: element(&body, "Code").unwrap_or_default().to_owned(), request_id })
    }

    /// The error for the refusal. If S3 denies access, or does not find what must exist, our configuration is wrong and
    /// an operator must correct it.
    pub fn error(self) -> ClientError {
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

/// The beginning of a body: the whole of an error, or of a list of one file.
pub(super) async fn beginning(mut response: reqwest::Response) -> Result<String, ClientError> {
    let mut body = Vec::new();
    while body.len() < MAX_ERROR_BYTES {
        let part = response.chunk().await.map_err(|error| ClientError::transport(Service::Files, error))?;
        let Some(part) = part else { break };
        body.extend_from_slice(&part);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// The text of the first XML element of that name.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
