//! Operations on all licenses of a status, and on an agreement, as the jobs that the API and `lmctl operations` create: what would
//! happen, then a reason and the job. A dry run changes nothing, and its rows say what would be done.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use license_domain::{Job, JobKind, JobParams, LicenseStatus, Portfolio, Row, SubscriptionPlan};

use crate::{
    Access, Context, Page, Right,
    confirm::{Confirmation, DRY_RUN},
    customer::{self, name_of},
    error::PageError,
    form::Form,
    guard::Operator,
    new_job::{self, NewJob},
    once, plan,
    render::redirect,
};

const PROVISION: Access = Access::Needs(Right::Provision);

/// What would happen to a plan.
pub const FORM: Page = Page::get("/admin/plans/{plan}/operations/{operation}/", PROVISION);
/// The job on a plan.
pub const CONFIRM: Page = Page::post("/admin/plans/{plan}/operations/{operation}/", PROVISION);
/// What would happen to an agreement.
pub const SYNC_FORM: Page = Page::get("/admin/customers/{agreement}/sync/", PROVISION);
/// The job on an agreement.
pub const SYNC: Page = Page::post("/admin/customers/{agreement}/sync/", PROVISION);

/// The operations on plans, as their paths name them.
const ON_PLANS: [JobKind; 3] = [JobKind::Freeze, JobKind::DeleteRevoked, JobKind::Grow];

/// An operation, and what it is about.
struct Operation {
    kind: JobKind,
    portfolio: Portfolio,
    plan: Option<SubscriptionPlan>,
}

impl Operation {
    async fn on_plan(context: &Context, plan: &str, kind: &str) -> Result<Self, PageError> {
        let kind = ON_PLANS.into_iter().find(|known| known.as_str() == kind).ok_or_else(PageError::not_found)?;
        let (portfolio, plan) = plan::find(context, plan).await?;
        Ok(Self { kind, portfolio, plan: Some(plan) })
    }

    async fn on_agreement(context: &Context, agreement: &str) -> Result<Self, PageError> {
        Ok(Self { kind: JobKind::Sync, portfolio: customer::find(context, agreement).await?, plan: None })
    }

    fn path(&self) -> String {
        match &self.plan {
            Some(plan) => format!("/admin/plans/{}/operations/{}/", plan.uuid, self.kind.as_str()),
            None => format!("/admin/customers/{}/sync/", self.portfolio.agreement.uuid),
        }
    }

    const fn title(&self) -> &'static str {
        match self.kind {
            JobKind::Freeze => "Freeze the unused licenses",
            JobKind::DeleteRevoked => "Delete the revoked licenses",
            JobKind::Grow => "Create the missing licenses",
            _ => "Fetch name and slug from the LMS",
        }
    }

    /// Refuses what the plan does not allow, as the API does.
    fn check(&self) -> Result<(), PageError> {
        let is_allowed =
            self.kind != JobKind::Freeze || self.plan.as_ref().is_some_and(|plan| plan.can_freeze_unused_licenses);
        let text = "The plan's unused licenses may not be frozen. Its form has a field that allows it.";
        if is_allowed { Ok(()) } else { Err(PageError::refused(StatusCode::CONFLICT, "Not done", text)) }
    }

    async fn lines(&self, context: &Context) -> Result<Vec<String>, PageError> {
        let Some(plan) = &self.plan else {
            let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
            let agreement = &self.portfolio.agreement;
            return Ok(vec![
                "The agreement gets the name and the slug that the LMS has of the customer.".to_owned(),
                format!("Its name is now: {}.", said(&agreement.enterprise_customer_name)),
                format!("Its slug is now: {}. Links with an old slug end.", said(&agreement.enterprise_customer_slug)),
            ]);
        };
        let counts = context.portfolios.seat_counts(&[plan]).await?.remove(&plan.uuid).unwrap_or_default();
        Ok(match self.kind {
            JobKind::Freeze => vec![
                format!("The job deletes {} unassigned licenses. This cannot be undone.", counts.unassigned()),
                format!("{} assigned and activated licenses stay.", counts.allocated()),
                "The plan gets no more licenses from then on.".to_owned(),
            ],
            JobKind::DeleteRevoked => vec![
                format!("The job deletes {} revoked licenses. This cannot be undone.", counts.revoked),
                "What became of them stays in the histories, without their learners' addresses.".to_owned(),
            ],
            _ => grown(plan),
        })
    }

    async fn confirmation(&self, context: &Context) -> Result<Confirmation, PageError> {
        let back = match &self.plan {
            Some(plan) => (format!("/admin/plans/{}/", plan.uuid), plan.title.clone()),
            None => (format!("/admin/customers/{}/", self.portfolio.agreement.uuid), name_of(&self.portfolio)),
        };
        Ok(Confirmation {
            title: self.title().to_owned(),
            back,
            path: self.path(),
            lines: self.lines(context).await?,
            has_dry_run: true,
            ..Confirmation::default()
        })
    }

    /// The job. Jobs on all licenses of a status read their rows later; the others have one row.
    fn job(&self, job: Job, reason: &str, dry_run: bool) -> NewJob {
        let subscription_plan = self.plan.as_ref().map(|plan| plan.uuid);
        let job = Job { subscription_plan, dry_run, reason: Some(reason.to_owned()), ..job };
        if self.kind == JobKind::DeleteRevoked {
            return (Job { params: JobParams::all_of(&[LicenseStatus::Revoked]), ..job }, Vec::new());
        }
        job.with_rows(&[Row::default()])
    }
}

/// What creating missing licenses would do.
fn grown(plan: &SubscriptionPlan) -> Vec<String> {
    let Some(desired) = plan.desired_num_licenses else {
        return vec!["The plan has no desired number of licenses: nothing would be done.".to_owned()];
    };
    let total = plan.seats.total;
    let missing = desired.saturating_sub(total);
    let mut lines = vec![format!("The plan has {total} licenses, and {desired} are desired: {missing} are missing.")];
    if plan.last_freeze_timestamp.is_some() {
        lines.push("The plan is frozen: the job would be refused.".to_owned());
    } else if missing > 0 {
        lines.push("The job creates them, unassigned. The plan's form changes the desired number.".to_owned());
    }
    lines
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, operation)): Path<(String, String)>,
) -> Result<Response, PageError> {
    begin(&context, &operator, &Operation::on_plan(&context, &plan, &operation).await?).await
}

pub async fn sync_form(
    State(context): State<Context>,
    operator: Operator,
    Path(agreement): Path<String>,
) -> Result<Response, PageError> {
    begin(&context, &operator, &Operation::on_agreement(&context, &agreement).await?).await
}

async fn begin(context: &Context, operator: &Operator, operation: &Operation) -> Result<Response, PageError> {
    operation.check()?;
    Ok(operation.confirmation(context).await?.page((context, operator), None))
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path((plan, operation)): Path<(String, String)>,
    form: Form,
) -> Result<Response, PageError> {
    carry_out(&context, &operator, &Operation::on_plan(&context, &plan, &operation).await?, &form).await
}

pub async fn sync(
    State(context): State<Context>,
    operator: Operator,
    Path(agreement): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    carry_out(&context, &operator, &Operation::on_agreement(&context, &agreement).await?, &form).await
}

async fn carry_out(
    context: &Context,
    operator: &Operator,
    operation: &Operation,
    form: &Form,
) -> Result<Response, PageError> {
    operation.check()?;
    let Some(reason) = once::reason(form) else {
        return Ok(operation.confirmation(context).await?.page((context, operator), Some(form)));
    };
    let dry_run = form.get(DRY_RUN).is_some();
    let job = |job| operation.job(job, reason, dry_run);
    let begin = |requester| new_job::begin(context, &operation.portfolio, operation.kind, requester, &job);
    let path = operation.path();
    let job = once::once(context, operator, (&path, form), reason, begin).await.map_err(PageError::refusal)?;
    Ok(redirect(&format!("/admin/jobs/{job}/")))
}
