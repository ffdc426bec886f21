//! What happened, as one record for each transaction: the source of mails, calls, domain events and the
//! audit trail. It is written with the change and carried on by the table's stream.

use serde::{Deserialize, Serialize};

use crate::{
    actor::Stamp,
    email::EmailAddress,
    ids::{ActivationKey, AgreementId, EnterpriseId, EventId, JobId, LicenseId, LmsUserId, PlanId, RenewalId},
    license::{License, LicenseStatus},
};

/// The version of the event record's shape.
pub const EVENT_SCHEMA: u32 = 1;

/// One committed change with all that is to follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its id; consumers recognise a repetition by it.
    pub id: EventId,
    /// The version of this record's shape.
    pub schema: u32,
    /// What happened.
    pub kind: EventKind,
    /// Who did it, why, in which request, when.
    pub stamp: Stamp,
    /// The customer.
    pub enterprise: EnterpriseId,
    /// The customer's agreement.
    pub agreement: AgreementId,
    /// The plan, where one is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// The renewal, where one is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<RenewalId>,
    /// How many licences, where they are not named one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The learner, where there is no licence to name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learner: Option<Learner>,
    /// The licences that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenseChange>,
    /// What is to be done elsewhere because of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<Consequence>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// An agreement was made.
    AgreementCreated,
    /// A plan was made; `count` licences with it.
    PlanCreated,
    /// An agreement was changed.
    AgreementUpdated,
    /// A plan was changed; `count` licences were added, if any.
    PlanUpdated,
    /// A plan that nobody used was deleted.
    PlanDeleted,
    /// A plan is to be renewed.
    RenewalCreated,
    /// A renewal was changed.
    RenewalUpdated,
    /// A renewal was deleted.
    RenewalDeleted,
    /// Licences were carried over into the plan that follows.
    LicensesRenewed,
    /// A renewal was carried out; `count` licences of the plan that follows have a learner.
    RenewalProcessed,
    /// Licences were assigned.
    LicensesAssigned,
    /// A licence was activated.
    LicenseActivated,
    /// A learner took a licence without an invitation.
    LicenseAutoApplied,
    /// A learner found no free seat to take.
    LicenseNotAssigned,
    /// Learners were reminded of licences that they have not activated.
    LearnersReminded,
    /// Licences were revoked.
    LicensesRevoked,
    /// A learner's address changed.
    LearnerEmailChanged,
    /// Learners are to be enrolled in courses.
    BulkEnrollmentRequested,
    /// A learner left for good; a licence of theirs names nobody now.
    LearnerRetired,
}

/// A learner whom no licence names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learner {
    /// The address.
    pub email: EmailAddress,
    /// The number in the LMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lms_user_id: Option<LmsUserId>,
}

/// One licence's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseChange {
    /// The licence.
    pub license: LicenseId,
    /// Where it stood.
    pub from: LicenseStatus,
    /// Where it stands.
    pub to: LicenseStatus,
    /// The learner. Consumers that keep records replace it by a person id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// The learner's number in the LMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lms_user_id: Option<LmsUserId>,
    /// The secret of the activation link, for the mail that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_key: Option<ActivationKey>,
    /// The licence of an earlier plan that this one carries on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<LicenseId>,
}

impl LicenseChange {
    /// The change that made `after` of a licence in status `from`.
    pub fn new(from: LicenseStatus, after: &License) -> Self {
        Self {
            license: after.uuid,
            from,
            to: after.status,
            email: after.user_email.clone(),
            lms_user_id: after.lms_user_id,
            activation_key: after.activation_key,
            previous: None,
        }
    }

    /// A seat was taken by the copy of a licence of an earlier plan.
    pub fn carried_over(original: LicenseId, copy: &License) -> Self {
        Self { previous: Some(original), ..Self::new(LicenseStatus::Unassigned, copy) }
    }
}

/// Work elsewhere that a change asks for. It is done once for each event and person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Consequence {
    /// Invite the learners of the event's licences.
    MailAssignment {
        /// A greeting in the admin's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        greeting: Option<String>,
        /// A closing in the admin's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closing: Option<String>,
    },
    /// Remind the learners of the event's licences.
    MailReminder {
        /// A greeting in the admin's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        greeting: Option<String>,
        /// A closing in the admin's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closing: Option<String>,
    },
    /// Welcome the learner who activated a licence.
    MailPostActivation,
    /// Welcome the learner who took a licence without an invitation.
    MailAutoApplied,
    /// Tell customer success that the revocation cap is reached.
    MailRevocationCapReached,
    /// Tell the customer's admins how much is allocated, if a threshold was passed.
    CheckUtilization,
    /// Ask the enterprise service to end the enrolments of revoked learners.
    RevokeEnrollments,
    /// Enrol the learners of a job in its courses.
    EnrollLearners {
        /// The job.
        job: JobId,
    },
}
