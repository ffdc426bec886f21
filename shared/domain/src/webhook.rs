//! Webhooks: deliver a customer's events to a URL that the customer's admins choose.

use std::fmt;

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    agreement::CustomerAgreement,
    change::{Changes, FieldChange, changes},
    clock::Timestamp,
    event::EventKind,
    ids::{AgreementId, EnterpriseId, WebhookId},
    lifecycle::{LIFECYCLE, LIFECYCLE_NAMES, OWN},
};

/// The most webhooks of an agreement.
pub const MAX_WEBHOOKS: u8 = 10;

/// A webhook is disabled after so many failures in a row, …
pub const FAILURES: u32 = 20;

/// … if the first of them was at least so long ago, so that a night's outage does not disable it.
pub const MAX_PATIENCE: TimeDelta = TimeDelta::hours(24);

/// The shortest time between two replays.
pub const REPLAY_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The most events of one replay.
pub const MAX_REPLAYED: usize = 10_000;

/// How long a replaced secret still signs, beside the new one.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// The secret that signs deliveries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookSecret(pub String);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A secret that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The old secret.
    pub secret: WebhookSecret,
    /// The time until which it signs.
    pub until: Timestamp,
}

/// Why nothing is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DisabledReason {
    /// A request disabled it.
    ByHand,
    /// Deliveries failed too often, for too long.
    Failing,
    /// The receiver responded that the URL is gone (410).
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub uuid: WebhookId,
    /// Its number among the agreement's webhooks.
    pub slot: u8,
    pub customer_agreement: AgreementId,
    pub enterprise_customer_uuid: EnterpriseId,
    /// The URL of deliveries. It may contain a secret.
    pub url: String,
    /// The description that its owner gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The secret that signs.
    pub secret: WebhookSecret,
    /// The secret before, which still signs for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// The names of the events that it gets; all if the list is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    pub is_active: bool,
    /// Why it is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<DisabledReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    /// How many times in a row it failed.
    #[serde(default)]
    pub failures: u32,
    /// When the first of these failures was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The cause of the last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How many events could not be delivered, since the last replay that included the first of them.
    #[serde(default)]
    pub missed: u64,
    /// When the first of these events happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_since: Option<Timestamp>,
    /// When the last replay was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_at: Option<Timestamp>,
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// The number of its changes.
    #[serde(default)]
    pub version: u64,
}

/// Fields without a place in the audit trail: the delivery's state, and secrets.
const LEFT_OUT: [&str; 14] = [
    "slot",
    "url",
    "secret",
    "replaced",
    "failures",
    "failing_since",
    "problem",
    "missed",
    "missed_since",
    "replayed_at",
    "created",
    "modified",
    "version",
    "enterprise_customer_uuid",
];

/// The outcome of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver accepted it.
    Delivered,
    /// It failed, with this cause.
    Failed(String),
    /// The receiver says that the URL is gone (410).
    Gone,
}

/// One attempt to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    pub attempt: Attempt,
    pub at: Timestamp,
    /// When the event happened, if this was the last attempt.
    pub given_up: Option<Timestamp>,
}

impl Webhook {
    /// A new webhook, which gets all events.
    pub fn new(
        uuid: WebhookId,
        agreement: &CustomerAgreement,
        (url, secret): (String, WebhookSecret),
        created: Timestamp,
    ) -> Self {
        Self {
            uuid,
            slot: 0,
            customer_agreement: agreement.uuid,
            enterprise_customer_uuid: agreement.enterprise_customer_uuid,
            url,
            description: None,
            secret,
            replaced: None,
            events: Vec::new(),
            is_active: true,
            disabled_reason: None,
            disabled_at: None,
            failures: 0,
            failing_since: None,
            problem: None,
            missed: 0,
            missed_since: None,
            replayed_at: None,
            created,
            modified: created,
            version: 0,
        }
    }

    /// Whether it gets events of that name.
    pub fn wants(&self, name: &str) -> bool {
        self.is_active && (self.events.is_empty() || self.events.iter().any(|wanted| wanted == name))
    }

    /// The secrets that sign at that time, the current one first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let replaced = self.replaced.as_ref().filter(|replaced| now < replaced.until).map(|replaced| &replaced.secret);
        std::iter::once(&self.secret).chain(replaced)
    }

    /// A copy with a new secret; the one before still signs for a while.
    #[must_use]
    pub fn rotated(self, secret: WebhookSecret, now: Timestamp) -> Self {
        Self { replaced: Some(Replaced { secret: self.secret, until: now + OVERLAP }), secret, ..self }
    }

    /// A copy that is enabled or disabled. Enabling it resets its count of failures.
    #[must_use]
    pub fn switched(self, is_active: bool, now: Timestamp) -> Self {
        match (is_active, self.is_active) {
            (true, _) => Self {
                is_active,
                disabled_reason: None,
                disabled_at: None,
                failures: 0,
                failing_since: None,
                problem: None,
                ..self
            },
            (false, true) => self.disabled(DisabledReason::ByHand, now),
            (false, false) => self,
        }
    }

    fn disabled(self, reason: DisabledReason, now: Timestamp) -> Self {
        Self { is_active: false, disabled_reason: Some(reason), disabled_at: Some(now), ..self }
    }

    /// A copy after an attempt; none if the attempt changes nothing.
    pub fn after(&self, tried: &DeliveryAttempt) -> Option<Self> {
        let webhook = self.clone();
        match &tried.attempt {
            Attempt::Delivered if self.failures == 0 => None,
            Attempt::Delivered => Some(Self { failures: 0, failing_since: None, problem: None, ..webhook }),
            Attempt::Failed(problem) => {
                let failures = self.failures.saturating_add(1);
                let since = self.failing_since.unwrap_or(tried.at);
                let failing = Self { failures, failing_since: Some(since), problem: Some(problem.clone()), ..webhook };
                let failing = tried.given_up.map_or(failing.clone(), |happened| failing.missing(happened));
                let is_over = failing.is_active && failures >= FAILURES && tried.at - since >= MAX_PATIENCE;
                Some(if is_over { failing.disabled(DisabledReason::Failing, tried.at) } else { failing })
            }
            Attempt::Gone if !self.is_active => None,
            Attempt::Gone => {
                let gone = Self { problem: Some("410".to_owned()), ..webhook };
                Some(gone.disabled(DisabledReason::Gone, tried.at))
            }
        }
    }

    /// A copy after the last attempt for an event of that time failed.
    fn missing(self, happened: Timestamp) -> Self {
        let since = self.missed_since.map_or(happened, |since| since.min(happened));
        Self { missed: self.missed.saturating_add(1), missed_since: Some(since), ..self }
    }

    /// Whether a replay may be requested.
    pub fn may_replay(&self, now: Timestamp) -> bool {
        self.replayed_at.is_none_or(|last| now - last >= REPLAY_EVERY)
    }

    /// A copy after a replay of the events since that time.
    #[must_use]
    pub fn replayed(self, from: Timestamp, now: Timestamp) -> Self {
        let webhook = Self { replayed_at: Some(now), ..self };
        if webhook.missed_since.is_some_and(|since| from <= since) {
            Self { missed: 0, missed_since: None, ..webhook }
        } else {
            webhook
        }
    }
}

/// What changed of a webhook, for the audit trail: without its secret, and only the host of its URL.
pub fn webhook_changes(before: Option<&Webhook>, after: Option<&Webhook>) -> Changes {
    let mut changes = changes(before, after, &LEFT_OUT);
    let mut add = |name: &str, of: fn(&Webhook) -> &str, shown: fn(&str) -> Value| {
        let (old, new) = (before.map(of), after.map(of));
        if old != new {
            let shown = |text: Option<&str>| text.map(shown).unwrap_or_default();
            changes.insert(name.to_owned(), FieldChange { before: shown(old), after: shown(new) });
        }
    };
    add("url", |webhook| &webhook.url, |url| json!(origin(url)));
    add("secret", |webhook| &webhook.secret.0, |_| json!("(a secret)"));
    changes
}

/// The URL without its path.
pub fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find(['/', '?', '#']).map_or(url, |end| &url[..host + end])
}

/// The names of all events.
pub fn event_names() -> Vec<String> {
    let own = EventKind::ALL.iter().copied().filter(|kind| kind.is_announced());
    let own = own.map(|kind| format!("{OWN}{}", kind.as_str()));
    LIFECYCLE_NAMES.into_iter().map(|name| format!("{LIFECYCLE}{name}")).chain(own).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn webhook() -> Webhook {
        let (agreement, enterprise) = (AgreementId(Uuid::nil()), EnterpriseId(Uuid::nil()));
        let agreement = CustomerAgreement::new(agreement, enterprise, Timestamp::UNIX_EPOCH);
        let there = ("https://a.example/in?key=1".to_owned(), WebhookSecret("one".to_owned()));
        Webhook::new(WebhookId(Uuid::nil()), &agreement, there, Timestamp::UNIX_EPOCH)
    }

    fn fail(webhook: Webhook, times: u32, at: Timestamp) -> Webhook {
        let tried = DeliveryAttempt { attempt: Attempt::Failed("500".to_owned()), at, given_up: None };
        (0..times).fold(webhook, |webhook, _| webhook.after(&tried).expect("a change"))
    }

    #[test]
    fn a_webhook_is_disabled_after_many_failures_over_a_long_time_and_one_success_resets_them() {
        let start = Timestamp::UNIX_EPOCH;
        let failing = fail(webhook(), 100, start);
        assert!(failing.is_active);
        let later = start + MAX_PATIENCE;
        let disabled = fail(failing.clone(), 1, later);
        assert_eq!((disabled.is_active, disabled.disabled_reason), (false, Some(DisabledReason::Failing)));
        assert!(!disabled.wants("anything"));
        let delivered = DeliveryAttempt { attempt: Attempt::Delivered, at: later, given_up: None };
        let forgiven = failing.after(&delivered).expect("a change");
        assert_eq!((forgiven.failures, forgiven.failing_since), (0, None));
        assert!(fail(forgiven, FAILURES, later).is_active);
        assert_eq!(webhook().after(&delivered), None);
        let again = disabled.switched(true, later);
        assert_eq!((again.is_active, again.failures, again.disabled_at), (true, 0, None));
    }

    #[test]
    fn a_replaced_secret_signs_for_a_while() {
        let now = Timestamp::UNIX_EPOCH;
        let rotated = webhook().rotated(WebhookSecret("two".to_owned()), now);
        let signing = |at| rotated.secrets(at).map(|secret| secret.0.as_str()).collect::<Vec<_>>();
        assert_eq!(signing(now), ["two", "one"]);
        assert_eq!(signing(now + OVERLAP), ["two"]);
    }

    #[test]
    fn missed_events_are_counted_until_they_are_replayed() {
        let at = |hours| Timestamp::UNIX_EPOCH + TimeDelta::hours(hours);
        let missing = webhook().missing(at(2)).missing(at(1)).missing(at(3));
        assert_eq!((missing.missed, missing.missed_since), (3, Some(at(1))));
        assert_eq!(missing.clone().replayed(at(2), at(9)).missed, 3);
        let replayed = missing.replayed(at(1), at(9));
        assert_eq!(replayed.missed, 0);
        assert!(!replayed.may_replay(at(9)) && replayed.may_replay(at(9) + REPLAY_EVERY));
    }

    #[test]
    fn the_audit_trail_has_neither_secrets_nor_urls() {
        let before = webhook();
        let after = Webhook { url: "https://b.example".to_owned(), ..before.clone() }
            .rotated(WebhookSecret("two".to_owned()), Timestamp::UNIX_EPOCH);
        let changes = webhook_changes(Some(&before), Some(&after));
        assert_eq!(changes["url"].before, "https://a.example");
        assert_eq!(changes["url"].after, "https://b.example");
        let text = serde_json::to_string(&changes).expect("JSON");
        assert!(!text.contains("one") && !text.contains("two") && !text.contains("key"), "{text}");
        assert_eq!(changes.len(), 2);
    }
}
