//! SES: plain mails, for those whom Braze does not know.

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
/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Plain mails.
#[async_trait]
pub trait EmailSender: Send + Sync {
    /// Sends a mail; its id, empty where it did not come with the answer. It is asked for once, never again:
    /// whoever calls decides what to do about a failure.
    async fn send(&self, message: &Email) -> Result<String, SendError>;
}

/// A mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// Who gets it.
    pub to: EmailAddress,
    /// What it is about.
    pub subject: String,
    /// Its text, for those who do not want HTML.
    pub text: String,
    /// Its text.
    pub html: String,
    /// Whereto an answer goes, if not to the sender.
    pub reply_to: Option<String>,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letter(…)")
    }
}

/// In whose name mails are sent, and where SES is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SesSettings {
    /// `SES_SENDER`: the sender, an address or `Name <address>`.
    pub sender: Option<String>,
    /// `SES_ENDPOINT`: where SES is served, if it is not AWS itself.
    pub endpoint: Option<String>,
}

const SES_SENDER: &str = "SES_SENDER";
const SES_ENDPOINT: &str = "SES_ENDPOINT";

impl SesSettings {
    /// What is read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(SES_SENDER), Setting::plain(SES_ENDPOINT).url()];

    /// The settings that `lookup` knows. An empty value is the same as none.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { sender: text(&lookup, SES_SENDER), endpoint: url(&lookup, SES_ENDPOINT) }
    }
}

/// SES over HTTP. Cheap to clone.
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
    /// A client of SES with that configuration's region and credentials.
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

/// What is read of the answer.
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
        // It is sent; its id is not worth a failure.
        Ok(body(API.service, response).await.map_or_else(|_| String::new(), |sent: Sent| sent.message_id))
    }
}
