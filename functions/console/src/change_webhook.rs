//! A customer's webhook: sending it its events again, switching it on or off, deleting it. What would happen, then a reason and the
//! change, by the API's own rules.

use axum::{
    extract::{Path, State},
    response::Response,
};
use chrono::TimeDelta;
use license_api::{ApiError, Requester};
use license_domain::{Portfolio, Timestamp, Webhook, WebhookId};
use license_use_cases::webhooks;

use crate::{
    Access, Context, Page, Right,
    confirm::Confirmation,
    customer::{self, name_of},
    error::PageError,
    form::Form,
    guard::Operator,
    moment, once,
    render::redirect,
    webhooks::host_of,
};

const OPERATE: Access = Access::Needs(Right::Operate);

/// What would happen.
pub const FORM: Page = Page::get("/admin/customers/{agreement}/webhooks/{webhook}/{action}/", OPERATE);
/// The change.
pub const CONFIRM: Page = Page::post("/admin/customers/{agreement}/webhooks/{webhook}/{action}/", OPERATE);

/// What is done to a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    ReplayMissed,
    ReplayWeek,
    Enable,
    Disable,
    Delete,
}

const ACTIONS: [(Action, &str, &str); 5] = [
    (Action::ReplayMissed, "replay-missed", "Send the missed events again"),
    (Action::ReplayWeek, "replay-week", "Send the events of the last seven days again"),
    (Action::Enable, "enable", "Switch the webhook on"),
    (Action::Disable, "disable", "Switch the webhook off"),
    (Action::Delete, "delete", "Delete the webhook"),
];

/// What a replay leaves of the time for which events are kept, so that it is still within it when it is confirmed.
const MARGIN: TimeDelta = TimeDelta::hours(1);

impl Action {
    fn parse(text: &str) -> Result<Self, PageError> {
        let found = ACTIONS.iter().find(|(_, name, _)| *name == text);
        found.map(|(action, ..)| *action).ok_or_else(PageError::not_found)
    }

    fn names(self) -> (&'static str, &'static str) {
        let found = ACTIONS.iter().find(|(action, ..)| *action == self);
        found.map(|(_, name, title)| (*name, *title)).expect("each action is listed")
    }

    /// The time of the first event of a replay; `None`: it is no replay.
    fn since(self, webhook: &Webhook, now: Timestamp) -> Option<Timestamp> {
        let oldest = now - (webhooks::EVENTS_KEPT - MARGIN);
        match self {
            Self::ReplayMissed => Some(webhook.missed_since.map_or(oldest, |since| since.max(oldest))),
            Self::ReplayWeek => Some(oldest),
            Self::Enable | Self::Disable | Self::Delete => None,
        }
    }

    /// What would happen, or why it cannot.
    fn lines(self, webhook: &Webhook, now: Timestamp) -> Result<Vec<String>, ApiError> {
        let host = host_of(&webhook.url);
        if let Some(since) = self.since(webhook, now) {
            webhooks::check_replay(webhook, now)?;
            return Ok(vec![
                format!("{host} gets the events since {} again, the newest 10,000 at most.", moment::utc(since)),
                "They have the same ids as the first time, so that its owner can recognize them.".to_owned(),
            ]);
        }
        Ok(vec![match self {
            Self::Enable => format!("{host} gets the events from now on. Its count of failures begins anew."),
            Self::Disable => {
                format!("{host} gets no event until it is switched on again. Missed events can be replayed.")
            }
            _ => format!("{host} gets no event any more, not even earlier ones. This cannot be undone."),
        }])
    }

    async fn carry_out(
        self,
        context: &Context,
        requester: Requester,
        (portfolio, id): (&Portfolio, WebhookId),
    ) -> Result<(), ApiError> {
        if let Some(()) = requester.recorded().await? {
            return Ok(());
        }
        let (ports, now) = ((&context.app, context.webhooks.as_ref()), context.app.now());
        if self == Self::Delete {
            return webhooks::delete(ports, &requester, (portfolio, id)).await;
        }
        let seen = webhooks::find(ports.1, portfolio, id).await?;
        if let Some(since) = self.since(&seen, now) {
            return webhooks::replay(ports, &requester, (portfolio, id), (since, now)).await.map(|_| ());
        }
        let switched = |seen: &Webhook| Webhook { modified: now, ..seen.clone() }.switched(self == Self::Enable, now);
        webhooks::change(ports, &requester, (portfolio, id), switched).await.map(|_| ())
    }
}

fn list(portfolio: &Portfolio) -> String {
    format!("/admin/customers/{}/webhooks/", portfolio.agreement.uuid)
}

fn path(portfolio: &Portfolio, id: WebhookId, action: Action) -> String {
    format!("{}{id}/{}/", list(portfolio), action.names().0)
}

async fn find(context: &Context, agreement: &str, webhook: &str, action: &str) -> Result<Found, PageError> {
    let action = Action::parse(action)?;
    let id = webhook.parse().map_err(|_| PageError::not_found())?;
    Ok((customer::find(context, agreement).await?, id, action))
}

type Found = (Portfolio, WebhookId, Action);

async fn confirmation(context: &Context, (portfolio, id, action): &Found) -> Result<Confirmation, PageError> {
    let webhook = webhooks::find(context.webhooks.as_ref(), portfolio, *id).await?;
    Ok(Confirmation {
        title: action.names().1.to_owned(),
        back: (list(portfolio), format!("Webhooks of {}", name_of(portfolio))),
        path: path(portfolio, *id, *action),
        lines: action.lines(&webhook, context.app.now()).map_err(PageError::refusal)?,
        ..Confirmation::default()
    })
}

pub async fn form(
    State(context): State<Context>,
    operator: Operator,
    Path((agreement, webhook, action)): Path<(String, String, String)>,
) -> Result<Response, PageError> {
    let found = find(&context, &agreement, &webhook, &action).await?;
    Ok(confirmation(&context, &found).await?.page((&context, &operator), None))
}

pub async fn confirm(
    State(context): State<Context>,
    operator: Operator,
    Path((agreement, webhook, action)): Path<(String, String, String)>,
    form: Form,
) -> Result<Response, PageError> {
    let found = find(&context, &agreement, &webhook, &action).await?;
    let Some(reason) = once::reason(&form) else {
        return Ok(confirmation(&context, &found).await?.page((&context, &operator), Some(&form)));
    };
    let (portfolio, id, action) = &found;
    let path = path(portfolio, *id, *action);
    let change = |requester| action.carry_out(&context, requester, (portfolio, *id));
    once::once(&context, &operator, (&path, &form), reason, change).await.map_err(PageError::refusal)?;
    Ok(redirect(&list(portfolio)))
}
