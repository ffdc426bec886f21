//! `GET /admin/`: what needs attention, the search, the customers, and the person's own sessions.

use askama::Template;
use axum::{extract::State, response::Response};
use futures::try_join;
use license_domain::{AgreementId, JobId};
use license_storage::Session;

use crate::{
    Access, Context, Page, Right,
    error::PageError,
    form::Query,
    guard::Operator,
    paging::{self, Next},
    render::{Frame, page},
    show,
};

pub const ROUTE: Page = Page::get("/admin/", Access::Needs(Right::View));

/// How many customers are shown at once.
const CUSTOMERS: usize = 25;

/// The most things that are counted; above that the page shows "or more".
const MAX_COUNTED: usize = 100;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    rights: Vec<&'static str>,
    sessions: Vec<SessionLine>,
    mails: usize,
    open_jobs: Vec<JobId>,
    customers: Vec<CustomerLine>,
    count: usize,
    next: Option<Next>,
}

struct SessionLine {
    digest: String,
    created: String,
    seen: String,
    ends: String,
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
            created: show::time(session.created),
            seen: show::time(session.seen),
            ends: show::time(session.ends),
            is_current: session.digest == current,
        }
    }
}

pub async fn handle(State(context): State<Context>, operator: Operator, query: Query) -> Result<Response, PageError> {
    let (sessions, mails, open_jobs, all) = try_join!(
        context.sessions.sessions_of(&operator.person.username),
        context.deliveries.unsettled(MAX_COUNTED),
        context.jobs.open_jobs(CUSTOMERS),
        context.portfolios.all_agreements(),
    )?;
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
        open_jobs,
        customers: customers.collect(),
        count: all.len(),
        next: next.map(|id| Next::new(ROUTE.path, &[("after", &id.to_string())], "Next customers")),
    }))
}
