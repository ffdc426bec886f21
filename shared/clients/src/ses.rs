//! SES, which sends mails where Braze is not configured.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::SdkConfig;
use license_domain::{Clock, EmailAddress, Random};
use license_settings::{Setting, text, url};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{Api, Signer},
    caller::{CallLimits, ServiceCaller},
    error::{ClientError, SendError, Service},
    service::body,
    settings::MissingSetting,
};

const API: Api = Api { service: Service::Ses, name: "ses", host: "email" };
/// The timeout of a call.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends mails with our own text.
#[async_trait]
pub trait EmailSender: Send + Sync {
    /// Sends a mail; returns its id, which is empty if the response has none. The call is not repeated; the caller
    /// decides what to do after a failure.
    async fn send(&self, message: &Email) -> Result<String, SendError>;
}

#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    pub to: EmailAddress,
    pub subject: String,
    /// The plain text.
    pub text: String,
    pub html: String,
    /// The address for replies, if it is not the sender's.
    pub reply_to: Option<String>,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letter(…)")
    }
}

/// The settings of the SES client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SesSettings {
    /// `SES_SENDER`: the sender, an address or `Name <address>`.
    pub sender: Option<String>,
    /// `SES_ENDPOINT`: the base URL of SES, if it is not AWS itself.
    pub endpoint: Option<String>,
}

const SES_SENDER: &str = "SES_SENDER";
const SES_ENDPOINT: &str = "SES_ENDPOINT";

impl SesSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(SES_SENDER), Setting::plain(SES_ENDPOINT).url()];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { sender: text(&lookup, SES_SENDER), endpoint: url(&lookup, SES_ENDPOINT) }
    }
}

/// The client of SES. A clone shares its connections.
#[derive(Clone)]
pub struct SesClient {
    caller: Arc<ServiceCaller>,
    signer: Signer,
    url: String,
    sender: Option<String>,
}

impl fmt::Debug for SesClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SesClient").field("url", &self.url).field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl SesClient {
    /// A client with the configuration's region and credentials.
    pub fn new(
        settings: SesSettings,
        config: &SdkConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ClientError> {
        let signer = Signer::new(config, clock.clone())?;
        let url = format!("{}/v2/email/outbound-emails", API.url(settings.endpoint.as_deref(), &signer.region));
        let caller = ServiceCaller::new(CallLimits::within(TIMEOUT), clock, random)?;
        Ok(Self { caller: Arc::new(caller), signer, url, sender: settings.sender })
    }
}

/// The fields of the response that are read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    message_id: String,
}

fn utf8(text: &str) -> Value {
    json!({"Data": text, "Charset": "UTF-8"})
}

#[async_trait]
impl EmailSender for SesClient {
    async fn send(&self, message: &Email) -> Result<String, SendError> {
        let sender = self.sender.as_deref().ok_or(MissingSetting(SES_SENDER)).map_err(ClientError::from)?;
        let mail = json!({
            "FromEmailAddress": sender,
            "Destination": {"ToAddresses": [message.to]},
            "ReplyToAddresses": message.reply_to.iter().collect::<Vec<_>>(),
            "Content": {"Simple": {
                "Subject": utf8(&message.subject),
                "Body": {"Text": utf8(&message.text), "Html": utf8(&message.html)},
            }},
        });
        let sent = mail.to_string();
        let headers = [("content-type", "application/json")];
        let headers = self.signer.headers(API, &self.url, &headers, sent.as_bytes()).await?;
        let request = self.caller.http.post(&self.url).headers(headers).body(sent);
        let response = self.caller.send_once(API.service, request).await?;
        if !response.status().is_success() {
            return Err(ClientError::status(API.service, response.status().as_u16()).into());
        }
        // The mail was sent: an unreadable id must not turn it into a failure.
        Ok(body(API.service, response).await.map_or_else(|_| String::new(), |sent: Sent| sent.message_id))
    }
}
