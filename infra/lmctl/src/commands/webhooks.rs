//! `lmctl webhooks`.

use std::io::Write;

use license_storage::{Portfolios, Webhooks};
use serde_json::json;
use url::Url;

use super::Context;
use crate::{Error, Exit, arguments::WebhooksCommand, output::Listing};

pub(super) async fn run(
    context: &Context<'_>,
    command: WebhooksCommand,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let WebhooksCommand::List { enterprise_customer_uuid: customer } = command;
    let portfolio = context.store.portfolio_of_enterprise(customer).await?;
    let portfolio = portfolio.ok_or_else(|| Error::Refused(format!("customer {customer} has no agreement")))?;
    let columns = [
        "id",
        "origin",
        "description",
        "events",
        "is_active",
        "disabled_reason",
        "disabled_at",
        "failures",
        "failing_since",
        "problem",
        "missed",
        "missed_since",
        "replayed_at",
        "created",
    ];
    let mut listing = Listing::new(context.global, columns, out)?;
    for webhook in context.store.webhooks(portfolio.agreement.uuid).await? {
        // Path and query may be a secret.
        let origin = Url::parse(&webhook.url).ok().map(|url| url.origin().ascii_serialization());
        listing.row([
            json!(webhook.uuid),
            json!(origin),
            json!(webhook.description),
            json!(webhook.events.join(" ")),
            json!(webhook.is_active),
            json!(webhook.disabled_reason),
            json!(webhook.disabled_at),
            json!(webhook.failures),
            json!(webhook.failing_since),
            json!(webhook.problem),
            json!(webhook.missed),
            json!(webhook.missed_since),
            json!(webhook.replayed_at),
            json!(webhook.created),
        ])?;
    }
    listing.finish()?;
    Ok(Exit::Done)
}
