//! `GET /admin/system/`: the queues with what was given up, the work under way and overdue, and which release runs. Messages that
//! were given up are sent again from here, as `lmctl redrive` does it.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::future::try_join_all;
use license_api::{ApiError, Requester};
use license_domain::{PlanWorkKind, Timestamp, sweep::LastSweep};
use license_messaging::{Depth, MessagingError, Queue};
use license_storage::QueueChange;

use crate::{
    Access, Context, Page, Right, clock,
    confirm::Confirmation,
    done::done_page,
    error::PageError,
    form::Form,
    guard::Operator,
    moment::Moment,
    once,
    render::{Frame, page},
};

/// The system.
pub const ROUTE: Page = Page::get("/admin/system/", Access::Needs(Right::View));

const SUPERUSER: Access = Access::Needs(Right::Superuser);

/// What would be sent again.
pub const FORM: Page = Page::get("/admin/system/queues/{queue}/redrive/", SUPERUSER);
/// Sending it again.
pub const CONFIRM: Page = Page::post("/admin/system/queues/{queue}/redrive/", SUPERUSER);

/// The most messages that one form sends again, so that its response comes in time.
const MAX_MOVED: usize = 500;

/// How many records of what was done to queues are shown.
const CHANGES: usize = 20;

/// The most things that are counted; above that the page shows "or more".
const MAX_COUNTED: usize = 100;

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage {
    frame: Frame,
    queues: Vec<QueueLine>,
    open: Counted,
    overdue: Counted,
    mails: Counted,
    sweep: Option<SweepLine>,
    works: Vec<WorkLine>,
    changes: Vec<ChangeLine>,
    next_plan: Moment,
    release: &'static str,
    now: Moment,
}

struct QueueLine {
    name: &'static str,
    what: &'static str,
    depth: Depth,
}

/// The run of the schedule that came last.
struct SweepLine {
    began: Moment,
    next: Moment,
    seconds: i64,
    is_late: bool,
    resumed: usize,
    begun: usize,
    failed: usize,
}

impl SweepLine {
    fn of(sweep: &LastSweep, now: Timestamp) -> Self {
        Self {
            began: sweep.began.into(),
            next: sweep.next().into(),
            seconds: (sweep.ended - sweep.began).num_seconds(),
            is_late: sweep.is_late(now),
            resumed: sweep.resumed,
            begun: sweep.begun,
            failed: sweep.failed,
        }
    }
}

/// Work that the schedule begins on plans, and when it did last.
struct WorkLine {
    what: &'static str,
    command: &'static str,
    last: Moment,
}

impl WorkLine {
    fn of(work: PlanWorkKind, sweep: Option<&LastSweep>) -> Self {
        let last = sweep.and_then(|sweep| sweep.works.iter().find(|last| last.work == work));
        Self { what: clock::words(work), command: work.as_str(), last: Moment(last.map(|last| last.at)) }
    }
}

/// What an operator did to a queue.
struct ChangeLine {
    at: Moment,
    queue: String,
    count: usize,
    actor: String,
    reason: String,
}

impl From<QueueChange> for ChangeLine {
    fn from(change: QueueChange) -> Self {
        let QueueChange { subject, count, actor, reason, at, .. } = change;
        Self { at: at.into(), queue: subject, count, actor, reason }
    }
}

/// So many things, or more.
struct Counted(usize);

impl Counted {
    const fn is_cut(&self) -> bool {
        self.0 == MAX_COUNTED
    }
}

const fn name_of(queue: Queue) -> &'static str {
    match queue {
        Queue::Mail => "mails",
        Queue::Bulk => "work",
        Queue::Webhooks => "webhooks",
    }
}

const fn words(queue: Queue) -> &'static str {
    match queue {
        Queue::Mail => "Mails to be sent",
        Queue::Bulk => "Turns of jobs, and calls of other services",
        Queue::Webhooks => "Deliveries to webhooks",
    }
}

fn find(queue: &str) -> Result<Queue, PageError> {
    Queue::ALL.into_iter().find(|known| name_of(*known) == queue).ok_or_else(PageError::not_found)
}

fn failed(error: &MessagingError) -> ApiError {
    ApiError::Upstream { service: "queue service", cause: error.to_string(), retryable: true }
}

pub async fn handle(State(context): State<Context>, operator: Operator) -> Result<Response, PageError> {
    let depths = async {
        let depths = try_join_all(Queue::ALL.map(|queue| context.dead_letters.depth(queue))).await;
        depths.map_err(|error| failed(&error))
    };
    let counts = async {
        futures::try_join!(
            context.jobs.open_jobs(MAX_COUNTED),
            context.plan_works.due_plans(MAX_COUNTED),
            context.deliveries.unsettled(MAX_COUNTED),
        )
        .map_err(ApiError::from)
    };
    let schedule = async {
        futures::try_join!(
            context.sweeps.last_sweep(),
            context.plan_works.next_plan(),
            context.queue_changes.queue_changes(CHANGES)
        )
        .map_err(ApiError::from)
    };
    let (depths, (open, due, mails), (sweep, next_plan, changes)) = futures::try_join!(depths, counts, schedule)?;
    let (sweep, now) = (sweep.as_ref(), context.app.now());
    let queues = Queue::ALL.into_iter().zip(depths);
    Ok(page(&SystemPage {
        frame: Frame::of(&operator, "System"),
        queues: queues.map(|(queue, depth)| QueueLine { name: name_of(queue), what: words(queue), depth }).collect(),
        open: Counted(open.len()),
        overdue: Counted(due.len()),
        mails: Counted(mails.len()),
        sweep: sweep.map(|sweep| SweepLine::of(sweep, now)),
        works: PlanWorkKind::ALL.iter().map(|work| WorkLine::of(*work, sweep)).collect(),
        changes: changes.into_iter().map(ChangeLine::from).collect(),
        next_plan: Moment(next_plan.map(|plan| plan.at.max(now))),
        release: env!("CARGO_PKG_VERSION"),
        now: now.into(),
    }))
}

fn path(queue: Queue) -> String {
    format!("/admin/system/queues/{}/redrive/", name_of(queue))
}

fn back() -> (String, String) {
    (ROUTE.path.to_owned(), "System".to_owned())
}

async fn confirmation(context: &Context, queue: Queue) -> Result<Confirmation, PageError> {
    let depth = context.dead_letters.depth(queue).await.map_err(|error| failed(&error))?;
    Ok(Confirmation {
        title: "Send again what was given up".to_owned(),
        back: back(),
        path: path(queue),
        lines: vec![
            format!(
                "{}: about {} messages were given up, {MAX_MOVED} of them at most are sent again.",
                words(queue),
                depth.dead
            ),
            "What the messages ask for is done once, however often they come.".to_owned(),
            "Mend first why they were given up: otherwise they come back.".to_owned(),
        ],
        ..Confirmation::default()
    })
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path(queue): Path<String>,
) -> Result<Response, PageError> {
    Ok(confirmation(&context, find(&queue)?).await?.page((&context, &operator), None))
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path(queue): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let queue = find(&queue)?;
    let Some(reason) = once::reason(&form) else {
        return Ok(confirmation(&context, queue).await?.page((&context, &operator), Some(&form)));
    };
    let send = |requester| send(&context, queue, requester);
    let moved =
        once::once(&context, &operator, (&path(queue), &form), reason, send).await.map_err(PageError::refusal)?;
    let line = format!("{moved} messages were sent again.");
    Ok(done_page(&operator, "Send again what was given up", &back(), &[line]))
}

/// Queues belong to no customer, in whose trail it could be: the page of the system has who did it and why.
async fn send(context: &Context, queue: Queue, requester: Requester) -> Result<usize, ApiError> {
    if let Some(moved) = requester.recorded().await? {
        return Ok(moved);
    }
    let change = requester.change("redrive").await?;
    let moved = context.dead_letters.redrive(queue, MAX_MOVED).await.map_err(|error| failed(&error))?;
    tracing::info!(
        queue = name_of(queue),
        moved,
        actor = change.stamp.actor,
        reason = change.stamp.reason,
        "dead letters were sent again"
    );
    let record = QueueChange {
        subject: name_of(queue).to_owned(),
        count: moved,
        actor: change.stamp.actor.clone(),
        reason: change.stamp.reason.clone(),
        request_id: change.stamp.request_id.clone(),
        at: change.stamp.at,
    };
    context.queue_changes.record_queue_change(&record).await?;
    requester.record(&change.recording(&moved)).await?;
    Ok(moved)
}
