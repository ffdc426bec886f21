//! The response with a webhook.

use license_api::wire::time;
use license_domain::{AgreementId, EnterpriseId, Timestamp, Webhook, WebhookId, webhook::DisabledReason};
use schemars::JsonSchema;
use serde::Serialize;

/// A webhook.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub struct Shown {
    id: WebhookId,
    customer_agreement_uuid: AgreementId,
    enterprise_customer_uuid: EnterpriseId,
    url: String,
    description: Option<String>,
    /// The names of the events that it gets; all if the list is empty.
    events: Vec<String>,
    is_active: bool,
    disabled_reason: Option<DisabledReason>,
    #[serde(serialize_with = "time::serialize_option")]
    #[schemars(with = "Option<Timestamp>")]
    disabled_at: Option<Timestamp>,
    /// How many times in a row it failed, since when, and how it failed last: a status, or why there was none.
    failures: u32,
    #[serde(serialize_with = "time::serialize_option")]
    #[schemars(with = "Option<Timestamp>")]
    failing_since: Option<Timestamp>,
    problem: Option<String>,
    /// How many events were given up, and when the first of them happened: a replay from there sends all of them.
    missed: u64,
    #[serde(serialize_with = "time::serialize_option")]
    #[schemars(with = "Option<Timestamp>")]
    missed_since: Option<Timestamp>,
    /// The secret that signs; only shown when it is new.
    secret: Option<String>,
    #[serde(serialize_with = "time::serialize")]
    #[schemars(with = "Timestamp")]
    created: Timestamp,
    #[serde(serialize_with = "time::serialize")]
    #[schemars(with = "Timestamp")]
    modified: Timestamp,
}

impl From<&Webhook> for Shown {
    fn from(webhook: &Webhook) -> Self {
        Self {
            id: webhook.uuid,
            customer_agreement_uuid: webhook.customer_agreement,
            enterprise_customer_uuid: webhook.enterprise_customer_uuid,
            url: webhook.url.clone(),
            description: webhook.description.clone(),
            events: webhook.events.clone(),
            is_active: webhook.is_active,
            disabled_reason: webhook.disabled_reason,
            disabled_at: webhook.disabled_at,
            failures: webhook.failures,
            failing_since: webhook.failing_since,
            problem: webhook.problem.clone(),
            missed: webhook.missed,
            missed_since: webhook.missed_since,
            secret: None,
            created: webhook.created,
            modified: webhook.modified,
        }
    }
}

impl Shown {
    /// The response with the secret.
    pub fn with_secret(webhook: &Webhook) -> Self {
        Self { secret: Some(webhook.secret.0.clone()), ..Self::from(webhook) }
    }
}
