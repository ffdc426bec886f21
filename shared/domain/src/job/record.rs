//! The record of a run, and what may become of it.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{JobCounts, JobKind, JobParams, JobState, KEPT, Lane, NotResumable, Row, chunks::Chunks};
use crate::{
    actor::Stamp,
    agreement::CustomerAgreement,
    clock::Timestamp,
    due::Waits,
    email::EmailAddress,
    ids::{AgreementId, EnterpriseId, JobId, LmsUserId, PlanId, RenewalId},
    number::to_u64,
};

/// The renewal that a run carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalRun {
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
    pub state: JobState,
    pub enterprise_customer_uuid: EnterpriseId,
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
