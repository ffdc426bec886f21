//! Who carries mails.

use std::sync::Arc;

use async_trait::async_trait;
use license_clients::{Braze, Campaign as BrazeCampaign, ClientError, Missing, PlainMail, Recipient, SendError};
use license_domain::{EmailAddress, MailKind, delivery::PEOPLE_OF_A_MAIL};
use license_telemetry::metrics;
use serde_json::{Map, Value};

use crate::{
    letters::Letter,
    settings::{Campaign, MailSettings},
    words,
};

/// Who carries mails.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Its name, for the records.
    fn name(&self) -> &'static str;

    /// How many people one call is for at most.
    fn at_once(&self) -> usize;

    /// What is to be done before, and may be done again.
    async fn prepare(&self, letters: &[Letter]) -> Result<(), ClientError>;

    /// One call, without a retry; what it is called there.
    async fn send(&self, kind: MailKind, letters: &[Letter]) -> Result<Option<String>, SendError>;
}

/// Braze: a campaign for each kind of mail.
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
    /// By way of that client.
    pub fn new(braze: Arc<dyn Braze>, settings: MailSettings) -> Self {
        Self { braze, settings }
    }

    fn campaign(&self, kind: MailKind, letters: &[Letter]) -> Result<String, Missing> {
        let is_variant = |letter: &Letter| letter.properties.get(words::VARIANT) == Some(&Value::Bool(true));
        let variant = Campaign::AutoAppliedWithIdentityProvider;
        let variant = self.settings.campaigns.get(&variant).filter(|_| letters.iter().any(is_variant));
        let own = self.settings.campaigns.get(&Campaign::Of(kind));
        variant.or(own).cloned().ok_or(Missing(Campaign::Of(kind).setting()))
    }
}

#[async_trait]
impl Transport for BrazeTransport {
    fn name(&self) -> &'static str {
        "braze"
    }

    fn at_once(&self) -> usize {
        PEOPLE_OF_A_MAIL
    }

    async fn prepare(&self, letters: &[Letter]) -> Result<(), ClientError> {
        let emails: Vec<EmailAddress> = letters.iter().map(|letter| letter.email.clone()).collect();
        self.braze.create_aliases(&emails).await
    }

    async fn send(&self, kind: MailKind, letters: &[Letter]) -> Result<Option<String>, SendError> {
        let id = self.campaign(kind, letters).map_err(|missing| SendError::NotSent(missing.into()))?;
        let recipient =
            |letter: &Letter| Recipient { email: letter.email.clone(), trigger_properties: letter.properties.clone() };
        let recipients = letters.iter().map(recipient).collect();
        let campaign = BrazeCampaign { id, recipients, trigger_properties: Map::new() };
        self.braze.send_campaign(&campaign).await.map(|dispatch| dispatch.dispatch_id)
    }
}

/// SES: one mail for each person, in words of our own.
pub struct SesTransport {
    mail: Arc<dyn PlainMail>,
}

impl std::fmt::Debug for SesTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SesTransport")
    }
}

impl SesTransport {
    /// By way of that client.
    pub fn new(mail: Arc<dyn PlainMail>) -> Self {
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

    async fn prepare(&self, _: &[Letter]) -> Result<(), ClientError> {
        Ok(())
    }

    async fn send(&self, kind: MailKind, letters: &[Letter]) -> Result<Option<String>, SendError> {
        let Some(letter) = letters.first() else { return Ok(None) };
        self.mail.send(&words::letter(kind, letter)).await.map(Some)
    }
}

/// Nobody: mails are counted, and logged without addresses.
#[derive(Clone, Copy, Debug)]
pub struct LogTransport;

#[async_trait]
impl Transport for LogTransport {
    fn name(&self) -> &'static str {
        "log"
    }

    fn at_once(&self) -> usize {
        PEOPLE_OF_A_MAIL
    }

    async fn prepare(&self, _: &[Letter]) -> Result<(), ClientError> {
        Ok(())
    }

    async fn send(&self, kind: MailKind, letters: &[Letter]) -> Result<Option<String>, SendError> {
        tracing::info!(kind = kind.as_str(), people = letters.len(), "nobody carries mails; one is only counted");
        metrics::count("MailLogged", &[("Kind", kind.as_str())]);
        Ok(None)
    }
}
