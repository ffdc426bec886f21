//! What a body asks for: the kind, the plan, and what the kind needs.

use std::collections::HashSet;

use axum::http::StatusCode;
use license_api::{ApiError, Body, Fields, Presence, Text, email, text_item};
use license_domain::{
    EmailAddress, JobKind, JobParams, LicenseStatus, PlanId, Portfolio, Row, RowFilter, SubscriptionPlan,
    email::MAX_EMAIL_LENGTH,
    maxima::{MAX_COURSE_KEY, MAX_MAIL_TEXT, MAX_SOURCE_ID},
};
use serde_json::{Map, Value, json};

/// The kinds, as they are named.
pub const KINDS: &[&str] = &["assign", "revoke", "remind", "transfer", "enroll", "grow"];

/// The most characters that a kind's name is read for.
const MAX_KIND: usize = 255;

/// The most courses of one job.
const MAX_COURSES: usize = 100;

/// What is asked for.
pub struct Wish {
    pub kind: JobKind,
    pub plan: PlanId,
    pub dry_run: bool,
    pub params: JobParams,
    /// The rows, where they are named.
    pub rows: Option<Vec<Row>>,
    /// Whether they will be uploaded.
    pub upload: bool,
}

impl Wish {
    pub fn parse(body: &Body) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let kind = fields.text("kind", Text { presence: Presence::Required, blank: false, max: MAX_KIND });
        let kind = kind.and_then(|kind| {
            let known = JobKind::ALL.into_iter().find(|known| known.as_str() == kind);
            if known.is_none() {
                fields.fail("kind", format!("\"{kind}\" is not a valid choice."));
            }
            known
        });
        let plan = fields.uuid("subscription_plan", Presence::Required).map(PlanId);
        let dry_run = fields.boolean("dry_run", Presence::Optional).unwrap_or_default();
        let params = match fields.value("params") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params.clone(),
            Some(_) => {
                fields.fail("params", "Expected a dictionary of items.");
                Map::new()
            }
        };
        if let (Some(kind), true) = (kind, fields.is_valid()) {
            match Self::params(kind, &params) {
                Ok((params, rows, upload)) => {
                    fields.finish()?;
                    return match plan {
                        Some(plan) => Ok(Self { kind, plan, dry_run, params, rows, upload }),
                        None => Err(not_understood()),
                    };
                }
                Err(complaints) => fields.fail_with("params", Value::Object(complaints)),
            }
        }
        fields.finish()?;
        Err(not_understood())
    }

    fn params(kind: JobKind, given: &Map<String, Value>) -> Result<Parts, Map<String, Value>> {
        let body = Body::json(given.clone());
        let mut fields = Fields::new(&body);
        let words = |max| Text { presence: Presence::Optional, blank: true, max };
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let greeting = said(fields.text("greeting", words(MAX_MAIL_TEXT)));
        let closing = said(fields.text("closing", words(MAX_MAIL_TEXT)));
        let is_told = kind == JobKind::Assign;
        let notify = fields.boolean("notify_users", Presence::Optional).unwrap_or(is_told);
        let wait = fields.boolean("wait", Presence::Optional).unwrap_or_default();
        let upload = fields.boolean("upload", Presence::Optional).unwrap_or_default();
        let emails = fields.list("user_emails", Presence::Optional, false, email);
        let sources = fields.list("user_sfids", Presence::Optional, true, source);
        let all = fields.boolean("all", Presence::Optional).unwrap_or_default();
        let statuses = fields.list("status_in", Presence::Optional, false, status);
        let search = said(fields.text("user_email", words(MAX_EMAIL_LENGTH)));
        let mut params = JobParams { greeting, closing, notify, wait: wait && is_told, ..JobParams::default() };
        let is_filtered = all || statuses.is_some() || search.is_some();
        let ways = usize::from(emails.is_some()) + usize::from(upload) + usize::from(is_filtered);
        match kind {
            JobKind::Grow => {
                let wanted = fields.integer("desired_num_licenses", Presence::Required, Some(1), None);
                params.desired_num_licenses =
                    wanted.map(|wanted| u64::try_from(wanted).expect("the field is 1 at least"));
                let row = vec![Row::default()];
                return done(fields, (params, Some(row), false));
            }
            JobKind::Assign if is_filtered => {
                fields.fail("user_emails", "Licenses are assigned to learners by address.");
            }
            _ if ways != 1 && fields.is_valid() => {
                fields.fail("user_emails", "Give user_emails, or upload, or a filter (all, status_in, user_email).");
            }
            _ => {}
        }
        if kind == JobKind::Transfer {
            params.to_plan = fields.uuid("to_plan", Presence::Required).map(PlanId);
        }
        if kind == JobKind::Enroll {
            let keys = fields.list("course_run_keys", Presence::Required, false, course).unwrap_or_default();
            if keys.len() > MAX_COURSES {
                fields.fail("course_run_keys", format!("Ensure this field has no more than {MAX_COURSES} elements."));
            }
            let mut known = HashSet::new();
            params.course_run_keys = keys.into_iter().filter(|key| known.insert(key.clone())).collect();
        }
        if is_filtered {
            let live = vec![LicenseStatus::Activated, LicenseStatus::Assigned];
            let mut statuses = statuses.unwrap_or_else(|| match kind {
                JobKind::Remind => vec![LicenseStatus::Assigned],
                _ => live,
            });
            // They lie in the job's own item: however often one is named, it is there once.
            let mut known = HashSet::new();
            statuses.retain(|status| known.insert(*status));
            let search = search.into_iter().map(|part| part.trim().to_lowercase()).collect();
            params.filter = Some(RowFilter { statuses, search });
        }
        let sources = sources.unwrap_or_default();
        if fields.is_valid() && !sources.is_empty() && sources.len() != emails.as_ref().map_or(0, Vec::len) {
            fields.fail("user_sfids", "user_sfids must hold as many items as user_emails.");
        }
        let rows = emails.map(|emails| rows(&emails, &sources));
        done(fields, (params, rows, upload))
    }

    /// What is wrong with it for that plan.
    pub fn check(&self, plan: &SubscriptionPlan, portfolio: &Portfolio) -> Result<(), ApiError> {
        let complain = |field: &str, text: &str| {
            Err(ApiError::json(StatusCode::BAD_REQUEST, json!({ "params": { field: [text] } })))
        };
        if self.kind == JobKind::Revoke && self.params.filter.is_some() && plan.is_revocation_cap_enabled {
            return complain("all", "The plan has a cap on revocations: name the learners.");
        }
        match self.params.to_plan {
            Some(to) if to == plan.uuid => complain("to_plan", "This is the plan itself."),
            Some(to) if portfolio.plan(to).is_none() => complain("to_plan", "The agreement has no such plan."),
            _ => Ok(()),
        }
    }
}

type Parts = (JobParams, Option<Vec<Row>>, bool);

fn done(fields: Fields<'_>, parts: Parts) -> Result<Parts, Map<String, Value>> {
    if fields.is_valid() { Ok(parts) } else { Err(fields.into_errors()) }
}

/// Whatever is wrong with a body is said by field; this is for what nobody thought of.
fn not_understood() -> ApiError {
    ApiError::detail(StatusCode::BAD_REQUEST, "The body is not understood.")
}

/// One row for each learner, in the order in which they are first named.
fn rows(emails: &[EmailAddress], sources: &[Option<String>]) -> Vec<Row> {
    let mut named = HashSet::new();
    let sources = sources.iter().cloned().chain(std::iter::repeat(None));
    let each = emails.iter().zip(sources).filter(|(email, _)| named.insert(email.key()));
    (0..)
        .zip(each)
        .map(|(row, (email, source_id))| Row { row, user_email: Some(email.clone()), source_id, ..Row::default() })
        .collect()
}

fn source(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        // A row of a file may leave its cell empty; so may an item here.
        Value::String(text) if text.trim().is_empty() => Ok(None),
        value => text_item(value, MAX_SOURCE_ID).map(Some),
    }
}

fn status(value: &Value) -> Result<LicenseStatus, String> {
    let found = value.as_str().and_then(|text| text.parse::<LicenseStatus>().ok()).filter(|status| status.is_live());
    found.ok_or_else(|| "Only assigned and activated licenses can be meant.".to_owned())
}

fn course(value: &Value) -> Result<String, String> {
    text_item(value, MAX_COURSE_KEY)
}
