//! Services that send mails.

use std::sync::Arc;

use async_trait::async_trait;
use license_clients::{Braze, BrazeCampaign, ClientError, EmailSender, MissingSetting, Recipient, SendError};
use license_domain::{EmailAddress, MailKind, delivery::MAX_RECIPIENTS};
use license_telemetry::metrics;
use serde_json::{Map, Value};

use crate::{
    messages::PersonalMail,
    settings::{MailCampaign, MailSettings},
    texts,
};

/// A service that sends mails.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Its name in records.
    fn name(&self) -> &'static str;

    /// The most recipients of one call.
    fn at_once(&self) -> usize;

    /// Repeatable calls before the mail itself.
    async fn prepare(&self, kind: MailKind, messages: &[PersonalMail]) -> Result<(), ClientError>;

    /// One call, without retries; returns the service's id of it.
    async fn send(&self, kind: MailKind, messages: &[PersonalMail]) -> Result<Option<String>, SendError>;
}

/// Braze, with a campaign for each kind of mail.
pub struct BrazeTransport {
    braze: Arc<dyn Braze>,
    settings: MailSettings,
}

impl std::fmt::Debug for BrazeTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BrazeTransport")
    }
}

impl BrazeTransport {
    /// A transport that uses that client.
    pub fn new(braze: Arc<dyn Braze>, settings: MailSettings) -> Self {
        Self { braze, settings }
    }

    fn campaign(&self, kind: MailKind, messages: &[PersonalMail]) -> Result<String, MissingSetting> {
        let is_variant = |message: &PersonalMail| message.properties.get(texts::VARIANT) == Some(&Value::Bool(true));
        let variant = MailCampaign::AutoAppliedWithIdentityProvider;
        let variant = self.settings.campaigns.get(&variant).filter(|_| messages.iter().any(is_variant));
        let own = self.settings.campaigns.get(&MailCampaign::Of(kind));
        variant.or(own).cloned().ok_or(MissingSetting(MailCampaign::Of(kind).setting()))
    }
}

#[async_trait]
impl Transport for BrazeTransport {
    fn name(&self) -> &'static str {
        "braze"
    }

    fn at_once(&self) -> usize {
        MAX_RECIPIENTS
    }

    async fn prepare(&self, kind: MailKind, messages: &[PersonalMail]) -> Result<(), ClientError> {
        let emails: Vec<EmailAddress> = messages.iter().map(|message| message.email.clone()).collect();
        self.braze.create_aliases(&emails, kind.is_for_learners()).await
    }

    async fn send(&self, kind: MailKind, messages: &[PersonalMail]) -> Result<Option<String>, SendError> {
        let id = self.campaign(kind, messages).map_err(|missing| SendError::NotSent(missing.into()))?;
        let recipient = |message: &PersonalMail| Recipient {
            email: message.email.clone(),
            attributes: message.attributes.clone(),
            trigger_properties: message.properties.clone(),
        };
        let recipients = messages.iter().map(recipient).collect();
        let campaign = BrazeCampaign { id, recipients, trigger_properties: Map::new() };
        self.braze.send_campaign(&campaign).await.map(|dispatch| dispatch.dispatch_id)
    }
}

/// SES, with one mail of our own text for each recipient.
pub struct SesTransport {
    mail: Arc<dyn EmailSender>,
}

impl std::fmt::Debug for SesTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SesTransport")
    }
}

impl SesTransport {
    /// A transport that uses that client.
    pub fn new(mail: Arc<dyn EmailSender>) -> Self {
        Self { mail }
    }
}

#[async_trait]
impl Transport for SesTransport {
    fn name(&self) -> &'static str {
        "ses"
    }

    fn at_once(&self) -> usize {
        1
    }

    async fn prepare(&self, _: MailKind, _: &[PersonalMail]) -> Result<(), ClientError> {
        Ok(())
    }

    async fn send(&self, kind: MailKind, messages: &[PersonalMail]) -> Result<Option<String>, SendError> {
        let Some(message) = messages.first() else { return Ok(None) };
        self.mail.send(&texts::message(kind, message)).await.map(Some)
    }
}

/// No service: mails are counted, and logged without addresses.
#[derive(Clone, Copy, Debug)]
pub struct LogTransport;

#[async_trait]
impl Transport for LogTransport {
    fn name(&self) -> &'static str {
        "log"
    }

    fn at_once(&self) -> usize {
        MAX_RECIPIENTS
    }

    async fn prepare(&self, _: MailKind, _: &[PersonalMail]) -> Result<(), ClientError> {
        Ok(())
    }

    async fn send(&self, kind: MailKind, messages: &[PersonalMail]) -> Result<Option<String>, SendError> {
        tracing::info!(
            kind = kind.as_str(),
            people = messages.len(),
            "no mail service is configured, mail was only counted"
        );
        metrics::count("MailLogged", &[("Kind", kind.as_str())]);
        Ok(None)
    }
}
