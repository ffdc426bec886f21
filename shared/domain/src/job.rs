//! Runs: work that takes several transactions, in chunks that each take effect once. A job is a run that a requester
//! created and can watch; an internal run belongs to a request that is too large for one transaction.

pub mod chunks;
mod progress;

use crate::number::to_u64;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::chunks::Chunks;
use crate::{
    actor::Stamp,
    agreement::CustomerAgreement,
    clock::Timestamp,
    due::Waits,
    email::EmailAddress,
    ids::{AgreementId, EnterpriseId, JobId, LicenseId, LmsUserId, PlanId, RenewalId},
    license::LicenseStatus,
};

pub use self::progress::{JobCounts, Lane};

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
}

impl JobKind {
    /// The kinds of jobs. The other kinds are internal.
    pub const ALL: [Self; 9] = [
        Self::Assign,
        Self::Revoke,
        Self::Remind,
        Self::Transfer,
        Self::Enroll,
        Self::Grow,
        Self::Freeze,
        Self::DeleteRevoked,
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
            Self::Sync => "sync",
            Self::Renew => "renew",
            Self::Expire => "expire",
            Self::Unlink => "unlink",
            Self::Purge => "purge",
        }
    }

    /// The most rows of a chunk: as many as one transaction, or one call, can take. [`Chunks`] may end a chunk earlier.
    pub const fn chunk(self) -> usize {
        match self {
            Self::Assign | Self::Revoke | Self::Remind => 80,
            Self::Transfer => 30,
            Self::Enroll => 25,
            Self::Grow | Self::Freeze | Self::Sync | Self::Renew => 1,
            Self::Expire => 100,
            Self::Unlink => 90,
            Self::DeleteRevoked | Self::Purge => 40,
        }
    }

    /// Whether there is a row for each license, and not for each learner.
    pub const fn is_of_licenses(self) -> bool {
        matches!(self, Self::Expire | Self::Unlink | Self::Purge | Self::DeleteRevoked)
    }

    /// Whether only those who make plans may ask for it, because it changes what was sold, or deletes records.
    pub const fn is_for_provisioners(self) -> bool {
        matches!(self, Self::Grow | Self::Freeze | Self::DeleteRevoked | Self::Sync)
    }

    /// How many lanes work on it at the same time. Transfers have one lane, because they change the plans' own items.
    pub fn lanes(self, chunks: u64) -> u16 {
        let most = match self {
            Self::Assign | Self::Revoke | Self::Remind | Self::Expire | Self::Unlink | Self::DeleteRevoked => MAX_LANES,
            Self::Transfer | Self::Enroll | Self::Grow | Self::Freeze | Self::Sync | Self::Renew | Self::Purge => 1,
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
    /// The courses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub course_run_keys: Vec<String>,
    /// How many licenses the plan is to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_num_licenses: Option<u64>,
}

impl JobParams {
    /// Those of a job on all licenses of these statuses.
    pub fn all_of(statuses: &[LicenseStatus]) -> Self {
        Self { filter: Some(RowFilter { statuses: statuses.to_vec(), search: Vec::new() }), ..Self::default() }
    }
}

/// The renewal that a run carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalRun {
    /// The renewal.
    pub renewal: RenewalId,
    /// The future plan, which is hidden until the run ends.
    pub future_plan: PlanId,
    /// The epochs of the future plan's buckets while the run works: each allocation is conditional on its bucket's
    /// epoch.
    pub epochs: Vec<u64>,
}

/// The record of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub uuid: JobId,
    /// What is done.
    pub kind: JobKind,
    /// Its state.
    pub state: JobState,
    /// The customer.
    pub enterprise_customer_uuid: EnterpriseId,
    /// The customer's agreement.
    pub customer_agreement: AgreementId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_plan: Option<PlanId>,
    /// Its parameters, beside its rows.
    pub params: JobParams,
    /// Whether it only reports what it would do.
    pub dry_run: bool,
    pub requested_by: String,
    /// The address for mails about the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_email: Option<EmailAddress>,
    /// The requester's id in the LMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lms_user_id: Option<LmsUserId>,
    /// The id of the request.
    pub request_id: String,
    /// Whether it belongs to a request that is too large for one transaction. Such a run is not listed among jobs, has
    /// no events, and is never given up, because it may have reserved seats.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_internal: bool,
    /// The reason of its changes, if it is not the job's kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The renewal that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<RenewalRun>,
    /// For so many seconds no worker begins it, because its request works on it.
    #[serde(default)]
    pub head_start_seconds: u16,
    /// How many rows it has; none while unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// How many chunks it has.
    #[serde(default)]
    pub chunks: u64,
    /// The number of the valid attempt at writing the chunks, since several may have run at the same time. 0: the
    /// request wrote them.
    #[serde(default)]
    pub generation: u32,
    /// How many lanes it has.
    #[serde(default)]
    pub lanes: u16,
    /// The outcomes of its rows; set when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<JobCounts>,
    /// The job that this one undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverses: Option<JobId>,
    /// The job that undoes this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_by: Option<JobId>,
    /// The key of the uploaded file with its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// The key of the file with its results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<String>,
    /// Why it failed, as a fixed word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The time until which its rows and results are kept. While it is open, the sweeper moves that time forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
    /// When it was requested.
    pub created: Timestamp,
    /// When it changed last.
    pub modified: Timestamp,
    /// How many times its record was written.
    #[serde(default)]
    pub version: u64,
}

/// The requester of a job.
#[derive(Clone, Debug)]
pub struct JobRequester {
    /// The user name.
    pub username: String,
    /// The address for mails about the job.
    pub email: Option<EmailAddress>,
    /// The id in the LMS.
    pub lms_user_id: Option<LmsUserId>,
    /// The id of the request.
    pub request_id: String,
}

impl Job {
    /// A job that has not begun, without a plan and rows.
    pub fn new(
        uuid: JobId,
        kind: JobKind,
        agreement: &CustomerAgreement,
        requester: JobRequester,
        now: Timestamp,
    ) -> Self {
        Self {
            uuid,
            kind,
            state: JobState::Pending,
            enterprise_customer_uuid: agreement.enterprise_customer_uuid,
            customer_agreement: agreement.uuid,
            subscription_plan: None,
            params: JobParams::default(),
            dry_run: false,
            requested_by: requester.username,
            requester_email: requester.email,
            lms_user_id: requester.lms_user_id,
            request_id: requester.request_id,
            is_internal: false,
            reason: None,
            renewal: None,
            head_start_seconds: 0,
            rows: None,
            chunks: 0,
            generation: 0,
            lanes: 0,
            counts: None,
            reverses: None,
            reversed_by: None,
            upload: None,
            results: None,
            problem: None,
            kept_until: Some(now + KEPT),
            created: now,
            modified: now,
            version: 0,
        }
    }

    /// The internal run of a change with that stamp. It is running as soon as its record is written.
    pub fn internal(uuid: JobId, kind: JobKind, agreement: &CustomerAgreement, stamp: &Stamp) -> Self {
        let requester = JobRequester {
            username: stamp.actor.clone(),
            email: None,
            lms_user_id: stamp.actor_lms_user_id,
            request_id: stamp.request_id.clone(),
        };
        Self {
            state: JobState::Running,
            is_internal: true,
            reason: Some(stamp.reason.clone()),
            ..Self::new(uuid, kind, agreement, requester, stamp.at)
        }
    }

    /// The waits before the sweeper examines it. The lanes of a job continue by their own messages unless something
    /// interrupted them; only its request works on an internal run during the first wait.
    pub const fn waits(&self) -> Waits {
        if self.is_internal { Waits::INTERNAL } else { Waits::JOB }
    }

    /// The canceled job; `None` if it has ended already. Finished rows keep their outcomes.
    #[must_use]
    pub fn canceled(&self, now: Timestamp) -> Option<Self> {
        self.state.is_open().then(|| Self { state: JobState::Canceled, modified: now, ..self.clone() })
    }

    /// The resumed job. A running job without progress can be resumed, too.
    pub fn resumed(&self, now: Timestamp) -> Result<Self, NotResumable> {
        if self.state == JobState::Done {
            return Err(NotResumable::Done);
        }
        if self.due().is_none() && self.kept_until.is_some_and(|until| until <= now) {
            return Err(NotResumable::NotKept);
        }
        // Its lanes have kept their positions. A job without lanes has not begun.
        let state = match self.state {
            JobState::Waiting => JobState::Waiting,
            _ if self.lanes > 0 => JobState::Running,
            _ => JobState::Pending,
        };
        Ok(Self { state, problem: None, modified: now, ..self.clone() })
    }

    /// When the sweeper examines it next, while it is open.
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            JobState::Pending => {
                Some(self.modified + TimeDelta::seconds(self.head_start_seconds.into()) + self.waits().after(0))
            }
            JobState::Running => Some(self.modified + self.waits().after(0)),
            JobState::Waiting => Some(self.modified + Waits::SEATS.after(0)),
            JobState::Uploading | JobState::Done | JobState::Canceled | JobState::Failed => None,
        }
    }

    /// The outcomes of its rows, as the lanes have counted them so far.
    pub fn counts_of(&self, lanes: &[Lane]) -> JobCounts {
        // The lane that retries waiting rows starts its counts anew each time, so it is left out.
        let own = lanes.iter().filter(|lane| lane.lane < self.lanes);
        own.map(|lane| lane.counts).fold(JobCounts::default(), JobCounts::plus)
    }

    /// The job with these rows, and the rows cut into chunks.
    #[must_use]
    pub fn with_rows(mut self, rows: &[Row]) -> (Self, Vec<Vec<Row>>) {
        let mut cutting = Chunks::new(self.kind, &self.params.course_run_keys);
        let mut chunks: Vec<Vec<Row>> = rows.iter().flat_map(|row| cutting.push(row.clone())).collect();
        chunks.extend(cutting.finish());
        self.rows = Some(to_u64(rows.len()));
        self.chunks = to_u64(chunks.len());
        (self, chunks)
    }
}

/// A row of a job's input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its number, from 0.
    pub row: u64,
    /// The learner.
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
            Self::Synced => "synced",
            Self::Expired => "expired",
            Self::Unlinked => "unlinked",
            Self::Purged => "purged",
            Self::Invalid => "invalid",
        }
    }
}

impl Row {
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
    /// The learner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course_run_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseId>,
    /// The status that a revoked license had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_status: Option<LicenseStatus>,
    /// The row's outcome.
    pub outcome: RowOutcome,
    /// Details of the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
