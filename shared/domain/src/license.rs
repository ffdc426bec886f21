//! A license and its state machine.
//!
//! unassigned → assigned → activated → revoked; unassigned → activated in one step (auto-apply); assigned, activated →
//! unassigned (reset). Revoked is final.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::{
    clock::Timestamp,
    email::EmailAddress,
    ids::{ActivationKey, LicenseId, LmsUserId, PlanId},
};

/// Where a license stands. The order is the wire's: alphabetical.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum LicenseStatus {
    /// A learner uses it.
    Activated,
    /// A learner was invited to use it.
    Assigned,
    /// Revoked, which is final; no longer a seat of the plan.
    Revoked,
    /// A free seat.
    Unassigned,
}

impl LicenseStatus {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The status in the contract's spelling.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Whether a learner holds the license.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Activated | Self::Assigned)
    }
}

/// One seat of a plan, with its learner if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct License {
    /// Its id, which never changes.
    pub uuid: LicenseId,
    /// The plan that it is a seat of.
    pub subscription_plan: PlanId,
    pub status: LicenseStatus,
    /// The learner's address, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_email: Option<EmailAddress>,
    /// The learner's number in the LMS, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lms_user_id: Option<LmsUserId>,
    /// The secret of the activation link, from assignment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_key: Option<ActivationKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_date: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_date: Option<Timestamp>,
    /// When the learner was last reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_remind_date: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_date: Option<Timestamp>,
    /// The license of a later plan that is its renewed copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_to: Option<LicenseId>,
    /// Whether the learner took it without an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_applied: Option<bool>,
    /// The sale that it comes from, if it was sold alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<LicenseSource>,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// The sale that one license comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseSource {
    /// The opportunity's id (18 characters or more).
    pub source_id: String,
    /// The kind of source, by its slug.
    pub source_type: String,
}

/// The slug of the only kind of source that admins can give.
pub const SOURCE_TYPE_AMT: &str = "AMT";

/// Why a change of a license is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The license is revoked, which is final.
    #[error("the license is revoked")]
    Revoked,
    /// No learner holds the license.
    #[error("the license is not assigned")]
    NotAssigned,
    /// A learner holds the license already.
    #[error("the license is taken")]
    Taken,
}

impl License {
    /// A free seat that no learner has had.
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

    /// Assigns the seat to a learner, who activates it with `key`.
    pub fn assign(&self, email: EmailAddress, key: ActivationKey, now: Timestamp) -> Result<Self, Refusal> {
        match self.status {
            LicenseStatus::Unassigned => Ok(Self {
                status: LicenseStatus::Assigned,
                user_email: Some(email),
                activation_key: Some(key),
                assigned_date: Some(now),
                // Clients show it as the time of the invitation.
                last_remind_date: Some(now),
                modified: now,
                ..self.clone()
            }),
            LicenseStatus::Revoked => Err(Refusal::Revoked),
            LicenseStatus::Assigned | LicenseStatus::Activated => Err(Refusal::Taken),
        }
    }

    /// Activates the license. `None` if it is active already.
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

    /// Revokes the license, which is final. The plan gets a free seat in its place.
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

    /// A copy without its learner's data.
    #[must_use]
    pub fn anonymous(&self, now: Timestamp) -> Self {
        Self { user_email: None, lms_user_id: None, modified: now, ..self.clone() }
    }

    /// Records a reminder of a license that the learner has not activated.
    pub fn remind(&self, now: Timestamp) -> Result<Self, Refusal> {
        match self.status {
            LicenseStatus::Assigned => Ok(Self { last_remind_date: Some(now), modified: now, ..self.clone() }),
            LicenseStatus::Revoked => Err(Refusal::Revoked),
            LicenseStatus::Activated => Err(Refusal::Taken),
            LicenseStatus::Unassigned => Err(Refusal::NotAssigned),
        }
    }

    /// A copy under the learner's new address.
    #[must_use]
    pub fn with_email(&self, email: EmailAddress, now: Timestamp) -> Self {
        Self { user_email: Some(email), modified: now, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// An operation on a license.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Assign,
        Activate,
        AutoApply,
        Revoke,
        Reset,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop::sample::select(vec![Step::Assign, Step::Activate, Step::AutoApply, Step::Revoke, Step::Reset]);
        prop::collection::vec(step, 0..12)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_795_430_768 + second, 0).expect("a moment")
    }

    fn seat() -> License {
        License::unassigned(LicenseId(Uuid::from_u128(1)), PlanId(Uuid::from_u128(2)), at(0))
    }

    fn take(license: &License, step: Step, now: Timestamp) -> Result<License, Refusal> {
        let email = EmailAddress::on_record("Ada@Example.com");
        let key = ActivationKey(Uuid::from_u128(3));
        match step {
            Step::Assign => license.assign(email, key, now),
            Step::Activate => Ok(license.activate(Some(LmsUserId(7)), now)?.unwrap_or_else(|| license.clone())),
            Step::AutoApply => license.auto_apply(email, Some(LmsUserId(7)), key, now),
            Step::Revoke => license.revoke(now),
            Step::Reset => license.reset(now),
        }
    }

    /// The contract's table: the status after each step from each status, or why the step is refused.
    fn expected(from: LicenseStatus, step: Step) -> Result<LicenseStatus, Refusal> {
        use LicenseStatus::{Activated, Assigned, Revoked, Unassigned};
        match (from, step) {
            (Unassigned, Step::Assign) => Ok(Assigned),
            (Unassigned, Step::AutoApply) | (Assigned | Activated, Step::Activate) => Ok(Activated),
            (Assigned | Activated, Step::Revoke) => Ok(Revoked),
            (Assigned | Activated, Step::Reset) => Ok(Unassigned),
            (Revoked, _) => Err(Refusal::Revoked),
            (Assigned | Activated, Step::Assign | Step::AutoApply) => Err(Refusal::Taken),
            (Unassigned, Step::Activate | Step::Revoke | Step::Reset) => Err(Refusal::NotAssigned),
        }
    }

    proptest! {
        #[test]
        fn every_path_follows_the_table_and_keeps_the_fields_in_step(path in steps()) {
            let mut license = seat();
            for (second, step) in (1..).zip(path) {
                let outcome = take(&license, step, at(second));
                prop_assert_eq!(outcome.as_ref().map(|after| after.status).map_err(|refusal| *refusal),
                    expected(license.status, step));
                let Ok(after) = outcome else { continue };

                prop_assert_eq!(after.uuid, license.uuid);
                prop_assert_eq!(after.created, license.created);
                prop_assert!(after.modified >= license.modified);
                let free = after.status == LicenseStatus::Unassigned;
                prop_assert_eq!(after.user_email.is_none(), free);
                prop_assert_eq!(after.activation_key.is_none(), free);
                prop_assert_eq!(after.assigned_date.is_none(), free);
                prop_assert_eq!(after.revoked_date.is_some(), after.status == LicenseStatus::Revoked);
                if after.status == LicenseStatus::Activated {
                    prop_assert!(after.activation_date.is_some() && after.lms_user_id.is_some());
                }
                license = after;
            }
        }

        #[test]
        fn a_license_is_stored_and_read_without_loss(path in steps()) {
            let mut license = seat();
            for (second, step) in (1..).zip(path) {
                license = take(&license, step, at(second)).unwrap_or(license);
            }
            let text = serde_json::to_string(&license).expect("it serializes");
            prop_assert_eq!(serde_json::from_str::<License>(&text).expect("it parses"), license);
        }
    }

    #[test]
    fn a_second_activation_changes_nothing() {
        let activated = take(&take(&seat(), Step::Assign, at(1)).expect("assigned"), Step::Activate, at(2));
        let activated = activated.expect("activated");
        assert_eq!(activated.activate(Some(LmsUserId(8)), at(9)), Ok(None));
    }
}
