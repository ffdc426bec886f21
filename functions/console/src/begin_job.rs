//! A job about a plan's licenses, begun by an operator: a form, a preview, then a reason and the job, which workers carry out. It
//! takes more addresses than one transaction, and what only jobs do: transferring licenses to another plan.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_domain::{
    EmailAddress, Job, JobKind, JobParams, LicenseStatus, PlanId, Portfolio, Row, RowFilter, SubscriptionPlan,
};

use crate::{
    Access, Context, Page, Right, addresses,
    confirm::{Confirmation, DRY_RUN},
    error::PageError,
    form::Form,
    guard::Operator,
    new_job::{self, NewJob},
    once, plan,
    render::{Frame, page, redirect},
};

const OPERATE: Access = Access::Needs(Right::Operate);

/// The form.
pub const FORM: Page = Page::get("/admin/plans/{plan}/jobs/new/", OPERATE);
/// What would happen.
pub const PREVIEW: Page = Page::post("/admin/plans/{plan}/jobs/new/preview/", OPERATE);
/// The job.
pub const CONFIRM: Page = Page::post("/admin/plans/{plan}/jobs/new/", OPERATE);

/// The most addresses of one form; a CSV file that is uploaded by the API has more.
const MAX_ADDRESSES: usize = 20_000;

/// What a job can do, and what it is called in the form.
const KINDS: [(JobKind, &str); 4] = [
    (JobKind::Assign, "Assign licenses"),
    (JobKind::Revoke, "Revoke licenses"),
    (JobKind::Remind, "Remind learners"),
    (JobKind::Transfer, "Transfer licenses to another plan"),
];

const LIVE: [LicenseStatus; 2] = [LicenseStatus::Activated, LicenseStatus::Assigned];

struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "job_form.html")]
struct FormPage<'a> {
    frame: Frame,
    plan: &'a SubscriptionPlan,
    kinds: Vec<Choice>,
    plans: Vec<Choice>,
    addresses: &'a str,
    all: bool,
    notify: bool,
    complaints: Vec<String>,
}

/// What the form asks for.
struct Order {
    kind: JobKind,
    emails: Vec<EmailAddress>,
    all: bool,
    notify: bool,
    to: Option<PlanId>,
}

impl Order {
    fn read(form: &Form, portfolio: &Portfolio, plan: &SubscriptionPlan) -> Result<Self, Vec<String>> {
        let complain = |text: &str| Err(vec![text.to_owned()]);
        let kind = KINDS.iter().find(|(kind, _)| form.get("kind") == Some(kind.as_str()));
        let Some(&(kind, _)) = kind else { return complain("Choose what the job does.") };
        let (all, text, file) = (form.get("all").is_some(), form.get("addresses"), form.get("file"));
        if [all, text.is_some(), file.is_some()].into_iter().filter(|is_given| *is_given).count() > 1 {
            return complain("Enter addresses, or choose a file, or all licenses, and not several of these.");
        }
        if all && kind == JobKind::Assign {
            return complain("Licenses are assigned to learners by address.");
        }
        if all && kind == JobKind::Revoke && plan.is_revocation_cap_enabled {
            return complain("The plan has a cap on revocations: enter the addresses.");
        }
        let to = form.get("to_plan").and_then(|id| id.parse::<PlanId>().ok());
        let to = to.filter(|to| *to != plan.uuid && portfolio.plan(*to).is_some());
        if kind == JobKind::Transfer && to.is_none() {
            return complain("Choose the plan that the licenses go to.");
        }
        let emails = match (all, file) {
            (true, _) => Vec::new(),
            (false, Some(file)) => addresses::of_file(file, MAX_ADDRESSES)?,
            (false, None) => addresses::read(text.unwrap_or_default(), MAX_ADDRESSES)?,
        };
        let notify = kind == JobKind::Assign && form.get("notify").is_some();
        Ok(Self { kind, emails, all, notify, to: to.filter(|_| kind == JobKind::Transfer) })
    }

    const fn title(&self) -> &'static str {
        match self.kind {
            JobKind::Revoke => "Begin to revoke",
            JobKind::Remind => "Begin to remind",
            JobKind::Transfer => "Begin to transfer",
            _ => "Begin to assign",
        }
    }

    async fn lines(
        &self,
        context: &Context,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
    ) -> Result<Vec<String>, PageError> {
        let to = self.to.and_then(|to| portfolio.plan(to));
        let plans: Vec<&SubscriptionPlan> = std::iter::once(plan).chain(to).collect();
        let counts = context.portfolios.seat_counts(&plans).await?;
        let of = |plan: &SubscriptionPlan| counts.get(&plan.uuid).copied().unwrap_or_default();
        let who = if self.all {
            format!("all {} learners with an assigned or activated license", of(plan).allocated())
        } else {
            format!("{} learners", self.emails.len())
        };
        let mut lines = vec![match self.kind {
            JobKind::Revoke => format!(
                "The job revokes the licenses of {who}. A job that reverts licenses can undo it while the plan has free seats."
            ),
            JobKind::Remind => {
                format!("The job reminds {who} by mail, as far as they have not activated their licenses.")
            }
            JobKind::Transfer => format!("The job transfers the licenses of {who}."),
            _ => format!("The job assigns licenses to {who}; who has one keeps it."),
        }];
        if let Some(to) = to {
            lines.push(format!("They go to “{}”, which ends on {}.", to.title, crate::moment::utc(to.expiration_date)));
            lines.push("A transfer that is over can be reversed, on the job's page.".to_owned());
        }
        if self.kind == JobKind::Assign {
            let free = of(plan).unassigned();
            let mail = if self.notify { "They are invited by mail." } else { "They get no mail." };
            lines.push(format!("The plan has {free} unassigned licenses; rows without one fail. {mail}"));
        }
        lines.push("Rows that fail do not hold up the others.".to_owned());
        Ok(lines)
    }

    fn hidden(&self) -> Vec<(&'static str, String)> {
        let mut hidden = vec![("kind", self.kind.as_str().to_owned())];
        let flag = |name, is_on: bool| is_on.then(|| (name, "1".to_owned()));
        hidden.extend(flag("all", self.all));
        hidden.extend(flag("notify", self.notify));
        hidden.extend(self.to.map(|to| ("to_plan", to.to_string())));
        if !self.all {
            hidden.push(("addresses", addresses::text(&self.emails)));
        }
        hidden
    }

    /// The job with its rows.
    fn job(&self, job: Job, plan: PlanId, reason: &str) -> NewJob {
        let statuses = if self.kind == JobKind::Remind { vec![LicenseStatus::Assigned] } else { LIVE.to_vec() };
        let filter = self.all.then(|| RowFilter { statuses, search: Vec::new() });
        let job = Job {
            subscription_plan: Some(plan),
            params: JobParams { notify: self.notify, filter, to_plan: self.to, ..JobParams::default() },
            reason: Some(reason.to_owned()),
            ..job
        };
        if self.all {
            return (job, Vec::new());
        }
        let row = |(row, email): (u64, &EmailAddress)| Row { row, user_email: Some(email.clone()), ..Row::default() };
        let rows: Vec<Row> = (0..).zip(&self.emails).map(row).collect();
        job.with_rows(&rows)
    }
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path(plan): Path<String>,
) -> Result<Response, PageError> {
    let (portfolio, plan) = plan::find(&context, &plan).await?;
    Ok(form_page(&operator, (&portfolio, &plan), None, Vec::new()))
}

fn form_page(
    operator: &Operator,
    (portfolio, plan): (&Portfolio, &SubscriptionPlan),
    sent: Option<&Form>,
    complaints: Vec<String>,
) -> Response {
    let get = |name: &str| sent.and_then(|form| form.get(name));
    let choice = |name: &str, value: String, text: &str| Choice {
        is_chosen: get(name) == Some(value.as_str()),
        value,
        text: text.to_owned(),
    };
    let others = portfolio.plans.iter().filter(|other| other.uuid != plan.uuid);
    let is_refused = !complaints.is_empty();
    let mut response = page(&FormPage {
        frame: Frame::of(operator, "New job"),
        plan,
        kinds: KINDS.iter().map(|(kind, text)| choice("kind", kind.as_str().to_owned(), text)).collect(),
        plans: others.map(|other| choice("to_plan", other.uuid.to_string(), &other.title)).collect(),
        addresses: get("addresses").unwrap_or_default(),
        all: get("all").is_some(),
        notify: sent.is_none() || get("notify").is_some(),
        complaints,
    });
    if is_refused {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

/// The order of a form with its plan; the form again, with what is wrong, if it asks for what cannot be done.
async fn read(
    (context, operator): (&Context, &Operator),
    plan: &str,
    form: &Form,
) -> Result<Result<(Portfolio, SubscriptionPlan, Order), Response>, PageError> {
    let (portfolio, plan) = plan::find(context, plan).await?;
    Ok(match Order::read(form, &portfolio, &plan) {
        Ok(order) => Ok((portfolio, plan, order)),
        Err(complaints) => Err(form_page(operator, (&portfolio, &plan), Some(form), complaints)),
    })
}

pub async fn preview(
    State(context): State<Context>,
    operator: Operator,
    Path(plan): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    match read((&context, &operator), &plan, &form).await? {
        Ok((portfolio, plan, order)) => look_ahead((&context, &operator), (&portfolio, &plan), &order, None).await,
        Err(refused) => Ok(refused),
    }
}

async fn look_ahead(
    (context, operator): (&Context, &Operator),
    (portfolio, plan): (&Portfolio, &SubscriptionPlan),
    order: &Order,
    sent: Option<&Form>,
) -> Result<Response, PageError> {
    let confirmation = Confirmation {
        title: order.title().to_owned(),
        back: (format!("/admin/plans/{}/", plan.uuid), plan.title.clone()),
        path: path(plan),
        lines: order.lines(context, portfolio, plan).await?,
        hidden: order.hidden(),
        has_dry_run: true,
    };
    Ok(confirmation.page((context, operator), sent))
}

fn path(plan: &SubscriptionPlan) -> String {
    format!("/admin/plans/{}/jobs/new/", plan.uuid)
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path(plan): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let (portfolio, plan, order) = match read((&context, &operator), &plan, &form).await? {
        Ok(read) => read,
        Err(refused) => return Ok(refused),
    };
    let Some(reason) = once::reason(&form) else {
        return look_ahead((&context, &operator), (&portfolio, &plan), &order, Some(&form)).await;
    };
    let dry_run = form.get(DRY_RUN).is_some();
    let job = |job| order.job(Job { dry_run, ..job }, plan.uuid, reason);
    let begin = |requester| new_job::begin(&context, &portfolio, order.kind, requester, &job);
    let job =
        once::once(&context, &operator, (&path(&plan), &form), reason, begin).await.map_err(PageError::refusal)?;
    Ok(redirect(&format!("/admin/jobs/{job}/")))
}
