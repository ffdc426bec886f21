//! Runs: work that takes several transactions, in chunks that each take effect once. A job is a run that a requester
//! created and can watch; an internal run belongs to a request that is too large for one transaction.

pub mod chunks;
mod progress;
mod record;

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    email::EmailAddress,
    ids::{LicenseId, PlanId},
    license::LicenseStatus,
};

pub use self::{
    progress::{JobCounts, Lane},
    record::{Job, JobRequester, RenewalRun},
};

/// The most rows of a job.
pub const MAX_ROWS: usize = 1_000_000;

/// The most enrollments (learners × courses) of one request to enroll, unless a setting changes it.
pub const DEFAULT_ENROLLMENT_LIMIT: usize = 500;

/// How long a job, its rows and its results are kept: they name learners.
pub const KEPT: TimeDelta = TimeDelta::days(30);

/// How many lanes work on one job at the same time, at most. The limit keeps capacity for other customers.
pub const MAX_LANES: u16 = 4;

/// What is done to each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// A license is assigned to the learner.
    Assign,
    /// The learner's license is revoked.
    Revoke,
    /// The learner is reminded of their license.
    Remind,
    /// The learner's license goes over to another plan of the customer.
    Transfer,
    /// The learner is enrolled in courses.
    Enroll,
    /// The plan gets more licenses. There is one row.
    Grow,
    /// The unassigned licenses of the plan are deleted. There is one row.
    Freeze,
    /// Revoked licenses of the plan are deleted. There is a row for each license.
    #[serde(rename = "delete-revoked")]
    DeleteRevoked,
    /// Licenses of the plan become what they were at an earlier time. There is a row for each license.
    Revert,
    /// The agreement gets the name and the slug that the enterprise service has of the customer. There is one row.
    Sync,
    /// A renewal's licenses are copied into the future plan. There are no rows; the copied licenses are the result.
    #[schemars(skip)]
    Renew,
    /// A plan has expired: the enrollments that its licenses pay for end. There is a row for each license.
    #[schemars(skip)]
    Expire,
    /// The learners of a plan that ended long ago are unlinked from the customer. There is a row for each license.
    #[schemars(skip)]
    Unlink,
    /// The personal data of a plan's licenses is purged. There is a row for each license.
    #[schemars(skip)]
    Purge,
    /// The customer's admins are informed of a plan's utilization. There is one row.
    #[serde(rename = "utilization-report")]
    #[schemars(skip)]
    UtilizationReport,
    /// The customer's admins are informed of a plan's last week. There is one row.
    #[serde(rename = "weekly-report")]
    #[schemars(skip)]
    WeeklyReport,
    /// Learners are reminded that their plan ends. There is a row for each license.
    #[serde(rename = "expiration-reminders")]
    #[schemars(skip)]
    ExpirationReminders,
    /// Learners are informed that their plan has ended. There is a row for each license.
    #[serde(rename = "expiration-mails")]
    #[schemars(skip)]
    ExpirationMails,
    /// Other systems are informed of licenses that were activated long ago. There is a row for each license.
    #[serde(rename = "license-events")]
    #[schemars(skip)]
    LicenseEvents,
}

impl JobKind {
    /// The kinds of jobs. The other kinds are internal.
    pub const ALL: [Self; 10] = [
        Self::Assign,
        Self::Revoke,
        Self::Remind,
        Self::Transfer,
        Self::Enroll,
        Self::Grow,
        Self::Freeze,
        Self::DeleteRevoked,
        Self::Revert,
        Self::Sync,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Revoke => "revoke",
            Self::Remind => "remind",
            Self::Transfer => "transfer",
            Self::Enroll => "enroll",
            Self::Grow => "grow",
            Self::Freeze => "freeze",
            Self::DeleteRevoked => "delete-revoked",
            Self::Revert => "revert",
            Self::Sync => "sync",
            Self::Renew => "renew",
            Self::Expire => "expire",
            Self::Unlink => "unlink",
            Self::Purge => "purge",
            Self::UtilizationReport => "utilization-report",
            Self::WeeklyReport => "weekly-report",
            Self::ExpirationReminders => "expiration-reminders",
            Self::ExpirationMails => "expiration-mails",
            Self::LicenseEvents => "license-events",
        }
    }

    /// The most rows of a chunk: as many as one transaction, or one call, can take. [`chunks::Chunks`] may end a chunk earlier.
    pub const fn chunk(self) -> usize {
        match self {
            Self::Assign | Self::Revoke | Self::Remind => 80,
            Self::Transfer => 30,
            Self::Enroll => 25,
            Self::Revert => 20,
            Self::Grow | Self::Freeze | Self::Sync | Self::Renew | Self::UtilizationReport | Self::WeeklyReport => 1,
            Self::Expire => 100,
            Self::Unlink => 90,
            Self::DeleteRevoked | Self::Purge => 40,
            Self::ExpirationReminders | Self::ExpirationMails | Self::LicenseEvents => 50,
        }
    }

    /// Whether there is a row for each license, and not for each learner.
    pub const fn is_of_licenses(self) -> bool {
        matches!(self, Self::Expire | Self::Unlink | Self::Purge | Self::DeleteRevoked | Self::Revert)
            || self.is_announcement()
    }

    /// Whether only those who make plans may ask for it, because it changes what was sold, or deletes records.
    pub const fn is_for_provisioners(self) -> bool {
        matches!(self, Self::Grow | Self::Freeze | Self::DeleteRevoked | Self::Revert | Self::Sync)
    }

    /// Whether something is sent about licenses, once.
    pub const fn is_announcement(self) -> bool {
        matches!(self, Self::ExpirationReminders | Self::ExpirationMails | Self::LicenseEvents)
    }

    /// How many lanes work on it at the same time. Transfers have one lane, because they change the plans' own items.
    pub fn lanes(self, chunks: u64) -> u16 {
        let most = match self {
            Self::Assign
            | Self::Revoke
            | Self::Remind
            | Self::Expire
            | Self::Unlink
            | Self::DeleteRevoked
            | Self::ExpirationReminders
            | Self::ExpirationMails
            | Self::LicenseEvents => MAX_LANES,
            Self::Transfer
            | Self::Enroll
            | Self::Grow
            | Self::Freeze
            | Self::Revert
            | Self::Sync
            | Self::Renew
            | Self::Purge
            | Self::UtilizationReport
            | Self::WeeklyReport => 1,
        };
        u16::try_from(chunks.min(u64::from(most))).expect("at most `most`").max(1)
    }
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Its rows are to be uploaded.
    Uploading,
    /// It has not begun.
    Pending,
    /// It is being carried out.
    Running,
    /// All rows are done but those that wait for seats.
    Waiting,
    /// All rows are done.
    Done,
    /// It was canceled; rows that were done stay done.
    // Clients know this spelling.
    #[serde(rename = "cancelled")]
    Canceled,
    /// It failed.
    Failed,
}

impl JobState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Canceled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether it may be canceled.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Uploading | Self::Pending | Self::Running | Self::Waiting)
    }
}

/// Why a job cannot be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotResumable {
    #[error("A job that is done cannot be resumed.")]
    Done,
    /// Its rows have expired.
    #[error("The job's rows are not kept any more.")]
    NotKept,
}

/// The filter of a plan's licenses for a job without rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFilter {
    /// Only these statuses.
    pub statuses: Vec<LicenseStatus>,
    /// Texts that must all be part of the learner's address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
}

/// A job's parameters, beside its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobParams {
    /// A greeting for the mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<String>,
    /// A closing for the mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<String>,
    /// Whether learners get a mail.
    #[serde(default)]
    pub notify: bool,
    /// Whether learners without a seat wait for one.
    #[serde(default)]
    pub wait: bool,
    /// The filter of licenses, if the request has no rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<RowFilter>,
    /// The plan to which licenses are transferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_plan: Option<PlanId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub course_run_keys: Vec<String>,
    /// How many licenses the plan is to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_num_licenses: Option<u64>,
    /// The time to which licenses are reverted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_to: Option<Timestamp>,
    /// Whether licenses that others have changed since then are reverted, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Since when a license must have changed for an internal run to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl JobParams {
    /// Those of a job on all licenses of these statuses.
    pub fn all_of(statuses: &[LicenseStatus]) -> Self {
        Self { filter: Some(RowFilter { statuses: statuses.to_vec(), search: Vec::new() }), ..Self::default() }
    }

    /// Those of a revert of all licenses that a learner has or had, or of licenses that its rows name. Licenses that no
    /// learner had cannot differ from what they were.
    pub fn reverting(is_of_all: bool) -> Self {
        let all = Self::all_of(&[LicenseStatus::Activated, LicenseStatus::Assigned, LicenseStatus::Revoked]);
        if is_of_all { all } else { Self::default() }
    }
}

/// A row of a job's input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its number, from 0.
    pub row: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_email: Option<EmailAddress>,
    /// The license, where there is a row for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseId>,
    /// The id of the sale that the license comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// What is wrong with the row; if set, the row is not worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The range (from, to) of the job's courses for this row, if the learner's outcomes are in several chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courses: Option<(usize, usize)>,
}

/// The outcome of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowOutcome {
    /// The learner got a license.
    Assigned,
    /// The learner had one.
    AlreadyAssociated,
    /// No seat was left.
    NoSeat,
    /// The learner waits for a seat.
    Waiting,
    /// The license was revoked.
    Revoked,
    /// The learner has no such license.
    NotFound,
    /// The plan's cap did not allow it.
    CapReached,
    /// The learner was reminded.
    Reminded,
    /// The license went over to the other plan.
    Transferred,
    /// The learner was enrolled.
    Enrolled,
    /// The learner will be enrolled once they have an account.
    Pending,
    /// The catalog of the learner's licenses has no such course.
    NotInCatalog,
    /// It was refused.
    Refused,
    /// The plan has as many licenses as were requested.
    Grown,
    /// The plan has no unassigned licenses.
    Frozen,
    /// The license was deleted.
    Deleted,
    /// The license is as it was at the earlier time.
    Reverted,
    /// Nothing differed.
    Unchanged,
    /// The agreement is as the enterprise service has it.
    Synced,
    /// What the license paid for has ended.
    #[schemars(skip)]
    Expired,
    /// The learner is unlinked from the customer.
    #[schemars(skip)]
    Unlinked,
    /// The license names no one any more.
    #[schemars(skip)]
    Purged,
    /// The learner, or another system, was informed of the license.
    #[schemars(skip)]
    Notified,
    /// The row cannot be read.
    Invalid,
}

impl RowOutcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::AlreadyAssociated => "already_associated",
            Self::NoSeat => "no_seat",
            Self::Waiting => "waiting",
            Self::Revoked => "revoked",
            Self::NotFound => "not_found",
            Self::CapReached => "cap_reached",
            Self::Reminded => "reminded",
            Self::Transferred => "transferred",
            Self::Enrolled => "enrolled",
            Self::Pending => "pending",
            Self::NotInCatalog => "not_in_catalog",
            Self::Refused => "refused",
            Self::Grown => "grown",
            Self::Frozen => "frozen",
            Self::Deleted => "deleted",
            Self::Reverted => "reverted",
            Self::Unchanged => "unchanged",
            Self::Synced => "synced",
            Self::Expired => "expired",
            Self::Unlinked => "unlinked",
            Self::Purged => "purged",
            Self::Notified => "notified",
            Self::Invalid => "invalid",
        }
    }
}

impl Row {
    /// A row for each of these licenses.
    pub fn of_licenses(licenses: Vec<LicenseId>) -> Vec<Self> {
        (0..).zip(licenses).map(|(row, license)| Self { row, license: Some(license), ..Self::default() }).collect()
    }

    /// The result of this row.
    pub fn result(&self, outcome: RowOutcome, license: Option<LicenseId>) -> RowResult {
        RowResult {
            row: self.row,
            user_email: self.user_email.clone(),
            course_run_key: None,
            license,
            original_status: None,
            outcome,
            detail: self.problem.clone(),
        }
    }
}

/// A row and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowResult {
    pub row: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course_run_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseId>,
    /// The status that a revoked license had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_status: Option<LicenseStatus>,
    pub outcome: RowOutcome,
    /// Details of the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
