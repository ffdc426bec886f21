//! Assigns, revokes and reminds by pasted addresses: a form, a preview of what would happen and to how many, then a
//! reason and the change itself. The change is made by the use cases of the API, and recorded with the person's name
//! and reason.

mod consequences;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_api::{ApiError, Requester};
use license_domain::{EmailAddress, EmailKey, LicenseStatus, PlanId, Portfolio, SubscriptionPlan};
use license_storage::{
    AssignRequest, Assigned, Assignment, MAX_PREFETCHED, Prefetch, RemindRequest, Revocation, Revocations,
    RevokeRequest, StoreError,
};
use license_work::InlineError;

use self::consequences::consequences;
use crate::{
    Access, Context, Page, Right, addresses,
    done::done_page,
    error::{PageError, work_failed},
    form::Form,
    guard::Operator,
    once::{self, NO_REASON},
    plan,
    render::{Frame, page},
};

const OPERATE: Access = Access::Needs(Right::Operate);

/// The form.
pub const FORM: Page = Page::get("/admin/plans/{plan}/{action}/", OPERATE);
/// What would happen.
pub const PREVIEW: Page = Page::post("/admin/plans/{plan}/{action}/preview/", OPERATE);
/// The change.
pub const CONFIRM: Page = Page::post("/admin/plans/{plan}/{action}/", OPERATE);

/// The most addresses of one form; a job accepts more.
const MAX_ADDRESSES: usize = 1_000;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Assign,
    Revoke,
    Remind,
}

impl Action {
    fn parse(text: &str) -> Result<Self, PageError> {
        match text {
            "assign" => Ok(Self::Assign),
            "revoke" => Ok(Self::Revoke),
            "remind" => Ok(Self::Remind),
            _ => Err(PageError::not_found()),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Revoke => "revoke",
            Self::Remind => "remind",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Assign => "Assign licenses",
            Self::Revoke => "Revoke licenses",
            Self::Remind => "Remind learners",
        }
    }
}

#[derive(Template)]
#[template(path = "change_form.html")]
struct FormPage<'a> {
    frame: Frame,
    plan: &'a SubscriptionPlan,
    action: &'static str,
    is_assign: bool,
    addresses: String,
    notify: bool,
    complaints: Vec<String>,
}

#[derive(Template)]
#[template(path = "change_preview.html")]
struct PreviewPage<'a> {
    frame: Frame,
    plan: &'a SubscriptionPlan,
    action: &'static str,
    title: &'static str,
    addresses: String,
    notify: bool,
    lines: Vec<String>,
    is_possible: bool,
    key: String,
    complaint: &'static str,
}

/// The input of the form.
struct Wanted {
    emails: Vec<EmailAddress>,
    notify: bool,
}

impl Wanted {
    fn read(form: &Form) -> Result<Self, Vec<String>> {
        let emails = addresses::read(form.get("addresses").unwrap_or_default(), MAX_ADDRESSES)?;
        Ok(Self { emails, notify: form.get("notify").is_some() })
    }

    fn text(&self) -> String {
        addresses::text(&self.emails)
    }
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, action)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let action = Action::parse(&action)?;
    let (_, plan) = plan::find(&context, &plan).await?;
    Ok(form_page(&operator, &plan, action, String::new(), true, Vec::new()))
}

fn form_page(
    operator: &Operator,
    plan: &SubscriptionPlan,
    action: Action,
    addresses: String,
    notify: bool,
    complaints: Vec<String>,
) -> Response {
    let is_refused = !complaints.is_empty();
    let frame = Frame::of(operator, action.title());
    let is_assign = action == Action::Assign;
    let mut response = page(&FormPage { frame, plan, action: action.name(), is_assign, addresses, notify, complaints });
    if is_refused {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

pub async fn preview(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, action)): Path<(String, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let action = Action::parse(&action)?;
    let (_, plan) = plan::find(&context, &plan).await?;
    match Wanted::read(&form) {
        Ok(wanted) => preview_page((&context, &operator), &plan, action, (&wanted, &form), "").await,
        Err(complaints) => {
            let addresses = form.get("addresses").unwrap_or_default().to_owned();
            Ok(form_page(&operator, &plan, action, addresses, form.get("notify").is_some(), complaints))
        }
    }
}

async fn preview_page(
    (context, operator): (&Context, &Operator),
    plan: &SubscriptionPlan,
    action: Action,
    (wanted, form): (&Wanted, &Form),
    complaint: &'static str,
) -> Result<Response, PageError> {
    let (lines, is_possible) = consequences(context, plan, action, wanted).await?;
    let mut response = page(&PreviewPage {
        frame: Frame::of(operator, format!("{}: preview", action.title())),
        plan,
        action: action.name(),
        title: action.title(),
        addresses: wanted.text(),
        notify: wanted.notify,
        lines,
        is_possible,
        key: once::key(context, Some(form)),
        complaint,
    });
    if !complaint.is_empty() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, action)): Path<(String, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let action = Action::parse(&action)?;
    let (portfolio, plan) = plan::find(&context, &plan).await?;
    let wanted = match Wanted::read(&form) {
        Ok(wanted) => wanted,
        Err(complaints) => return Ok(form_page(&operator, &plan, action, String::new(), true, complaints)),
    };
    let Some(reason) = once::reason(&form) else {
        return preview_page((&context, &operator), &plan, action, (&wanted, &form), NO_REASON).await;
    };
    let path = format!("/admin/plans/{}/{}/", plan.uuid, action.name());
    let (context, subject) = (&context, (&portfolio, &plan));
    let change = |requester| carry_out(context, subject, action, &wanted, requester);
    let lines = match once::once(context, &operator, (&path, &form), reason, change).await {
        Ok(lines) => lines,
        Err(error) => return Err(PageError::refusal(error)),
    };
    let back = (format!("/admin/plans/{}/", plan.uuid), plan.title.clone());
    Ok(done_page(&operator, action.title(), &back, &lines))
}

/// Makes the change, unless its outcome is on record.
async fn carry_out(
    context: &Context,
    (portfolio, plan): (&Portfolio, &SubscriptionPlan),
    action: Action,
    wanted: &Wanted,
    requester: Requester,
) -> Result<Vec<String>, ApiError> {
    let emails = wanted.emails.clone();
    let prefetch = Prefetch::default();
    match action {
        Action::Assign => {
            if let Some(assigned) = requester.recorded().await? {
                return Ok(of_assigned(&assigned));
            }
            let change = requester.change(action.name()).await?;
            let assignments = emails.into_iter().map(|email| Assignment { email, source_id: None }).collect();
            let notify = wanted.notify;
            let request = AssignRequest { assignments, notify, greeting: None, closing: None, prefetch, change };
            context.runs.assign(portfolio, plan, request).await.map(|assigned| of_assigned(&assigned)).map_err(failed)
        }
        Action::Revoke => {
            if let Some(outcome) = requester.recorded().await? {
                return Ok(of_revoked(&outcome));
            }
            let change = requester.change(action.name()).await?;
            let request = RevokeRequest { emails, prefetch, change };
            context.runs.revoke(portfolio, plan, request).await.map(|outcome| of_revoked(&outcome)).map_err(failed)
        }
        Action::Remind => {
            if let Some(()) = requester.recorded().await? {
                return Ok(vec![
                    "The learners who wait for activation were reminded, when the form was first sent.".to_owned(),
                ]);
            }
            let pending = waiting(context, plan.uuid, emails).await?;
            let count = pending.len();
            let change = requester.change(action.name()).await?;
            if count == 0 {
                requester.record(&change).await?;
            } else {
                let request = RemindRequest { emails: pending, greeting: None, closing: None, prefetch, change };
                context.runs.remind(portfolio, plan, request).await.map_err(failed)?;
            }
            Ok(vec![format!("{count} learners are reminded.")])
        }
    }
}

fn of_assigned(assigned: &Assigned) -> Vec<String> {
    vec![
        format!("{} learners got a license.", assigned.assigned.len()),
        format!("{} learners had one already.", assigned.already_associated),
    ]
}

fn of_revoked(outcome: &Revocations) -> Vec<String> {
    let of = |is: fn(&Revocation) -> bool| outcome.iter().filter(|(_, one)| is(one)).count();
    let revoked = of(|one| matches!(one, Revocation::Revoked { .. }));
    let not_found = of(|one| matches!(one, Revocation::NotFound));
    let mut lines =
        vec![format!("{revoked} licenses were revoked."), format!("{not_found} learners had none of this plan.")];
    let capped = outcome.len() - revoked - not_found;
    if capped > 0 {
        lines.push(format!("{capped} licenses were not revoked: the plan's revocation cap does not allow it."));
    }
    lines
}

/// The learners with a license that is not activated.
async fn waiting(context: &Context, plan: PlanId, emails: Vec<EmailAddress>) -> Result<Vec<EmailAddress>, StoreError> {
    let mut pending = Vec::new();
    for some in emails.chunks(MAX_PREFETCHED) {
        let keys: Vec<EmailKey> = some.iter().map(EmailAddress::key).collect();
        let held = context.prefetches.prefetch(plan, &keys).await?.held(plan, &keys, LicenseStatus::Assigned)?;
        pending.extend(some.iter().filter(|email| held.contains(&email.key())).cloned());
    }
    Ok(pending)
}

/// The outcome as a text for the person. A failure is a failure of the service.
fn failed(error: InlineError) -> ApiError {
    match error {
        InlineError::NotEnough { wanted, available } => ApiError::text(
            StatusCode::CONFLICT,
            format!("{wanted} licenses are wanted, and {available} are unassigned. None was assigned."),
        ),
        InlineError::Unfinished => {
            ApiError::text(StatusCode::ACCEPTED, "It goes on by itself. The plan's page shows how far it is.")
        }
        InlineError::Work(error) => work_failed(error),
    }
}
