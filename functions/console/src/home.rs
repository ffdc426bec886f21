//! `GET /admin/`: what needs attention, the search, the customers, and the person's own sessions.

use askama::Template;
use axum::{extract::State, response::Response};
use chrono::TimeDelta;
use futures::{
    future::{join, try_join_all},
    try_join,
};
use license_domain::{AgreementId, Due, JobId};
use license_messaging::Queue;
use license_storage::{Session, StoreError};

use crate::{
    Access, Context, Page, Right,
    attention::{self, PlanLine},
    error::PageError,
    form::Query,
    guard::Operator,
    moment::Moment,
    paging::{self, Next},
    render::{Frame, page},
};

pub const ROUTE: Page = Page::get("/admin/", Access::Needs(Right::View));

/// How many customers are shown at once.
const CUSTOMERS: usize = 25;

/// The most things that are counted; above that the page shows "or more".
const MAX_COUNTED: usize = 100;

/// How many plans that need attention are shown.
const PLANS: usize = 10;

/// For how long a job that failed is shown, unless it is resumed.
const SHOWN_FAILURES: TimeDelta = TimeDelta::days(14);

/// After so many examinations without progress a run counts as stuck.
const STUCK: u32 = 3;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    rights: Vec<&'static str>,
    sessions: Vec<SessionLine>,
    mails: usize,
    work: Work,
    plans: Vec<PlanLine>,
    has_more_plans: bool,
    /// What was given up; `None`: the queues do not say.
    dead: Option<u64>,
    customers: Vec<CustomerLine>,
    count: usize,
    next: Option<Next>,
}

/// The work of jobs and internal runs.
struct Work {
    under_way: Vec<JobId>,
    /// Those that were examined several times without progress.
    stuck: Vec<JobId>,
    failed: Vec<JobId>,
}

impl Work {
    async fn of(context: &Context) -> Result<Self, StoreError> {
        let since = context.app.now() - SHOWN_FAILURES;
        let (open, failed) =
            try_join!(context.jobs.open_runs(MAX_COUNTED), context.jobs.failed_jobs(since, CUSTOMERS))?;
        let (stuck, moving): (Vec<_>, Vec<_>) = open.into_iter().partition(|due| due.attempts >= STUCK);
        let runs = |due: Vec<Due>| due.into_iter().take(CUSTOMERS).map(|due| due.run).collect();
        Ok(Self { under_way: runs(moving), stuck: runs(stuck), failed })
    }
}

/// How many messages were given up. A queue service that does not respond is no reason to show no page.
async fn dead(context: &Context) -> Option<u64> {
    let depths = try_join_all(Queue::ALL.map(|queue| context.dead_letters.depth(queue))).await;
    match depths {
        Ok(depths) => Some(depths.iter().map(|depth| depth.dead).sum()),
        Err(error) => {
            tracing::warn!(%error, "the first page shows no dead letters");
            None
        }
    }
}

struct SessionLine {
    digest: String,
    created: Moment,
    seen: Moment,
    ends: Moment,
    is_current: bool,
}

/// A customer of a list.
struct CustomerLine {
    agreement: AgreementId,
    name: String,
    slug: String,
    plans: usize,
}

impl SessionLine {
    fn of(session: &Session, current: &str) -> Self {
        Self {
            digest: session.digest.clone(),
            created: session.created.into(),
            seen: session.seen.into(),
            ends: session.ends.into(),
            is_current: session.digest == current,
        }
    }
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let looked = async {
        try_join!(
            context.sessions.sessions_of(&operator.person.username),
            context.deliveries.unsettled(MAX_COUNTED),
            Work::of(&context),
            attention::plans(&context, None, PLANS),
            context.portfolios.all_agreements(),
        )
    };
    let (looked, dead) = join(looked, dead(&context)).await;
    let (sessions, mails, work, (plans, more), all) = looked?;
    let (ids, next) = paging::agreements(&all, &query, CUSTOMERS);
    let customers = context.portfolios.portfolios(ids).await?;
    let customers = customers.iter().map(|portfolio| CustomerLine {
        agreement: portfolio.agreement.uuid,
        name: portfolio.agreement.enterprise_customer_name.clone().unwrap_or_default(),
        slug: portfolio.agreement.enterprise_customer_slug.clone().unwrap_or_default(),
        plans: portfolio.plans.len(),
    });
    let current = &operator.session.digest;
    Ok(page(&Home {
        frame: Frame::of(&operator, "License Manager"),
        rights: Right::ALL.into_iter().filter(|right| right.is_of(&operator.person)).map(Right::as_str).collect(),
        sessions: sessions.iter().map(|session| SessionLine::of(session, current)).collect(),
        mails: mails.len(),
        work,
        plans,
        has_more_plans: more.is_some(),
        dead,
        customers: customers.collect(),
        count: all.len(),
        next: next.map(|id| Next::new(ROUTE.path, &[("after", &id.to_string())], "Next customers")),
    }))
}
