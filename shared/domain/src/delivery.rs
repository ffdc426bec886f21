//! The record of a mail delivery, one for each call of the transport. A mail cannot be sent exactly once, because
//! receivers do not detect repetitions. So the record says "sending" before the call, and its outcome after. If the
//! process died in between, the mail's fate is unknown: it is not sent again and does not count as sent until an
//! operator decides.

use std::{fmt, ops::Range, str::FromStr};

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::{
    clock::Timestamp,
    email::EmailAddress,
    ids::{AgreementId, EnterpriseId, EventId, PlanId},
};

/// How long a call may take at most. The sender must have given up by then.
pub const LEASE: TimeDelta = TimeDelta::seconds(150);

/// The most recipients of one delivery.
pub const MAX_RECIPIENTS: usize = 50;

/// What a mail says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum MailKind {
    /// Invites a learner to activate a license.
    Assignment,
    /// Reminds a learner to activate a license.
    Reminder,
    /// Welcome.
    PostActivation,
    /// Welcome, to a learner who took a license without an invitation.
    AutoApplied,
    /// Reminds a learner that the plan of an activated license ends.
    ExpirationReminder,
    /// Informs a learner that the plan of an activated license has ended.
    Expiration,
    /// To customer success: a plan's revocation cap is reached.
    RevocationCapReached,
    /// To the customer's admins: so much of a plan is allocated.
    Utilization,
    /// To the customer's admins: the utilization a week after auto-apply was enabled.
    FirstWeek,
    /// To the customer's admins: the utilization of a plan in the last week.
    WeeklyUtilization,
    /// To the requester of an enrollment job: the link to its results.
    EnrollmentResults,
}

impl MailKind {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Its name in the store, in metrics and in responses.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Whether it informs the customer's admins of a plan's utilization.
    pub const fn is_of_utilization(self) -> bool {
        matches!(self, Self::Utilization | Self::FirstWeek | Self::WeeklyUtilization)
    }

    /// Whether its recipients are the learners of the event's licenses.
    pub const fn is_for_learners(self) -> bool {
        matches!(
            self,
            Self::Assignment
                | Self::Reminder
                | Self::PostActivation
                | Self::AutoApplied
                | Self::ExpirationReminder
                | Self::Expiration
        )
    }
}

/// The id of a delivery: the event, the consequence, and the part of its recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryId {
    /// The event that caused it.
    pub event: EventId,
    /// The index of the event's consequence.
    pub consequence: usize,
    /// The index of the part of the recipients.
    pub part: usize,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.event, self.consequence, self.part)
    }
}

/// The text is not the id of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a mail")]
pub struct NoDelivery;

impl FromStr for DeliveryId {
    type Err = NoDelivery;
    fn from_str(text: &str) -> Result<Self, NoDelivery> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(NoDelivery);
        let id = Self {
            event: next()?.parse().map_err(|_| NoDelivery)?,
            consequence: next()?.parse().map_err(|_| NoDelivery)?,
            part: next()?.parse().map_err(|_| NoDelivery)?,
        };
        if parts.next().is_some() { Err(NoDelivery) } else { Ok(id) }
    }
}

impl Serialize for DeliveryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeliveryId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The state of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// To be sent, or sent in part.
    Open,
    /// A call is under way.
    Sending,
    /// All recipients have it.
    Sent,
    /// Some may have it or not.
    Unknown,
    /// It was refused; sending it again as it is would be refused again.
    Refused,
    /// Some had it or not, and an operator had it sent again, as another mail.
    Resent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub kind: MailKind,
    pub state: DeliveryState,
    pub enterprise: EnterpriseId,
    pub agreement: AgreementId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// How many recipients it has.
    pub people: usize,
    /// The index of the first recipient who is not settled.
    pub next: usize,
    /// The index after the last recipient of the current call.
    pub until: usize,
    /// Recipients for whom the outcome of the call is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<usize>,
    /// Recipients for whom the mail was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<usize>,
    /// The recipients, if the event does not name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<EmailAddress>>,
    /// The transport that sends it.
    pub transport: String,
    /// The transport's id of the last call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<String>,
    /// How many calls were made.
    pub calls: u32,
    pub created: Timestamp,
    pub at: Timestamp,
    /// How many times the record was written.
    pub version: u64,
}

/// What a sender finds when it starts on a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Recipients are left.
    Open,
    /// Another process is sending it.
    UnderWay,
    /// The process that was sending it ended during a call, so the outcome is unknown.
    Interrupted,
    /// Nothing is left to be done automatically.
    Settled,
}

/// The outcome of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// The call succeeded; the transport may give it an id.
    Sent(Option<String>),
    /// The call certainly had no effect and may be repeated.
    NotSent,
    /// The call was refused permanently.
    Refused,
    /// The call may have had its effect or not.
    Unknown,
}

impl Delivery {
    /// The state in which a sender finds the delivery now.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.state {
            DeliveryState::Open => Standing::Open,
            DeliveryState::Sending if now - self.at < LEASE => Standing::UnderWay,
            DeliveryState::Sending => Standing::Interrupted,
            DeliveryState::Sent | DeliveryState::Unknown | DeliveryState::Refused | DeliveryState::Resent => {
                Standing::Settled
            }
        }
    }

    /// The recipients of the next call, at most `most`.
    pub fn next_call(&self, most: usize) -> Option<Range<usize>> {
        (self.next < self.people).then(|| self.next..self.people.min(self.next + most.max(1)))
    }

    /// The record before a call for these recipients.
    #[must_use]
    pub fn calling(&self, people: &Range<usize>, transport: &str, now: Timestamp) -> Self {
        Self {
            state: DeliveryState::Sending,
            until: people.end,
            transport: transport.to_owned(),
            calls: self.calls + 1,
            at: now,
            ..self.clone()
        }
    }

    /// The record after the call.
    #[must_use]
    pub fn settled(&self, outcome: CallOutcome, now: Timestamp) -> Self {
        let mut after = Self { at: now, ..self.clone() };
        let people = self.next..self.until;
        match outcome {
            CallOutcome::Sent(dispatch) => after.dispatch = dispatch.or(after.dispatch),
            CallOutcome::NotSent => return Self { state: DeliveryState::Open, ..after },
            CallOutcome::Refused => after.refused.extend(people),
            CallOutcome::Unknown => after.unknown.extend(people),
        }
        after.next = self.until;
        after.state = match (after.next < after.people, after.unknown.is_empty(), after.refused.is_empty()) {
            (true, _, _) => DeliveryState::Open,
            (false, false, _) => DeliveryState::Unknown,
            (false, true, false) => DeliveryState::Refused,
            (false, true, true) => DeliveryState::Sent,
        };
        after
    }

    /// The recipients of a repeated mail: those who may not have it.
    pub fn missing(&self) -> Vec<usize> {
        let mut missing: Vec<usize> = self.unknown.iter().chain(&self.refused).copied().collect();
        missing.sort_unstable();
        missing
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_timestamp(1_795_430_768, 0).expect("a moment")
    }

    fn delivery(people: usize) -> Delivery {
        Delivery {
            id: DeliveryId { event: EventId(Uuid::from_u128(7)), consequence: 1, part: 2 },
            kind: MailKind::Assignment,
            state: DeliveryState::Open,
            enterprise: EnterpriseId(Uuid::nil()),
            agreement: AgreementId(Uuid::nil()),
            plan: None,
            people,
            next: 0,
            until: 0,
            unknown: Vec::new(),
            refused: Vec::new(),
            recipients: None,
            transport: String::new(),
            dispatch: None,
            calls: 0,
            created: now(),
            at: now(),
            version: 0,
        }
    }

    #[test]
    fn ids_are_texts() {
        let id = delivery(1).id;
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in
            ["", "1.2.3", "00000000-0000-0000-0000-000000000007.1", "00000000-0000-0000-0000-000000000007.1.2.3"]
        {
            assert_eq!(text.parse::<DeliveryId>(), Err(NoDelivery), "{text}");
        }
    }

    #[test]
    fn a_call_without_effect_is_repeated_and_a_call_of_unknown_outcome_is_not() {
        let open = delivery(3);
        let first = open.next_call(2).expect("two people");
        let calling = open.calling(&first, "braze", now());
        assert_eq!(calling.standing(now() + TimeDelta::seconds(60)), Standing::UnderWay);
        assert_eq!(calling.standing(now() + LEASE), Standing::Interrupted);
        let again = calling.settled(CallOutcome::NotSent, now());
        assert_eq!(again.next_call(2), Some(0..2));
        let unknown = calling.settled(CallOutcome::Unknown, now());
        assert_eq!((unknown.next_call(2), unknown.standing(now())), (Some(2..3), Standing::Open));
        let last = unknown.calling(&(2..3), "braze", now()).settled(CallOutcome::Sent(Some("d".into())), now());
        assert_eq!((last.state, last.missing(), last.next_call(2)), (DeliveryState::Unknown, vec![0, 1], None));
        assert_eq!(last.standing(now()), Standing::Settled);
    }

    #[test]
    fn it_is_sent_once_every_recipient_is_settled() {
        let sent = delivery(2).calling(&(0..2), "ses", now()).settled(CallOutcome::Sent(None), now());
        assert_eq!(sent.state, DeliveryState::Sent);
        let refused = delivery(2).calling(&(0..2), "ses", now()).settled(CallOutcome::Refused, now());
        assert_eq!((refused.state, refused.missing()), (DeliveryState::Refused, vec![0, 1]));
    }
}
