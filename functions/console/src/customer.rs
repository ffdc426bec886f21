//! `GET /admin/customers/{agreement}/`: a customer's agreement with its plans and renewals, and `…/jobs/` with its jobs.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::try_join;
use license_domain::Subject;
use license_domain::{AgreementId, Job, JobId, PlanId, Portfolio, SeatCounts, SubscriptionPlan, Timestamp};
use license_storage::AuditQuery;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    guard::Operator,
    moment::Moment,
    picture::Timeline,
    render::{Frame, page},
    show::{self, HistoryLine},
};

/// A customer.
pub const ROUTE: Page = Page::get("/admin/customers/{agreement}/", Access::Needs(Right::View));

/// How many jobs are shown.
const JOBS: usize = 10;

/// How many changes are shown.
const CHANGES: usize = 20;

#[derive(Template)]
#[template(path = "customer.html")]
struct Customer<'a> {
    frame: Frame,
    portfolio: &'a Portfolio,
    plans: Vec<PlanLine>,
    timeline: Option<Timeline>,
    renewals: Vec<RenewalLine>,
    jobs: Vec<JobLine>,
    history: Vec<HistoryLine>,
}

struct PlanLine {
    id: PlanId,
    title: String,
    state: &'static str,
    starts: Moment,
    ends: Moment,
    counts: SeatCounts,
}

/// A renewal of a list.
pub struct RenewalLine {
    pub id: i64,
    pub from: PlanId,
    pub from_title: String,
    pub to: Option<PlanId>,
    pub to_title: String,
    pub licenses: u64,
    pub takes_effect: Moment,
    pub ends: Moment,
    pub is_processed: bool,
}

/// A job of a list.
pub struct JobLine {
    pub id: JobId,
    pub agreement: AgreementId,
    pub is_internal: bool,
    pub kind: String,
    pub state: String,
    pub rows: String,
    pub requested_by: String,
    pub created: Moment,
}

impl JobLine {
    pub fn of(job: &Job) -> Self {
        Self {
            id: job.uuid,
            agreement: job.customer_agreement,
            is_internal: job.is_internal,
            kind: show::word(&job.kind),
            state: show::word(&job.state),
            rows: job.rows.map(|rows| rows.to_string()).unwrap_or_default(),
            requested_by: job.requested_by.clone(),
            created: job.created.into(),
        }
    }
}

/// The customer's name, or another name of the customer if it has none.
pub fn name_of(portfolio: &Portfolio) -> String {
    let agreement = &portfolio.agreement;
    let name = agreement.enterprise_customer_name.clone().or_else(|| agreement.enterprise_customer_slug.clone());
    name.unwrap_or_else(|| agreement.enterprise_customer_uuid.to_string())
}

/// The agreement with its plans and renewals.
pub async fn find(context: &Context, agreement: &str) -> Result<Portfolio, PageError> {
    let id: AgreementId = agreement.parse().map_err(|_| PageError::not_found())?;
    context.portfolios.portfolio(id).await?.ok_or_else(PageError::not_found)
}

/// A word for the state of a plan.
pub fn state_of(plan: &SubscriptionPlan, now: Timestamp) -> &'static str {
    if !plan.is_active {
        "inactive"
    } else if now < plan.start_date {
        "upcoming"
    } else if plan.is_current(now) {
        "current"
    } else {
        "ended"
    }
}

/// The renewals that satisfy the condition.
pub fn renewals(portfolio: &Portfolio, of: impl Fn(PlanId) -> bool) -> Vec<RenewalLine> {
    let title = |id: PlanId| portfolio.plan(id).map_or_else(|| id.to_string(), |plan| plan.title.clone());
    let is_of = |from: PlanId, to: Option<PlanId>| of(from) || to.is_some_and(&of);
    let found = portfolio.renewals.iter();
    let found = found.filter(|one| is_of(one.prior_subscription_plan, one.renewed_subscription_plan));
    let line = |renewal: &license_domain::SubscriptionPlanRenewal| RenewalLine {
        id: renewal.id.0,
        from: renewal.prior_subscription_plan,
        from_title: title(renewal.prior_subscription_plan),
        to: renewal.renewed_subscription_plan,
        to_title: renewal
            .renewed_subscription_plan
            .map(title)
            .or_else(|| renewal.renewed_plan_title.clone())
            .unwrap_or_default(),
        licenses: renewal.number_of_licenses,
        takes_effect: renewal.effective_date.into(),
        ends: renewal.renewed_expiration_date.into(),
        is_processed: renewal.processed,
    };
    found.map(line).collect()
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path(agreement): Path<String>,
) -> Result<Response, PageError> {
    let portfolio = find(&context, &agreement).await?;
    let id = portfolio.agreement.uuid;
    let plans: Vec<&SubscriptionPlan> = portfolio.plans.iter().collect();
    let trail = AuditQuery { limit: Some(CHANGES), ..AuditQuery::default() };
    let (counts, jobs, history) = try_join!(
        context.portfolios.seat_counts(&plans),
        context.jobs.jobs_of(id, None, JOBS),
        context.audit_trails.trail(Subject::Agreement(id), trail),
    )?;
    let now = context.app.now();
    let mut lines: Vec<PlanLine> = plans
        .iter()
        .map(|plan| PlanLine {
            id: plan.uuid,
            title: plan.title.clone(),
            state: state_of(plan, now),
            starts: plan.start_date.into(),
            ends: plan.expiration_date.into(),
            counts: counts.get(&plan.uuid).copied().unwrap_or_default(),
        })
        .collect();
    lines.sort_by(|a, b| b.starts.cmp(&a.starts).then_with(|| a.title.cmp(&b.title)));
    Ok(page(&Customer {
        frame: Frame::of(&operator, name_of(&portfolio)),
        portfolio: &portfolio,
        plans: lines,
        timeline: Timeline::of(&portfolio, now),
        renewals: renewals(&portfolio, |_| true),
        jobs: jobs.iter().map(JobLine::of).collect(),
        history: history.iter().map(HistoryLine::from).collect(),
    }))
}
