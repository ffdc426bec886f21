//! The response with a job.

use std::collections::BTreeMap;

use license_api::wire::time;
use license_clients::UploadForm;
use license_domain::number::to_u64;
use license_domain::{
    EnterpriseId, Job, JobCounts, JobId, JobKind, JobState, Lane, LicenseId, PlanId, RowOutcome, RowResult, Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

/// A job.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub struct Shown {
    id: JobId,
    kind: JobKind,
    state: JobState,
    dry_run: bool,
    enterprise_customer_uuid: EnterpriseId,
    subscription_plan: Option<PlanId>,
    /// How many rows it has; null until that is known.
    rows: Option<u64>,
    /// The outcomes of the rows so far.
    counts: JobCounts,
    /// How much is done, in percent.
    progress: u8,
    requested_by: String,
    /// Why it failed.
    problem: Option<String>,
    /// The job that this one undoes.
    reverses: Option<JobId>,
    /// The job that undoes this one.
    reversed_by: Option<JobId>,
    /// How its rows are uploaded, as CSV with the column `user_email`; null where they are not awaited.
    upload_form: Option<ShownForm>,
    /// Deprecated, use `upload_form`: whereto the rows are put (with PUT). Nothing refuses a file that is too large there;
    /// the job fails.
    upload_url: Option<String>,
    #[serde(serialize_with = "time::serialize")]
    #[schemars(with = "Timestamp")]
    created: Timestamp,
    #[serde(serialize_with = "time::serialize")]
    #[schemars(with = "Timestamp")]
    modified: Timestamp,
}

impl Shown {
    /// The job, with the counts of its lanes so far.
    pub fn new(job: &Job, lanes: &[Lane]) -> Self {
        let counts = job.counts.unwrap_or_else(|| job.counts_of(lanes));
        let done = counts.processed.saturating_sub(counts.waiting);
        // An enrollment counts each row once for each course.
        let all = job.rows.map(|rows| match job.kind {
            JobKind::Enroll => rows * to_u64(job.params.course_run_keys.len()),
            _ => rows,
        });
        let progress = match (job.state, all) {
            (JobState::Done, _) => 100,
            (_, Some(all)) if all > 0 => u8::try_from((done * 100 / all).min(100)).expect("a percentage"),
            _ => 0,
        };
        Self {
            id: job.uuid,
            kind: job.kind,
            state: job.state,
            dry_run: job.dry_run,
            enterprise_customer_uuid: job.enterprise_customer_uuid,
            subscription_plan: job.subscription_plan,
            rows: job.rows,
            counts,
            progress,
            requested_by: job.requested_by.clone(),
            problem: job.problem.clone(),
            reverses: job.reverses,
            reversed_by: job.reversed_by,
            upload_form: None,
            upload_url: None,
            created: job.created,
            modified: job.modified,
        }
    }

    /// A copy with the ways to upload its rows.
    #[must_use]
    pub fn awaiting(mut self, upload: Option<(UploadForm, String)>) -> Self {
        if let Some((form, url)) = upload {
            self.upload_form = Some(form.into());
            self.upload_url = Some(url);
        }
        self
    }
}

/// A form by which one file can be uploaded, for a while.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobUploadForm")]
pub struct ShownForm {
    /// Whereto the form is posted, as `multipart/form-data`. 204 says that the file is there.
    url: String,
    /// The form's fields, each as it is. The file follows them as the field `file`.
    fields: BTreeMap<&'static str, String>,
    /// The most bytes of the file. A larger one is refused, and so is an empty one.
    max_bytes: u64,
    /// Until when the form can be posted; the job, asked for again, has another one.
    #[serde(serialize_with = "time::serialize")]
    #[schemars(with = "Timestamp")]
    expires: Timestamp,
}

impl From<UploadForm> for ShownForm {
    fn from(form: UploadForm) -> Self {
        Self { url: form.url, fields: form.fields, max_bytes: form.max_bytes, expires: form.expires }
    }
}

/// A row and its outcome.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "JobResult")]
pub struct ShownRow {
    row: u64,
    user_email: Option<String>,
    course_run_key: Option<String>,
    license: Option<LicenseId>,
    outcome: RowOutcome,
    detail: Option<String>,
}

impl From<RowResult> for ShownRow {
    fn from(result: RowResult) -> Self {
        Self {
            row: result.row,
            user_email: result.user_email.map(|email| email.as_given().to_owned()),
            course_run_key: result.course_run_key,
            license: result.license,
            outcome: result.outcome,
            detail: result.detail,
        }
    }
}
