//! `GET /admin/customers/{agreement}/webhooks/`: where a customer hears of changes, and how deliveries fare. Of the address only the
//! host is shown: the rest may be a secret.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use license_domain::{AgreementId, Webhook};

use crate::{
    Access, Context, Page, Right,
    customer::{self, name_of},
    error::PageError,
    guard::Operator,
    moment::Moment,
    render::{Frame, page},
    show,
};

/// A customer's webhooks.
pub const ROUTE: Page = Page::get("/admin/customers/{agreement}/webhooks/", Access::Needs(Right::View));

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    agreement: AgreementId,
    customer: String,
    webhooks: Vec<WebhookLine>,
}

struct WebhookLine {
    id: String,
    path: String,
    host: String,
    description: String,
    events: String,
    state: String,
    failures: u32,
    failing_since: Moment,
    problem: String,
    missed: u64,
    missed_since: Moment,
    is_active: bool,
}

impl From<&Webhook> for WebhookLine {
    fn from(webhook: &Webhook) -> Self {
        let why = webhook.disabled_reason.map(|reason| show::word(&reason)).unwrap_or_default();
        Self {
            id: webhook.uuid.to_string(),
            path: format!("/admin/customers/{}/webhooks/{}/", webhook.customer_agreement, webhook.uuid),
            host: host_of(&webhook.url),
            description: webhook.description.clone().unwrap_or_default(),
            events: if webhook.events.is_empty() { "all".to_owned() } else { webhook.events.join(", ") },
            state: if webhook.is_active { "active".to_owned() } else { format!("off ({why})") },
            failures: webhook.failures,
            failing_since: Moment(webhook.failing_since),
            problem: webhook.problem.clone().unwrap_or_default(),
            missed: webhook.missed,
            missed_since: Moment(webhook.missed_since),
            is_active: webhook.is_active,
        }
    }
}

/// The host of an address, without name and password.
pub fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

pub async fn handle(
    State(context): State<Context>,
    operator: Operator,
    Path(agreement): Path<String>,
) -> Result<Response, PageError> {
    let portfolio = customer::find(&context, &agreement).await?;
    let id = portfolio.agreement.uuid;
    let webhooks = context.webhooks.webhooks(id).await?;
    let customer = name_of(&portfolio);
    Ok(page(&WebhooksPage {
        frame: Frame::of(&operator, format!("Webhooks of {customer}")),
        agreement: id,
        customer,
        webhooks: webhooks.iter().map(WebhookLine::from).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_of_an_address_is_not_shown() {
        assert_eq!(host_of("https://user:pass@hooks.example.com:8443/T0/secret?x=y"), "hooks.example.com:8443");
        assert_eq!(host_of("https://example.com#x"), "example.com");
    }
}
