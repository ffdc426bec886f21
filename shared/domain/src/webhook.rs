//! Webhooks: a customer's own systems are told of the customer's events, at an address that its admins name.

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

/// After so many failures in a row, …
pub const FAILURES: u32 = 20;

/// … the first of which was so long ago, a webhook is disabled. Whoever is down for a night finds it as it was.
pub const MAX_PATIENCE: TimeDelta = TimeDelta::hours(24);

/// So long after a replay the next one may be asked for.
pub const REPLAY_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The most events of one replay.
pub const MAX_REPLAYED: usize = 10_000;

/// For so long a secret that was replaced signs beside the new one.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// What a signature is made with.
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
    /// It.
    pub secret: WebhookSecret,
    /// Until then it signs.
    pub until: Timestamp,
}

/// Why nothing is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DisabledReason {
    /// Somebody said so.
    ByHand,
    /// It failed too often, for too long.
    Failing,
    /// It answered that it is gone for good (410).
    Gone,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub uuid: WebhookId,
    /// Its place among the agreement's.
    pub slot: u8,
    /// The customer's agreement.
    pub customer_agreement: AgreementId,
    /// The customer.
    pub enterprise_customer_uuid: EnterpriseId,
    /// Where events go. It may be a secret itself.
    pub url: String,
    /// What it is for, in its owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What signs.
    pub secret: WebhookSecret,
    /// What signed until a while ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// The names of the events that it is told of; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Whether it is told.
    pub is_active: bool,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<DisabledReason>,
    /// Since when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    /// How many times in a row it failed.
    #[serde(default)]
    pub failures: u32,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// How it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How many events were given up, since the last replay that began with the first of them.
    #[serde(default)]
    pub missed: u64,
    /// When the first of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_since: Option<Timestamp>,
    /// When it was last asked for a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_at: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Counts its changes.
    #[serde(default)]
    pub version: u64,
}

/// What is on record beside what its owner decides, and what nobody else may see.
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

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was accepted.
    Delivered,
    /// It was not, and this is why.
    Failed(String),
    /// Nobody is there any more.
    Gone,
}

/// A try to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// What became of it.
    pub attempt: Attempt,
    /// When.
    pub at: Timestamp,
    /// When the event happened, if this was the last try.
    pub given_up: Option<Timestamp>,
}

impl Webhook {
    /// A new one, which is told of everything.
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

    /// Whether it is to be told of events of that name.
    pub fn wants(&self, name: &str) -> bool {
        self.is_active && (self.events.is_empty() || self.events.iter().any(|wanted| wanted == name))
    }

    /// The secrets that sign at that time, the present one first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let replaced = self.replaced.as_ref().filter(|replaced| now < replaced.until).map(|replaced| &replaced.secret);
        std::iter::once(&self.secret).chain(replaced)
    }

    /// The same with another secret; the present one signs beside it for a while.
    #[must_use]
    pub fn rotated(self, secret: WebhookSecret, now: Timestamp) -> Self {
        Self { replaced: Some(Replaced { secret: self.secret, until: now + OVERLAP }), secret, ..self }
    }

    /// The same, to be told from now on, or not any more. Whoever lets it be told again forgives it its failures.
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

    /// The same after a try; none where that changes nothing.
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

    /// The same after an event of that time was given up.
    fn missing(self, happened: Timestamp) -> Self {
        let since = self.missed_since.map_or(happened, |since| since.min(happened));
        Self { missed: self.missed.saturating_add(1), missed_since: Some(since), ..self }
    }

    /// Whether a replay may be asked for.
    pub fn may_replay(&self, now: Timestamp) -> bool {
        self.replayed_at.is_none_or(|last| now - last >= REPLAY_EVERY)
    }

    /// The same once all since that time is told again.
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

/// What changed of a webhook, for the record: neither its secret nor more of its address than the host.
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

/// A URL without its path.
pub fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find(['/', '?', '#']).map_or(url, |end| &url[..host + end])
}

/// The names of all events that there are.
pub fn event_names() -> Vec<String> {
    let own = EventKind::ALL.iter().copied().map(|kind| format!("{OWN}{}", kind.as_str()));
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
    fn who_fails_often_and_long_is_disabled_and_who_answers_once_is_forgiven() {
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
    fn a_secret_that_was_replaced_signs_for_a_while() {
        let now = Timestamp::UNIX_EPOCH;
        let rotated = webhook().rotated(WebhookSecret("two".to_owned()), now);
        let signing = |at| rotated.secrets(at).map(|secret| secret.0.as_str()).collect::<Vec<_>>();
        assert_eq!(signing(now), ["two", "one"]);
        assert_eq!(signing(now + OVERLAP), ["two"]);
    }

    #[test]
    fn what_is_missed_is_counted_until_it_is_told_again() {
        let at = |hours| Timestamp::UNIX_EPOCH + TimeDelta::hours(hours);
        let missing = webhook().missing(at(2)).missing(at(1)).missing(at(3));
        assert_eq!((missing.missed, missing.missed_since), (3, Some(at(1))));
        assert_eq!(missing.clone().replayed(at(2), at(9)).missed, 3);
        let replayed = missing.replayed(at(1), at(9));
        assert_eq!(replayed.missed, 0);
        assert!(!replayed.may_replay(at(9)) && replayed.may_replay(at(9) + REPLAY_EVERY));
    }

    #[test]
    fn neither_secrets_nor_addresses_are_on_record() {
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
