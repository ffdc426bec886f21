//! Assigns, revokes and reminds by pasted addresses: a form, a preview of what would happen and to how many, then a
//! reason and the change itself. The change is made by the use cases of the API, and recorded with the person's name
//! and reason.

use std::collections::HashSet;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_domain::{EmailAddress, EmailKey, LicenseStatus, PlanId, Portfolio, Stamp, SubscriptionPlan};
use license_storage::{
    AssignRequest, Assignment, Change, MAX_PREFETCHED, Prefetch, RemindRequest, Revocation, RevokeRequest,
};
use license_work::{InlineError, WorkError};

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Form,
    guard::Operator,
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

/// The most characters of a reason.
const MAX_REASON: usize = 255;

/// How many invalid addresses are shown.
const SHOWN: usize = 20;

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
    reason: String,
    complaint: &'static str,
}

#[derive(Template)]
#[template(path = "change_done.html")]
struct DonePage<'a> {
    frame: Frame,
    plan: &'a SubscriptionPlan,
    lines: Vec<String>,
}

/// The input of the form.
struct Wanted {
    emails: Vec<EmailAddress>,
    notify: bool,
}

impl Wanted {
    /// The addresses without duplicates, compared as in the API; or what is wrong with them.
    fn read(form: &Form) -> Result<Self, Vec<String>> {
        let text = form.get("addresses").unwrap_or_default();
        let given: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|word| !word.is_empty()).collect();
        if given.is_empty() {
            return Err(vec!["Enter at least one address.".to_owned()]);
        }
        if given.len() > MAX_ADDRESSES {
            return Err(vec![format!("These are {} addresses; {MAX_ADDRESSES} are possible at once.", given.len())]);
        }
        let (mut emails, mut named, mut wrong) = (Vec::new(), HashSet::new(), Vec::new());
        for word in given {
            match EmailAddress::parse(word) {
                Ok(email) if named.insert(email.key()) => emails.push(EmailAddress::on_record(email.key().as_str())),
                Ok(_) => {}
                Err(_) => wrong.push(format!("“{word}” is not a valid email address.")),
            }
        }
        wrong.truncate(SHOWN);
        if wrong.is_empty() { Ok(Self { emails, notify: form.get("notify").is_some() }) } else { Err(wrong) }
    }

    fn text(&self) -> String {
        self.emails.iter().map(EmailAddress::as_given).collect::<Vec<_>>().join("\n")
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
        Ok(wanted) => preview_page(&context, &operator, &plan, action, &wanted, "").await,
        Err(complaints) => {
            let addresses = form.get("addresses").unwrap_or_default().to_owned();
            Ok(form_page(&operator, &plan, action, addresses, form.get("notify").is_some(), complaints))
        }
    }
}

async fn preview_page(
    context: &Context,
    operator: &Operator,
    plan: &SubscriptionPlan,
    action: Action,
    wanted: &Wanted,
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
        reason: String::new(),
        complaint,
    });
    if !complaint.is_empty() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

/// What the change would do, in sentences, and whether it is possible as far as is known now.
async fn consequences(
    context: &Context,
    plan: &SubscriptionPlan,
    action: Action,
    wanted: &Wanted,
) -> Result<(Vec<String>, bool), PageError> {
    let (assigned, activated) = held(context, plan.uuid, &wanted.emails).await?;
    let all = wanted.emails.len();
    let live = assigned + activated;
    Ok(match action {
        Action::Assign => {
            let counts = context.portfolios.seat_counts(&[plan]).await?.remove(&plan.uuid).unwrap_or_default();
            let (new, free) = (all - live, counts.unassigned());
            let is_enough = u64::try_from(new).is_ok_and(|new| new <= free);
            let mut lines = vec![
                format!("{new} learners get a license."),
                format!("{live} learners have one already and keep it."),
                format!("The plan has {free} unassigned licenses."),
            ];
            if new > 0 {
                let mail = if wanted.notify { "They are invited by mail." } else { "They get no mail." };
                lines.push(mail.to_owned());
            }
            if !is_enough {
                lines.push("These are too few for all of them, so that none would get one.".to_owned());
            }
            (lines, is_enough && new > 0)
        }
        Action::Revoke => {
            let lines = vec![
                format!(
                    "{live} learners lose their license, {activated} of them an activated one. This cannot be undone."
                ),
                format!("{} learners have no license of this plan.", all - live),
            ];
            (lines, live > 0)
        }
        Action::Remind => {
            let lines = vec![
                format!("{assigned} learners are reminded by mail."),
                format!("{} learners have no license that waits for activation, and get no mail.", all - assigned),
            ];
            (lines, assigned > 0)
        }
    })
}

/// How many of the learners hold an assigned license, and how many an activated one.
async fn held(context: &Context, plan: PlanId, emails: &[EmailAddress]) -> Result<(usize, usize), PageError> {
    let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
    let (mut assigned, mut activated) = (0, 0);
    for some in keys.chunks(MAX_PREFETCHED) {
        let prefetch = context.prefetches.prefetch(plan, some).await?;
        assigned += prefetch.held(plan, some, LicenseStatus::Assigned)?.len();
        activated += prefetch.held(plan, some, LicenseStatus::Activated)?.len();
    }
    Ok((assigned, activated))
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
    let reason = form.get("reason").filter(|reason| reason.chars().count() <= MAX_REASON);
    let Some(reason) = reason else {
        let complaint = "Enter a reason of up to 255 characters.";
        return preview_page(&context, &operator, &plan, action, &wanted, complaint).await;
    };
    let change = Change::from(Stamp {
        actor: operator.person.username.clone(),
        actor_lms_user_id: operator.person.lms_user_id,
        reason: reason.to_owned(),
        request_id: operator.request_id.clone(),
        at: context.app.now(),
    });
    let lines = carry_out(&context, &portfolio, &plan, action, wanted, change).await?;
    Ok(page(&DonePage { frame: Frame::of(&operator, format!("{}: done", action.title())), plan: &plan, lines }))
}

async fn carry_out(
    context: &Context,
    portfolio: &Portfolio,
    plan: &SubscriptionPlan,
    action: Action,
    wanted: Wanted,
    change: Change,
) -> Result<Vec<String>, PageError> {
    let Wanted { emails, notify } = wanted;
    let prefetch = Prefetch::default();
    match action {
        Action::Assign => {
            let assignments = emails.into_iter().map(|email| Assignment { email, source_id: None }).collect();
            let request = AssignRequest { assignments, notify, greeting: None, closing: None, prefetch, change };
            let assigned = context.runs.assign(portfolio, plan, request).await.map_err(failed)?;
            Ok(vec![
                format!("{} learners got a license.", assigned.assigned.len()),
                format!("{} learners had one already.", assigned.already_associated),
            ])
        }
        Action::Revoke => {
            let request = RevokeRequest { emails, prefetch, change };
            let outcome = context.runs.revoke(portfolio, plan, request).await.map_err(failed)?;
            let of = |is: fn(&Revocation) -> bool| outcome.iter().filter(|(_, one)| is(one)).count();
            let revoked = of(|one| matches!(one, Revocation::Revoked { .. }));
            let not_found = of(|one| matches!(one, Revocation::NotFound));
            let mut lines = vec![
                format!("{revoked} licenses were revoked."),
                format!("{not_found} learners had none of this plan."),
            ];
            let capped = outcome.len() - revoked - not_found;
            if capped > 0 {
                lines.push(format!("{capped} licenses were not revoked: the plan's revocation cap does not allow it."));
            }
            Ok(lines)
        }
        Action::Remind => {
            let pending = waiting(context, plan.uuid, emails).await?;
            let count = pending.len();
            if count > 0 {
                let request = RemindRequest { emails: pending, greeting: None, closing: None, prefetch, change };
                context.runs.remind(portfolio, plan, request).await.map_err(failed)?;
            }
            Ok(vec![format!("{count} learners are reminded.")])
        }
    }
}

/// The learners with a license that is not activated.
async fn waiting(context: &Context, plan: PlanId, emails: Vec<EmailAddress>) -> Result<Vec<EmailAddress>, PageError> {
    let mut pending = Vec::new();
    for some in emails.chunks(MAX_PREFETCHED) {
        let keys: Vec<EmailKey> = some.iter().map(EmailAddress::key).collect();
        let held = context.prefetches.prefetch(plan, &keys).await?.held(plan, &keys, LicenseStatus::Assigned)?;
        pending.extend(some.iter().filter(|email| held.contains(&email.key())).cloned());
    }
    Ok(pending)
}

fn failed(error: InlineError) -> PageError {
    match error {
        InlineError::NotEnough { wanted, available } => PageError::refused(
            StatusCode::CONFLICT,
            "Not done",
            format!("{wanted} licenses are wanted, and {available} are unassigned. None was assigned."),
        ),
        InlineError::Work(WorkError::Store(error)) => error.into(),
        InlineError::Unfinished => PageError::refused(
            StatusCode::ACCEPTED,
            "Not finished yet",
            "It goes on by itself. The plan's page shows how far it is.",
        ),
        InlineError::Work(error) => {
            tracing::error!(%error, "a change of the console failed");
            license_api::ApiError::Defect("a run of the console failed for another reason than its store").into()
        }
    }
}
