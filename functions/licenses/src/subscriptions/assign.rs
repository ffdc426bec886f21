//! `POST /api/v1/subscriptions/{plan}/licenses/assign/`: assigns a license of the plan to every given learner, or none
//! at all if there are too few. Learners who hold one already are counted and not changed.
//!
//! ```json
//! {"user_emails": ["ann@example.com"], "greeting": "Welcome!", "notify_users": true}
//! ```
//! ```json
//! {"num_successful_assignments": 1, "num_already_associated": 0,
//!  "license_assignments": [{"user_email": "ann@example.com", "license": "…"}]}
//! ```

use std::collections::{HashMap, hash_map::Entry};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use futures::try_join;
use license_api::{
    ADMINS, ApiError, Body, Complaints, Doc, Field, Requester, RequiredPermission, Route, RouteAccess, body,
    doc::{self, CLOSING, GREETING, Shape, USER_EMAILS},
    fields::{BOOLEAN, Format, list, text_item},
    id,
};
use license_domain::{
    EmailAddress, EmailKey, LicenseId, PlanId,
    maxima::{MAX_SOURCE_ID, MIN_SOURCE_ID},
};
use license_storage::{AssignRequest, Assigned, Assignment};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use license_work::InlineError;

use crate::{Context, inline::inline_error, plan};

/// The sales that licenses come from; null for a learner without one.
const SOURCE_IDS: Format = list(&text_item(MIN_SOURCE_ID, MAX_SOURCE_ID)).of_nullable();

/// The id of one sale for each address.
pub const USER_SFIDS: Field =
    Field::new(SOURCE_IDS, "The sales that the licenses come from, one for each address.").optional();
/// Whether learners get a mail.
pub const NOTIFY_USERS: Field =
    Field::new(BOOLEAN, "Whether the learners are invited by mail.").default(|| json!(true));

body! {
    /// The learners to whom licenses are assigned.
    pub struct AssignBody {
        user_emails: Vec<EmailAddress> = USER_EMAILS,
        user_sfids: Option<Vec<Option<String>>> = USER_SFIDS,
        greeting: Option<String> = GREETING,
        closing: Option<String> = CLOSING,
        notify_users: bool = NOTIFY_USERS,
    }
}

pub const ROUTE: Route = Route {
    method: "POST",
    path: "/api/v1/subscriptions/{plan}/licenses/assign/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "Assign licenses of a plan",
        query: &[],
        body: AssignBody::FIELDS,
        answers: &[
            doc::ResponseDoc::new(
                200,
                "Who got a license, and how many had one.",
                Shape::Of(doc::schema::<AssignResponse>),
            ),
            doc::ResponseDoc::new(
                400,
                "The body is not valid, or the plan has too few unassigned licenses: nothing was assigned.",
                Shape::Complaints,
            ),
        ],
    },
};

/// The assignments in a body.
#[derive(Debug)]
struct Wanted {
    assignments: Vec<Assignment>,
    notify: bool,
    greeting: Option<String>,
    closing: Option<String>,
}

/// What was assigned.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Assignments")]
pub struct AssignResponse {
    num_successful_assignments: usize,
    num_already_associated: u64,
    license_assignments: Vec<AssignedLicense>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Assignment")]
struct AssignedLicense {
    user_email: String,
    license: LicenseId,
}

/// The agreement and the plan's items are read at the same time, so that an assignment takes one round trip for reading
/// and one for writing. An invalid body gets 400 only from requesters who may assign.
pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Json<AssignResponse>, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&requester)?;
    assign(&context, &requester, plan, body).await
}

/// Assigns licenses of that plan.
pub async fn assign(
    context: &Context,
    requester: &Requester,
    plan: PlanId,
    body: Result<Body, ApiError>,
) -> Result<Json<AssignResponse>, ApiError> {
    let wanted = body.and_then(|body| Ok(Wanted::read(&body)?));
    let emails: Vec<EmailKey> = wanted.as_ref().map(Wanted::keys).unwrap_or_default();
    let (portfolio, prefetch) =
        try_join!(context.portfolios.portfolio_of_plan(plan), context.prefetches.prefetch(plan, &emails))?;
    plan::require(requester, portfolio.as_ref())?;
    let Wanted { assignments, notify, greeting, closing } = wanted?;
    let (portfolio, plan) = plan::found(portfolio.as_ref(), plan)?;
    if let Some(assigned) = requester.recorded().await? {
        return Ok(Json(AssignResponse::of(&assigned)));
    }
    let change = requester.change("assign").await?;
    let request = AssignRequest { assignments, notify, greeting, closing, prefetch, change };
    match context.runs.assign(portfolio, plan, request).await {
        Ok(assigned) => Ok(Json(AssignResponse::of(&assigned))),
        Err(InlineError::NotEnough { wanted, available }) => Err(ApiError::text(
            StatusCode::BAD_REQUEST,
            format!("The plan has too few unassigned licenses: {wanted} wanted, {available} available."),
        )),
        Err(error) => Err(inline_error(error)),
    }
}

impl Wanted {
    fn read(body: &Body) -> Result<Self, Complaints> {
        let AssignBody { user_emails, user_sfids, greeting, closing, notify_users } = AssignBody::read(body)?;
        let sources = user_sfids.unwrap_or_default();
        if !sources.is_empty() && sources.len() != user_emails.len() {
            return Err(Complaints::of("non_field_errors", "user_sfids must hold as many items as user_emails."));
        }
        let is_said = |text: &String| !text.is_empty();
        Ok(Self {
            assignments: assignments(&user_emails, sources),
            notify: notify_users,
            greeting: greeting.filter(is_said),
            closing: closing.filter(is_said),
        })
    }

    fn keys(&self) -> Vec<EmailKey> {
        self.assignments.iter().map(|body| body.email.key()).collect()
    }
}

/// One assignment for each learner, in the order of their first occurrence. Open edX's license-manager returns
/// addresses in lower case, and its clients look them up in that spelling.
fn assignments(emails: &[EmailAddress], sources: Vec<Option<String>>) -> Vec<Assignment> {
    let mut positions = HashMap::new();
    let mut assignments: Vec<Assignment> = Vec::with_capacity(emails.len());
    for (email, source_id) in emails.iter().zip(sources.into_iter().chain(std::iter::repeat(None))) {
        let key = email.key();
        match positions.entry(key) {
            Entry::Vacant(entry) => {
                let email = EmailAddress::on_record(entry.key().as_str());
                entry.insert(assignments.len());
                assignments.push(Assignment { email, source_id });
            }
            Entry::Occupied(entry) => {
                let known = &mut assignments[*entry.get()];
                known.source_id = known.source_id.take().or(source_id);
            }
        }
    }
    assignments
}

impl AssignResponse {
    fn of(assigned: &Assigned) -> Self {
        let line = |(email, license): &(EmailAddress, LicenseId)| AssignedLicense {
            user_email: email.as_given().to_owned(),
            license: *license,
        };
        Self {
            num_successful_assignments: assigned.assigned.len(),
            num_already_associated: assigned.already_associated,
            license_assignments: assigned.assigned.iter().map(line).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(body: &Value) -> Result<Wanted, Complaints> {
        Wanted::read(&Body::json(body.as_object().expect("an object").clone()))
    }

    fn refusal(body: &Value) -> Value {
        parsed(body).expect_err("complaints").into_value()
    }

    #[test]
    fn a_learner_named_twice_is_one_assignment_in_lower_case() {
        let sale = "006000000000000001";
        let body = parsed(&json!({
            "template": "ignored",
            "user_emails": [" Ann@X.example", "bob@x.example", "ann@x.example"],
            "user_sfids": [null, null, sale],
            "greeting": "",
        }))
        .expect("valid");
        let found: Vec<(&str, Option<&str>)> =
            body.assignments.iter().map(|body| (body.email.as_given(), body.source_id.as_deref())).collect();
        assert_eq!(found, [("ann@x.example", Some(sale)), ("bob@x.example", None)]);
        assert_eq!((body.notify, body.greeting), (true, None));
    }

    #[test]
    fn complaints_are_by_field() {
        assert_eq!(refusal(&json!({})), json!({"user_emails": ["This field is required."]}));
        assert_eq!(
            refusal(&json!({"user_emails": ["a@b.example", "x"], "user_sfids": ["short", 1], "closing": [1]})),
            json!({
                "user_emails": {"1": ["Enter a valid email address."]},
                "user_sfids": {"0": ["Ensure this field has at least 18 characters."], "1": ["Not a valid string."]},
                "closing": ["Not a valid string."],
            })
        );
        assert_eq!(
            refusal(&json!({"user_emails": ["a@b.example"], "user_sfids": [null, null]})),
            json!({"non_field_errors": ["user_sfids must hold as many items as user_emails."]})
        );
    }
}
