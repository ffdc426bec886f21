//! Braze, which sends mails made from campaigns.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use license_domain::{Clock, EmailAddress, Random};
use license_settings::{Setting, text, url};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    caller::{CallLimits, Safety, ServiceCaller},
    error::{ClientError, SendError, Service},
    service::body,
    settings::MissingSetting,
};

/// The timeout of a call.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The most recipients of one call.
const AT_ONCE: usize = 50;
/// The label under which Braze stores our aliases of users.
const ALIAS_LABEL: &str = "Enterprise";

/// Braze's API, as far as the product uses it.
#[async_trait]
pub trait Braze: Send + Sync {
    /// Creates users in Braze, so that mails can be sent to them. `are_learners`: they are learners of a customer.
    async fn create_aliases(&self, emails: &[EmailAddress], are_learners: bool) -> Result<(), ClientError>;

    /// Sends a campaign's mail to up to 50 users that exist in Braze. The call is not repeated; the caller decides what
    /// to do after a failure.
    async fn send_campaign(&self, campaign: &BrazeCampaign) -> Result<Dispatch, SendError>;
}

/// A campaign's mail to its recipients.
#[derive(Clone, PartialEq)]
pub struct BrazeCampaign {
    /// The campaign's id in Braze.
    pub id: String,
    pub recipients: Vec<Recipient>,
    /// The values for the campaign's template, the same for all recipients.
    pub trigger_properties: Map<String, Value>,
}

impl fmt::Debug for BrazeCampaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recipients = self.recipients.len();
        f.debug_struct("Campaign").field("id", &self.id).field("recipients", &recipients).finish_non_exhaustive()
    }
}

/// A recipient of a mail.
#[derive(Clone, PartialEq)]
pub struct Recipient {
    pub email: EmailAddress,
    /// The attributes that Braze stores.
    pub attributes: Map<String, Value>,
    /// The values for the campaign's template, for this recipient.
    pub trigger_properties: Map<String, Value>,
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient(…)")
    }
}

/// Braze's response to a mail that it accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Dispatch {
    /// Braze's id of the mail.
    #[serde(default)]
    pub dispatch_id: Option<String>,
}

/// The settings of the Braze client.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BrazeSettings {
    /// `BRAZE_API_URL`: the base URL, without a slash at the end.
    pub url: Option<String>,
    /// `BRAZE_API_KEY`: our key.
    pub key: Option<String>,
    /// `BRAZE_APP_ID`: our app's id. No call uses it so far.
    pub app_id: Option<String>,
}

impl fmt::Debug for BrazeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrazeSettings").field("url", &self.url).field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

const BRAZE_API_URL: &str = "BRAZE_API_URL";
const BRAZE_API_KEY: &str = "BRAZE_API_KEY";
const BRAZE_APP_ID: &str = "BRAZE_APP_ID";

impl BrazeSettings {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] =
        &[Setting::plain(BRAZE_API_URL).url(), Setting::secret(BRAZE_API_KEY), Setting::plain(BRAZE_APP_ID)];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            url: url(&lookup, BRAZE_API_URL),
            key: text(&lookup, BRAZE_API_KEY),
            app_id: text(&lookup, BRAZE_APP_ID),
        }
    }
}

/// The client of Braze's HTTP API. A clone shares its connections.
#[derive(Clone)]
pub struct BrazeClient {
    caller: Arc<ServiceCaller>,
    settings: BrazeSettings,
}

impl fmt::Debug for BrazeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrazeClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl BrazeClient {
    /// A client with these settings.
    pub fn new(settings: BrazeSettings, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, ClientError> {
        Self::with_limits(settings, clock, random, CallLimits::within(TIMEOUT))
    }

    pub(crate) fn with_limits(
        settings: BrazeSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        limits: CallLimits,
    ) -> Result<Self, ClientError> {
        Ok(Self { caller: Arc::new(ServiceCaller::new(limits, clock, random)?), settings })
    }

    /// A function that makes requests with that body, one for each attempt.
    fn request(&self, path: &str, body: &Value) -> Result<impl Fn() -> RequestBuilder, MissingSetting> {
        let url = self.settings.url.as_deref().ok_or(MissingSetting(BRAZE_API_URL))?;
        let key = self.settings.key.as_deref().ok_or(MissingSetting(BRAZE_API_KEY))?;
        Ok(move || self.caller.http.post(format!("{url}{path}")).bearer_auth(key).json(body))
    }

    /// Posts a body that may arrive twice.
    async fn post(&self, path: &str, body: &Value) -> Result<(), ClientError> {
        let request = self.request(path, body)?;
        let response = self.caller.send(Service::Braze, Safety::Repeatable, request).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(ClientError::status(Service::Braze, status.as_u16())),
        }
    }
}

fn alias(email: &EmailAddress) -> Value {
    json!({"alias_label": ALIAS_LABEL, "alias_name": email})
}

#[async_trait]
impl Braze for BrazeClient {
    async fn create_aliases(&self, emails: &[EmailAddress], are_learners: bool) -> Result<(), ClientError> {
        for emails in emails.chunks(AT_ONCE) {
            let aliases: Vec<Value> = emails.iter().map(alias).collect();
            self.post("/users/alias/new", &json!({"user_aliases": aliases})).await?;
            let attributes = emails.iter().map(|email| {
                let mut attributes =
                    json!({"user_alias": alias(email), "email": email, "_update_existing_only": false});
                if are_learners {
                    attributes["is_enterprise_learner"] = json!(true);
                }
                attributes
            });
            self.post("/users/track", &json!({"attributes": attributes.collect::<Vec<_>>()})).await?;
        }
        Ok(())
    }

    async fn send_campaign(&self, campaign: &BrazeCampaign) -> Result<Dispatch, SendError> {
        let size = campaign.recipients.len();
        // Without recipients Braze would send the mail to the campaign's whole audience.
        if !(1..=AT_ONCE).contains(&size) {
            return Err(ClientError::WrongSize { service: Service::Braze, size, limit: AT_ONCE }.into());
        }
        let recipients = campaign.recipients.iter().map(|recipient| {
            json!({
                "user_alias": alias(&recipient.email),
                "attributes": recipient.attributes,
                "trigger_properties": recipient.trigger_properties,
            })
        });
        let sent = json!({
            "campaign_id": campaign.id,
            "trigger_properties": campaign.trigger_properties,
            "recipients": recipients.collect::<Vec<_>>(),
        });
        let request = self.request("/campaigns/trigger/send", &sent).map_err(ClientError::from)?;
        let response = self.caller.send_once(Service::Braze, request()).await?;
        if !response.status().is_success() {
            return Err(ClientError::status(Service::Braze, response.status().as_u16()).into());
        }
        // The mail was accepted: an unreadable id must not turn it into a failure.
        Ok(body(Service::Braze, response).await.unwrap_or_default())
    }
}
