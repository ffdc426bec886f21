//! The body of a request for a job: the kind, the plan, and the parameters of that kind.

use std::collections::HashSet;

use license_api::{
    ApiError, Body, Complaints, Field, body,
    doc::{CLOSING, GREETING, USER_EMAILS},
    fields::{self, BOOLEAN, Format, MOMENT, UUID, blank_text, integer, list, one_of, text_item},
};
use license_domain::{
    EmailAddress, JobKind, JobParams, LicenseId, LicenseStatus, PlanId, Portfolio, Row, RowFilter, SubscriptionPlan,
    Timestamp,
    email::{MAX_EMAIL_LENGTH, fold},
    maxima::{MAX_COURSE_KEY, MAX_DESCRIPTION, MAX_SOURCE_ID},
};
use serde_json::{Map, Value, json};

/// The most statuses of one filter, repetitions included.
const MAX_STATUSES: usize = 100;

/// The most licenses that a request names.
const MAX_NAMED_LICENSES: usize = 1_000;

/// The most courses of one job.
const MAX_COURSES: usize = 100;

const KINDS: Format = one_of(|| JobKind::ALL.map(|kind| kind.as_str().to_owned()).to_vec());
const PARAMS: Format = Format::ByKind(|| JobKind::ALL.map(|kind| (kind.as_str(), params_of(kind))).to_vec());
const COURSES: Format = list(&text_item(1, MAX_COURSE_KEY)).at_most(MAX_COURSES);
/// A row of a file may have an empty cell, so an item may be empty here, too.
const SOURCE_IDS: Format = list(&text_item(0, MAX_SOURCE_ID)).of_nullable().or_empty();
const STATUSES: Format = list(&Format::OneOf {
    words: || LIVE.map(|status| status.as_str().to_owned()).to_vec(),
    noun: "the status of a live license",
})
.at_most(MAX_STATUSES);
const LIVE: [LicenseStatus; 2] = [LicenseStatus::Activated, LicenseStatus::Assigned];

body! {
    pub struct CreateBody {
        kind: JobKind = Field::new(KINDS, "What is done. `grow`, `freeze`, `delete-revoked`, `revert` and `sync` are for those who create plans."),
        subscription_plan: PlanId = Field::new(UUID, "The plan."),
        params: Option<Map<String, Value>> = Field::new(PARAMS, "What the kind needs.").nullable().optional(),
        dry_run: bool =
            Field::new(BOOLEAN, "Whether the job only says what it would do.").default(|| json!(false)),
        reason: Option<String> =
            Field::new(blank_text(MAX_DESCRIPTION), "Why, for the history; the kind without.").nullable().optional(),
    }
}

body! {
    /// The parameters of all kinds; [`params_of`] selects those of a kind.
    struct ParamsBody {
        user_emails: Option<Vec<EmailAddress>> = Field { text: "The learners: these, an upload or a filter.", ..USER_EMAILS.optional() },
        upload: bool = Field::new(BOOLEAN, "Whether the rows are uploaded as CSV.").default(|| json!(false)),
        all: bool = Field::new(BOOLEAN, "Whether all live licenses of the plan are meant.").default(|| json!(false)),
        status_in: Option<Vec<LicenseStatus>> = Field::new(STATUSES, "Only licenses of these statuses.").optional(),
        user_email: Option<String> =
            Field::new(blank_text(MAX_EMAIL_LENGTH), "Only licenses whose address has this part.").optional(),
        user_sfids: Option<Vec<Option<String>>> =
            Field::new(SOURCE_IDS, "The sales that the licenses come from, one for each address.").optional(),
        greeting: Option<String> = GREETING,
        closing: Option<String> = CLOSING,
        notify_users: Option<bool> =
            Field::new(BOOLEAN, "Whether learners get a mail; by default, when licenses are assigned.").optional(),
        wait: bool =
            Field::new(BOOLEAN, "Whether learners without a seat wait for one.").default(|| json!(false)),
        to_plan: Option<PlanId> = TO_PLAN.optional(),
        course_run_keys: Option<Vec<String>> = COURSE_RUN_KEYS.optional(),
        desired_num_licenses: Option<u64> = DESIRED_NUM_LICENSES,
        revert_to: Option<Timestamp> = REVERT_TO.optional(),
        licenses: Option<Vec<LicenseId>> = LICENSES,
        force: Option<bool> = FORCE,
    }
}

const TO_PLAN: Field = Field::new(UUID, "The plan that licenses go to.").named("to_plan");
const COURSE_RUN_KEYS: Field =
    Field::new(COURSES, "The courses.").named("course_run_keys").example(|| json!(["course-v1:edX+DemoX+2026"]));
const DESIRED_NUM_LICENSES: Field = Field::new(
    integer(1, i64::MAX),
    "How many licenses the plan is to have; without it the desired number of its terms.",
)
.optional()
.named("desired_num_licenses")
.example(|| json!(700));

const REVERT_TO: Field = Field::new(MOMENT, "The time to which licenses are reverted: the past, not the future.")
    .named("revert_to")
    .example(|| json!("2026-01-01T00:00:00Z"));
const LICENSES: Field = Field::new(
    list(&UUID).at_most(MAX_NAMED_LICENSES),
    "Only these licenses; without it all licenses of the plan that a learner has or had.",
)
.optional()
.named("licenses");
const FORCE: Field =
    Field::new(BOOLEAN, "Whether licenses that their learners or others have changed since then are reverted, too.")
        .optional()
        .named("force");

/// The parameters that a kind uses.
fn params_of(kind: JobKind) -> Vec<Field> {
    let unused: &[&str] = match kind {
        JobKind::Assign => &["all", "status_in", "user_email"],
        JobKind::Remind => &["user_sfids", "notify_users", "wait"],
        JobKind::Revoke | JobKind::Transfer => &["user_sfids", "greeting", "closing", "notify_users", "wait"],
        JobKind::Enroll => &["user_sfids", "greeting", "closing", "wait"],
        // Renewals and plan work are internal runs: no request can create one.
        JobKind::Grow
        | JobKind::Freeze
        | JobKind::DeleteRevoked
        | JobKind::Revert
        | JobKind::Sync
        | JobKind::Renew
        | JobKind::Expire
        | JobKind::Unlink
        | JobKind::Purge
        | JobKind::UtilizationReport
        | JobKind::WeeklyReport
        | JobKind::ExpirationReminders
        | JobKind::ExpirationMails
        | JobKind::LicenseEvents => {
            return own_params(kind).to_vec();
        }
    };
    let used = COMMON.iter().filter(|field| !unused.contains(&field.name));
    used.chain(own_params(kind)).copied().collect()
}

/// The parameters that no other kind has.
const fn own_params(kind: JobKind) -> &'static [Field] {
    match kind {
        JobKind::Transfer => &[TO_PLAN],
        JobKind::Enroll => &[COURSE_RUN_KEYS],
        JobKind::Grow => &[DESIRED_NUM_LICENSES],
        JobKind::Revert => &[REVERT_TO, LICENSES, FORCE],
        JobKind::Assign
        | JobKind::Revoke
        | JobKind::Remind
        | JobKind::Freeze
        | JobKind::DeleteRevoked
        | JobKind::Sync
        | JobKind::Renew
        | JobKind::Expire
        | JobKind::Unlink
        | JobKind::Purge
        | JobKind::UtilizationReport
        | JobKind::WeeklyReport
        | JobKind::ExpirationReminders
        | JobKind::ExpirationMails
        | JobKind::LicenseEvents => &[],
    }
}

/// The parameters of every kind whose rows are learners: all but the last six.
const COMMON: &[Field] = match ParamsBody::FIELDS.split_last_chunk::<6>() {
    Some((common, _)) => common,
    None => panic!("the last six are those of one kind each"),
};

/// A request for a job.
pub struct JobRequest {
    pub kind: JobKind,
    pub plan: PlanId,
    pub dry_run: bool,
    pub params: JobParams,
    /// The rows, if the body contains them.
    pub rows: Option<Vec<Row>>,
    /// Whether the rows will be uploaded.
    pub upload: bool,
    /// Why, if the request says so.
    pub reason: Option<String>,
}

impl JobRequest {
    /// Reads the request; the error contains the complaints about its body and about the kind's parameters.
    pub fn read(body: &Body) -> Result<Self, Complaints> {
        let CreateBody { kind, subscription_plan: plan, params, dry_run, reason } = CreateBody::read(body)?;
        let params = Body::json(params.unwrap_or_default());
        // Parameters that the kind does not use are checked, too, and then ignored.
        let (params, rows, upload) = fields::read(&params, &[COMMON, own_params(kind)].concat())
            .and_then(|params| Self::with_params(kind, params))
            .map_err(|complaints| Complaints::within("params", complaints))?;
        let reason = reason.filter(|reason| !reason.is_empty());
        Ok(Self { kind, plan, dry_run, params, rows, upload, reason })
    }

    fn with_params(kind: JobKind, body: ParamsBody) -> Result<(JobParams, Option<Vec<Row>>, bool), Complaints> {
        match kind {
            JobKind::Grow | JobKind::Freeze | JobKind::Sync => {
                let params = JobParams { desired_num_licenses: body.desired_num_licenses, ..JobParams::default() };
                return Ok((params, Some(vec![Row::default()]), false));
            }
            JobKind::Revert => return Ok(revert(body)),
            JobKind::DeleteRevoked => return Ok((JobParams::all_of(&[LicenseStatus::Revoked]), None, false)),
            _ => {}
        }
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (emails, search) = (body.user_emails, said(body.user_email));
        let is_filtered = body.all || body.status_in.is_some() || search.is_some();
        if kind == JobKind::Assign && is_filtered {
            return Err(Complaints::of("user_emails", "Licenses are assigned to learners by address."));
        }
        if usize::from(emails.is_some()) + usize::from(body.upload) + usize::from(is_filtered) != 1 {
            let complaint = "Give user_emails, or upload, or a filter (all, status_in, user_email).";
            return Err(Complaints::of("user_emails", complaint));
        }
        let sources = body.user_sfids.unwrap_or_default();
        if !sources.is_empty() && sources.len() != emails.as_ref().map_or(0, Vec::len) {
            return Err(Complaints::of("user_sfids", "user_sfids must hold as many items as user_emails."));
        }
        let filter = is_filtered.then(|| {
            let statuses = body.status_in.unwrap_or_else(|| match kind {
                JobKind::Remind => vec![LicenseStatus::Assigned],
                _ => LIVE.to_vec(),
            });
            // The filter is part of the job's item, so repeated values are removed.
            let search = search.iter().map(|part| fold(part)).collect();
            RowFilter { statuses: once_each(statuses), search }
        });
        let params = JobParams {
            greeting: said(body.greeting),
            closing: said(body.closing),
            notify: body.notify_users.unwrap_or(kind == JobKind::Assign),
            wait: body.wait && kind == JobKind::Assign,
            filter,
            to_plan: body.to_plan,
            course_run_keys: once_each(body.course_run_keys.unwrap_or_default()),
            ..JobParams::default()
        };
        Ok((params, emails.map(|emails| rows(&emails, &sources)), body.upload))
    }

    /// Refuses what the plan does not allow.
    pub fn check(&self, plan: &SubscriptionPlan, portfolio: &Portfolio, now: Timestamp) -> Result<(), ApiError> {
        let complain = |field: &str, text: &str| Err(Complaints::within("params", Complaints::of(field, text)).into());
        if self.kind == JobKind::Revoke && self.params.filter.is_some() && plan.is_revocation_cap_enabled {
            return complain("all", "The plan has a cap on revocations: name the learners.");
        }
        if self.kind == JobKind::Freeze && !plan.can_freeze_unused_licenses {
            let text = "The plan's unused licenses may not be frozen.";
            return Err(Complaints::of("subscription_plan", text).into());
        }
        if self.params.revert_to.is_some_and(|to| to > now) {
            return complain("revert_to", "This time is yet to come.");
        }
        match self.params.to_plan {
            Some(to) if to == plan.uuid => complain("to_plan", "This is the plan itself."),
            Some(to) if portfolio.plan(to).is_none() => complain("to_plan", "The agreement has no such plan."),
            _ => Ok(()),
        }
    }
}

/// The parameters and rows of a revert.
fn revert(body: ParamsBody) -> (JobParams, Option<Vec<Row>>, bool) {
    let rows = body.licenses.map(|licenses| Row::of_licenses(once_each(licenses)));
    let params = JobParams::reverting(rows.is_none());
    (JobParams { revert_to: body.revert_to, force: body.force.unwrap_or_default(), ..params }, rows, false)
}

fn once_each<T: Clone + Eq + std::hash::Hash>(mut items: Vec<T>) -> Vec<T> {
    let mut known = HashSet::new();
    items.retain(|item| known.insert(item.clone()));
    items
}

/// One row for each learner, in the order of their first occurrence.
fn rows(emails: &[EmailAddress], sources: &[Option<String>]) -> Vec<Row> {
    let mut named = HashSet::new();
    let sources = sources.iter().map(|source| source.clone().filter(|source| !source.is_empty()));
    let sources = sources.chain(std::iter::repeat(None));
    let each = emails.iter().zip(sources).filter(|(email, _)| named.insert(email.key()));
    (0..)
        .zip(each)
        .map(|(row, (email, source_id))| Row { row, user_email: Some(email.clone()), source_id, ..Row::default() })
        .collect()
}
