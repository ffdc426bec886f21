//! Calls of AWS, signed (signature version 4) with the process's credentials.

use std::{sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use license_domain::Clock;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    error::{ClientError, Service},
    settings::MissingSetting,
};

/// The region if none is set.
const REGION: &str = "us-east-1";

/// One service of AWS.
#[derive(Clone, Copy)]
pub(crate) struct Api {
    pub service: Service,
    /// Its name in signatures.
    pub name: &'static str,
    /// Its name in host names.
    pub host: &'static str,
}

impl Api {
    /// The base URL, without a slash at the end: `endpoint` if that is set, else AWS's own.
    pub fn url(self, endpoint: Option<&str>, region: &str) -> String {
        match endpoint {
            Some(endpoint) => endpoint.to_owned(),
            None => format!("https://{}.{region}.amazonaws.com", self.host),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Signer {
    pub credentials: SharedCredentialsProvider,
    pub region: String,
    pub clock: Arc<dyn Clock>,
}

impl Signer {
    /// A signer with the configuration's credentials and region.
    pub fn new(config: &SdkConfig, clock: Arc<dyn Clock>) -> Result<Self, MissingSetting> {
        let credentials = config.credentials_provider().ok_or(MissingSetting("AWS_ACCESS_KEY_ID"))?;
        let region = config.region().map_or(REGION, AsRef::as_ref).to_owned();
        Ok(Self { credentials, region, clock })
    }

    /// The URL with a signature. Everyone who has it can send that one request until the signature expires.
    pub async fn link(&self, api: Api, method: &str, url: &str, lifetime: Duration) -> Result<String, ClientError> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lifetime);
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let signed = self.sign(api, method, url, &[], SignableBody::UnsignedPayload, settings).await?;
        let mut parts: Vec<String> = url.split_once('?').map(|(_, query)| query.to_owned()).into_iter().collect();
        parts.extend(signed.params().iter().map(|(name, value)| {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("{name}={value}")
        }));
        Ok(format!("{}?{}", url.split('?').next().unwrap_or(url), parts.join("&")))
    }

    /// The headers of a POST, with its signature.
    pub async fn headers(
        &self,
        api: Api,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<HeaderMap, ClientError> {
        let body = SignableBody::Bytes(body);
        let signed = self.sign(api, "POST", url, headers, body, SigningSettings::default()).await?;
        let all = headers.iter().copied().chain(signed.headers());
        all.map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?)))
            .collect::<Option<HeaderMap>>()
            .ok_or(ClientError::Unsigned { service: api.service })
    }

    async fn sign(
        &self,
        api: Api,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: SignableBody<'_>,
        settings: SigningSettings,
    ) -> Result<SigningInstructions, ClientError> {
        let credentials = self.credentials.provide_credentials().await;
        let identity = credentials.map_err(|_| MissingSetting("AWS_ACCESS_KEY_ID"))?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(api.name)
            .time(self.clock.now().into())
            .settings(settings)
            .build()
            .map_err(|_| ClientError::Unsigned { service: api.service })?
            .into();
        let request = SignableRequest::new(method, url, headers.iter().copied(), body);
        let signed = request.and_then(|request| sign(request, &params));
        Ok(signed.map_err(|_| ClientError::Unsigned { service: api.service })?.into_parts().0)
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use license_domain::Timestamp;

    use super::*;

    struct Example;

    impl Clock for Example {
        fn now(&self) -> Timestamp {
            "2015-08-30T12:36:00Z".parse().expect("a date")
        }
    }

    /// The case "post-vanilla" of AWS's test suite for signatures.
    #[tokio::test]
    async fn headers_are_signed_as_aws_documents_it() {
        let key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIDEXAMPLE", key, None, None, "an example");
        let signer = Signer {
            credentials: SharedCredentialsProvider::new(credentials),
            region: REGION.to_owned(),
            clock: Arc::new(Example),
        };
        let api = Api { service: Service::Files, name: "service", host: "service" };
        let headers = signer.headers(api, "https://example.amazonaws.com/", &[], b"").await.expect("headers");
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert_eq!(
            headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        let error = signer.headers(api, "no address", &[], b"").await.expect_err("no address");
        assert!(matches!(error, ClientError::Unsigned { service: Service::Files }) && !error.is_outcome_unknown());
    }
}
