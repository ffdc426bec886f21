//! A licence and its state machine.
//!
//! unassigned → assigned → activated → revoked; unassigned → activated at once (auto-apply);
//! assigned, activated → unassigned (reset). Revoked is final.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    ambient::Timestamp,
    email::EmailAddress,
    ids::{ActivationKey, LicenseId, LmsUserId, PlanId},
};

/// Where a licence stands. The order is the wire's: alphabetical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenseStatus {
    /// A learner uses it.
    Activated,
    /// A learner was invited to use it.
    Assigned,
    /// Taken back for good; no longer a seat of the plan.
    Revoked,
    /// A free seat.
    Unassigned,
}

impl LicenseStatus {
    /// Every status, in the wire's order.
    pub const ALL: [Self; 4] = [Self::Activated, Self::Assigned, Self::Revoked, Self::Unassigned];

    /// The contract's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Assigned => "assigned",
            Self::Revoked => "revoked",
            Self::Unassigned => "unassigned",
        }
    }

    /// Whether a learner holds the licence.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Activated | Self::Assigned)
    }
}

impl fmt::Display for LicenseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a licence status")]
pub struct UnknownStatus;

impl FromStr for LicenseStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

/// One seat of a plan, with its learner if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct License {
    /// Its id, stable from the plan's creation on.
    pub uuid: LicenseId,
    /// The plan that it is a seat of.
    pub subscription_plan: PlanId,
    /// Where it stands.
    pub status: LicenseStatus,
    /// The learner, in the spelling that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_email: Option<EmailAddress>,
    /// The learner's number in the LMS, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lms_user_id: Option<LmsUserId>,
    /// The secret of the activation link, from assignment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_key: Option<ActivationKey>,
    /// When it was assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_date: Option<Timestamp>,
    /// When it was activated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_date: Option<Timestamp>,
    /// When the learner was last reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_remind_date: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_date: Option<Timestamp>,
    /// The licence of a later plan that carries this one on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_to: Option<LicenseId>,
    /// Whether the learner took it without an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_applied: Option<bool>,
    /// Where it was sold, if it was sold one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<LicenseSource>,
    /// When it came to be.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
}

/// The sale that one licence comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseSource {
    /// The opportunity's id (18 characters or more).
    pub source_id: String,
    /// The kind of source, by its slug.
    pub source_type: String,
}

/// The slug of the one kind of source that admins give.
pub const SOURCE_TYPE_AMT: &str = "AMT";

/// Why a change of a licence is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The licence is revoked, which is final.
    #[error("the licence is revoked")]
    Revoked,
    /// Nobody holds the licence.
    #[error("the licence is not assigned")]
    NotAssigned,
    /// Somebody holds the licence.
    #[error("the licence is taken")]
    Taken,
}

impl License {
    /// A free seat, as it is listed before anybody sits in it.
    pub fn unassigned(uuid: LicenseId, subscription_plan: PlanId, created: Timestamp) -> Self {
        Self {
            uuid,
            subscription_plan,
            status: LicenseStatus::Unassigned,
            user_email: None,
            lms_user_id: None,
            activation_key: None,
            assigned_date: None,
            activation_date: None,
            last_remind_date: None,
            revoked_date: None,
            renewed_to: None,
            auto_applied: None,
            source: None,
            created,
            modified: created,
        }
    }

    /// Gives the seat to a learner, who is to activate it with `key`.
    pub fn assign(&self, email: EmailAddress, key: ActivationKey, now: Timestamp) -> Result<Self, Refusal> {
        match self.status {
            LicenseStatus::Unassigned => Ok(Self {
                status: LicenseStatus::Assigned,
                user_email: Some(email),
                activation_key: Some(key),
                assigned_date: Some(now),
                modified: now,
                ..self.clone()
            }),
            LicenseStatus::Revoked => Err(Refusal::Revoked),
            LicenseStatus::Assigned | LicenseStatus::Activated => Err(Refusal::Taken),
        }
    }

    /// The learner starts to use it. `None`: it is in use already and nothing changes.
    pub fn activate(&self, lms_user_id: Option<LmsUserId>, now: Timestamp) -> Result<Option<Self>, Refusal> {
        match self.status {
            LicenseStatus::Assigned => Ok(Some(Self {
                status: LicenseStatus::Activated,
                activation_date: Some(now),
                lms_user_id: lms_user_id.or(self.lms_user_id),
                modified: now,
                ..self.clone()
            })),
            LicenseStatus::Activated => Ok(None),
            LicenseStatus::Revoked => Err(Refusal::Revoked),
            LicenseStatus::Unassigned => Err(Refusal::NotAssigned),
        }
    }

    /// A learner takes a free seat without an invitation: assigned and activated at once.
    pub fn auto_apply(
        &self,
        email: EmailAddress,
        lms_user_id: Option<LmsUserId>,
        key: ActivationKey,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let assigned = self.assign(email, key, now)?;
        Ok(Self {
            status: LicenseStatus::Activated,
            activation_date: Some(now),
            lms_user_id,
            auto_applied: Some(true),
            ..assigned
        })
    }

    /// Takes the licence back for good. The plan gets a free seat in its place.
    pub fn revoke(&self, now: Timestamp) -> Result<Self, Refusal> {
        match self.status {
            LicenseStatus::Assigned | LicenseStatus::Activated => {
                Ok(Self { status: LicenseStatus::Revoked, revoked_date: Some(now), modified: now, ..self.clone() })
            }
            LicenseStatus::Revoked => Err(Refusal::Revoked),
            LicenseStatus::Unassigned => Err(Refusal::NotAssigned),
        }
    }

    /// Makes the seat free again, keeping its id.
    pub fn reset(&self, now: Timestamp) -> Result<Self, Refusal> {
        match self.status {
            LicenseStatus::Assigned | LicenseStatus::Activated => {
                Ok(Self { modified: now, ..Self::unassigned(self.uuid, self.subscription_plan, self.created) })
            }
            LicenseStatus::Revoked => Err(Refusal::Revoked),
            LicenseStatus::Unassigned => Err(Refusal::NotAssigned),
        }
    }

    /// The same licence under the address that its learner has now.
    #[must_use]
    pub fn with_email(&self, email: EmailAddress, now: Timestamp) -> Self {
        Self { user_email: Some(email), modified: now, ..self.clone() }
    }
}
