//! Events: one record for each transaction, written with the change. The table's stream delivers it; mails, calls of
//! services, bus events and the audit trail are made from it.

mod short_facts;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::{
    actor::Stamp,
    agreement::CustomerAgreement,
    change::Changes,
    clock::Timestamp,
    delivery::{DeliveryId, MailKind},
    email::EmailAddress,
    ids::{
        ActivationKey, AgreementId, EnterpriseId, EventId, JobId, LicenseId, LmsUserId, PlanId, RenewalId, WebhookId,
    },
    license::{License, LicenseSource, LicenseStatus},
};

/// The version of the event's format.
pub const EVENT_SCHEMA: u32 = 1;

/// One committed change with its consequences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's id; consumers recognize a repeated event by it.
    pub id: EventId,
    /// The version of this record's format.
    pub schema: u32,
    /// What happened.
    pub kind: EventKind,
    /// Actor, reason, request id and time.
    pub stamp: Stamp,
    /// The customer.
    pub enterprise: EnterpriseId,
    /// The customer's agreement.
    pub agreement: AgreementId,
    /// The plan, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// The renewal, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<RenewalId>,
    /// How many licenses, if they are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The learner, if no license names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learner: Option<Learner>,
    /// The changed fields of the agreement, plan or renewal.
    #[serde(default, skip_serializing_if = "Changes::is_empty")]
    pub changes: Changes,
    /// The licenses that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenseChange>,
    /// The work elsewhere that the change asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<Consequence>,
}

impl Event {
    /// An event of that kind about an agreement, with all other fields empty.
    pub fn new(id: EventId, kind: EventKind, agreement: &CustomerAgreement, stamp: &Stamp) -> Self {
        Self {
            id,
            schema: EVENT_SCHEMA,
            kind,
            stamp: stamp.clone(),
            enterprise: agreement.enterprise_customer_uuid,
            agreement: agreement.uuid,
            plan: None,
            renewal: None,
            count: None,
            learner: None,
            changes: Changes::default(),
            licenses: Vec::new(),
            consequences: Vec::new(),
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum EventKind {
    /// An agreement was made.
    AgreementCreated,
    /// A plan was made; `count` licenses with it.
    PlanCreated,
    /// An agreement was changed.
    AgreementUpdated,
    /// A plan was changed; `count` licenses were added, if any.
    PlanUpdated,
    /// A plan that no learner has used was deleted.
    PlanDeleted,
    /// A plan is to be renewed.
    RenewalCreated,
    /// A renewal was changed.
    RenewalUpdated,
    /// A renewal was deleted.
    RenewalDeleted,
    /// Licenses were carried over into the plan that follows.
    LicensesRenewed,
    /// A renewal was carried out; `count` licenses of the plan that follows have a learner.
    RenewalProcessed,
    /// Licenses were assigned.
    LicensesAssigned,
    /// A license was activated.
    LicenseActivated,
    /// A learner took a license without an invitation.
    LicenseAutoApplied,
    /// A learner requested a license, and no seat was free.
    LicenseNotAssigned,
    /// Learners were reminded of licenses that they have not activated.
    LearnersReminded,
    /// Licenses were revoked.
    LicensesRevoked,
    /// A learner's address changed.
    LearnerEmailChanged,
    /// A plan has expired with these licenses, which no later plan carries on.
    LicensesExpired,
    /// The learners of these licenses, whose plan ended long ago, are no longer the customer's.
    LicensesUnlinked,
    /// Personal data of licenses was purged: the time that the agreement says has passed.
    LicensesPurged,
    /// Learners with these activated licenses were reminded that their plan ends.
    ExpirationReminded,
    /// Learners with these activated licenses were informed that their plan has ended.
    ExpirationNotified,
    /// These licenses were activated half a year ago.
    LicensesLongActivated,
    /// `count` licenses were deleted: revoked ones, which the event names, or unassigned ones of a plan that was frozen.
    LicensesDeleted,
    /// Licenses were reverted to what they were at an earlier time.
    LicensesReverted,
    /// Licenses were transferred to another plan. Both plans have an event; that of the new plan has the licenses.
    LicensesTransferred,
    /// A job was created.
    JobRequested,
    /// A job began, goes on, or came to its end.
    JobChanged,
    /// A plan's allocation passed a threshold.
    UtilizationReached,
    /// A week with auto-apply has passed: the customer's admins are informed of the plan's utilization.
    FirstWeekReported,
    /// Another week of a plan has passed: the customer's admins are informed of its utilization.
    WeekReported,
    /// An operator requested that a mail of unknown fate is sent again.
    MailResent,
    /// A webhook was made.
    WebhookCreated,
    /// A webhook was changed by a request, or a replay was requested.
    WebhookUpdated,
    /// A webhook was deleted.
    WebhookDeleted,
    /// A webhook failed too often, for too long, or said that it is gone.
    WebhookDisabled,
    /// A learner was retired; a license of theirs names no person now.
    LearnerRetired,
    /// An import added a license event of another system to the history of its license.
    LicenseEventImported,
    /// An operator looked at a learner's licenses, across customers. It is stored in trails only: nothing follows from it, and no
    /// other system hears of it.
    LearnerLookedAt,
}

impl EventKind {
    /// Every kind.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Its name in the store and in responses.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Whether it is sent to the bus and to webhooks.
    pub const fn is_announced(self) -> bool {
        !matches!(self, Self::LearnerLookedAt)
    }

    /// Whether it changes who holds licenses of a plan, or whether they use them.
    pub const fn changes_holders(self) -> bool {
        matches!(
            self,
            Self::LicensesAssigned
                | Self::LicenseActivated
                | Self::LicenseAutoApplied
                | Self::LicensesRevoked
                | Self::LicensesReverted
                | Self::LicensesTransferred
        )
    }

    /// Whether learners do it themselves, so that the actor and the learner are the same person.
    pub const fn is_learners_own(self) -> bool {
        matches!(
            self,
            Self::LicenseActivated | Self::LicenseAutoApplied | Self::LicenseNotAssigned | Self::LearnerEmailChanged
        )
    }
}

/// A learner without a license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learner {
    /// The learner's address.
    pub email: EmailAddress,
    /// The learner's id in the LMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lms_user_id: Option<LmsUserId>,
}

/// One license's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseChange {
    /// The license's id.
    pub license: LicenseId,
    /// The status before.
    pub from: LicenseStatus,
    /// The status after.
    pub to: LicenseStatus,
    /// The learner's address. Consumers that keep records replace it by a person id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// The learner's address before, if it was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_before: Option<EmailAddress>,
    /// The learner's number in the LMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lms_user_id: Option<LmsUserId>,
    /// The secret of the activation link, for the mail that contains the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_key: Option<ActivationKey>,
    /// The license of an earlier plan of which this one is the renewed copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<LicenseId>,
    /// Whether no learner held it before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_first: bool,
    /// Whether it is a license of the prior plan, in an event of a renewal's future plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_prior_plan: bool,
    /// When the license was created, in microseconds, which take fewer bytes than a text.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "short_facts::date")]
    pub created: Option<Timestamp>,
    /// When it changed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "short_facts::date")]
    pub modified: Option<Timestamp>,
    /// The sale that it comes from, if it was sold alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<LicenseSource>,
    /// Its facts before.
    #[serde(default, skip_serializing_if = "LicenseFacts::is_empty", with = "short_facts")]
    pub before: LicenseFacts,
    /// Its facts after.
    #[serde(default, skip_serializing_if = "LicenseFacts::is_empty", with = "short_facts")]
    pub after: LicenseFacts,
}

/// What is on record of a license beside its status and its learner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LicenseFacts {
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
    /// The license of a later plan that carries it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_to: Option<LicenseId>,
    /// Whether the learner took it without an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_applied: Option<bool>,
}

impl LicenseFacts {
    /// The facts of a license.
    pub const fn of(license: &License) -> Self {
        Self {
            assigned_date: license.assigned_date,
            activation_date: license.activation_date,
            last_remind_date: license.last_remind_date,
            revoked_date: license.revoked_date,
            renewed_to: license.renewed_to,
            auto_applied: license.auto_applied,
        }
    }

    /// Whether no fact is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The license with these facts in place of its own.
    #[must_use]
    pub fn put_back(self, license: License) -> License {
        License {
            assigned_date: self.assigned_date,
            activation_date: self.activation_date,
            last_remind_date: self.last_remind_date,
            revoked_date: self.revoked_date,
            renewed_to: self.renewed_to,
            auto_applied: self.auto_applied,
            ..license
        }
    }
}

impl LicenseChange {
    /// The change from `before` to `after`.
    pub fn new(before: &License, after: &License) -> Self {
        let is_other = before.user_email != after.user_email;
        Self {
            license: after.uuid,
            from: before.status,
            to: after.status,
            email: after.user_email.clone(),
            email_before: before.user_email.clone().filter(|_| is_other),
            lms_user_id: after.lms_user_id,
            activation_key: after.activation_key,
            previous: None,
            // A returned seat has been modified since it was created.
            is_first: before.status == LicenseStatus::Unassigned && before.modified == before.created,
            is_of_prior_plan: false,
            created: Some(after.created),
            modified: Some(after.modified),
            source: after.source.clone(),
            before: LicenseFacts::of(before),
            after: LicenseFacts::of(after),
        }
    }

    /// The change when the learner is retired: it does not name them.
    pub fn forgetting(before: &License, after: &License) -> Self {
        Self { email_before: None, ..Self::new(before, after) }
    }

    /// A seat becomes the renewed copy of a license of an earlier plan.
    pub fn carried_over(original: LicenseId, seat: &License, copy: &License) -> Self {
        Self { previous: Some(original), ..Self::new(seat, copy) }
    }

    /// A license of the prior plan, once it has a renewed copy in the future plan.
    pub fn of_prior_plan(before: &License, after: &License) -> Self {
        Self { is_of_prior_plan: true, ..Self::new(before, after) }
    }

    /// The license before the change, with the fields that decide its place in a list: status and learner.
    pub fn email_then(&self) -> Option<&EmailAddress> {
        if self.from == LicenseStatus::Unassigned { None } else { self.email_before.as_ref().or(self.email.as_ref()) }
    }

    /// The whole license after the change. `None` if an earlier release wrote the event, without all fields.
    pub fn license_after(&self, plan: PlanId) -> Option<License> {
        let license = License {
            uuid: self.license,
            subscription_plan: plan,
            status: self.to,
            user_email: self.email.clone(),
            lms_user_id: self.lms_user_id,
            activation_key: self.activation_key,
            source: self.source.clone(),
            created: self.created?,
            modified: self.modified?,
            ..License::unassigned(self.license, plan, self.created?)
        };
        Some(self.after.put_back(license))
    }

    /// The learner who holds the license, or held it until then; none if retirement erased them.
    pub fn person(&self) -> Option<&EmailAddress> {
        self.email.as_ref().or(self.email_before.as_ref()).filter(|email| !email.is_retired())
    }
}

/// Work elsewhere that a change asks for. It takes effect once for each event and person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Consequence {
    /// Invite the learners of the event's licenses.
    MailAssignment {
        /// The admin's greeting.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        greeting: Option<String>,
        /// The admin's closing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closing: Option<String>,
    },
    /// Remind the learners of the event's licenses.
    MailReminder {
        /// The admin's greeting.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        greeting: Option<String>,
        /// The admin's closing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closing: Option<String>,
    },
    /// Remind the learners of the event's licenses that their plan ends.
    MailExpirationReminder {
        /// The end of the plan.
        end: Timestamp,
    },
    /// Inform the learners of the event's licenses that their plan has ended.
    MailExpiration {
        /// The end of the plan.
        end: Timestamp,
    },
    /// Welcome the learner who activated a license.
    MailPostActivation,
    /// Welcome the learner who took a license without an invitation.
    MailAutoApplied,
    /// Inform customer success that the revocation cap is reached.
    MailRevocationCapReached,
    /// Inform the customer's admins of the utilization, if a threshold was passed.
    CheckUtilization,
    /// Ask the enterprise service to end the enrollments of revoked learners.
    RevokeEnrollments,
    /// Inform the customer's admins that a part of the plan is allocated.
    MailUtilization {
        /// The utilization in percent.
        percent: u8,
    },
    /// Inform the customer's admins of the first week with auto-apply.
    MailFirstWeek {
        /// How many licenses learners took.
        taken: u64,
    },
    /// Inform the customer's admins of the last week of a plan.
    MailWeeklyUtilization {
        /// How many licenses were activated; none if that was not counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        activations: Option<u64>,
        /// How many licenses were revoked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revocations: Option<u64>,
    },
    /// Carry over the change of the event's licenses into the plan that their plan was renewed into.
    CarryOver,
    /// Send the requester of an enrollment job the link to its results.
    MailEnrollmentResults { job: JobId },
    /// Send again a mail of unknown fate.
    ResendMail { delivery: DeliveryId },
    /// Redeliver to a webhook the events between two times.
    ReplayWebhook {
        webhook: WebhookId,
        /// The beginning, inclusive.
        from: Timestamp,
        /// The end.
        until: Timestamp,
    },
    /// Start a job.
    RunJob {
        job: JobId,
        /// The delay in seconds.
        #[serde(default)]
        after_seconds: u16,
    },
}

impl Consequence {
    /// The kind of mail of this consequence, if it is a mail.
    pub const fn mail(&self) -> Option<MailKind> {
        match self {
            Self::MailAssignment { .. } => Some(MailKind::Assignment),
            Self::MailReminder { .. } => Some(MailKind::Reminder),
            Self::MailExpirationReminder { .. } => Some(MailKind::ExpirationReminder),
            Self::MailExpiration { .. } => Some(MailKind::Expiration),
            Self::MailPostActivation => Some(MailKind::PostActivation),
            Self::MailAutoApplied => Some(MailKind::AutoApplied),
            Self::MailRevocationCapReached => Some(MailKind::RevocationCapReached),
            Self::MailUtilization { .. } => Some(MailKind::Utilization),
            Self::MailFirstWeek { .. } => Some(MailKind::FirstWeek),
            Self::MailWeeklyUtilization { .. } => Some(MailKind::WeeklyUtilization),
            Self::MailEnrollmentResults { .. } => Some(MailKind::EnrollmentResults),
            Self::ResendMail { .. }
            | Self::CheckUtilization
            | Self::CarryOver
            | Self::RevokeEnrollments
            | Self::ReplayWebhook { .. }
            | Self::RunJob { .. } => None,
        }
    }
}
