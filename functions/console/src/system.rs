//! `GET /admin/system/`: the queues with what was given up, the work under way and overdue, and which release runs. Messages that
//! were given up are sent again from here, as `lmctl redrive` does it.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use futures::future::try_join_all;
use license_api::{ApiError, Requester};
use license_messaging::{Depth, MessagingError, Queue};

use crate::{
    Access, Context, Page, Right,
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
    release: &'static str,
    now: Moment,
}

struct QueueLine {
    name: &'static str,
    what: &'static str,
    depth: Depth,
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
    let (depths, (open, due, mails)) = futures::try_join!(depths, counts)?;
    let queues = Queue::ALL.into_iter().zip(depths);
    Ok(page(&SystemPage {
        frame: Frame::of(&operator, "System"),
        queues: queues.map(|(queue, depth)| QueueLine { name: name_of(queue), what: words(queue), depth }).collect(),
        open: Counted(open.len()),
        overdue: Counted(due.len()),
        mails: Counted(mails.len()),
        release: env!("CARGO_PKG_VERSION"),
        now: context.app.now().into(),
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

/// Queues have no trail, so that the log has who did it and why.
async fn send(context: &Context, queue: Queue, requester: Requester) -> Result<usize, ApiError> {
    if let Some(moved) = requester.recorded().await? {
        return Ok(moved);
    }
    let change = requester.change("redrive").await?;
    let moved = context.dead_letters.redrive(queue, MAX_MOVED).await.map_err(|error| failed(&error))?;
    tracing::info!(queue = name_of(queue), moved, actor = change.stamp.actor, "dead letters were sent again");
    requester.record(&change.recording(&moved)).await?;
    Ok(moved)
}
