//! `lmctl mails`: over the same records and rules as the API's routes for mails.

use std::io::Write;

use license_domain::{Delivery, DeliveryId, DeliveryState};
use license_storage::{Change, Deliveries, Portfolios};
use serde_json::json;

use super::Context;
use crate::{Error, Exit, arguments::MailsCommand, output::Listing};

pub(super) async fn run(
    context: &Context<'_>,
    command: MailsCommand,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    match command {
        MailsCommand::List { limit } => show(context, &context.store.unsettled(limit).await?, out),
        MailsCommand::Send { mail, reason } => send(context, &mail, reason, out).await,
    }
}

async fn send(
    context: &Context<'_>,
    mail: &DeliveryId,
    reason: String,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let seen = context.store.delivery(mail).await?;
    let seen = seen.ok_or_else(|| Error::Refused(format!("there is no mail {mail}")))?;
    let settled = || Error::Refused("no recipient is known to lack this mail".to_owned());
    if !matches!(seen.state, DeliveryState::Unknown | DeliveryState::Refused) {
        return Err(settled());
    }
    let stamp = context.stamp(reason);
    let after = Delivery { state: DeliveryState::Resent, at: stamp.at, ..seen.clone() };
    if !context.global.dry_run {
        let portfolio = context.store.portfolio(seen.agreement).await?;
        let portfolio = portfolio.ok_or_else(|| Error::Refused("its customer agreement is gone".to_owned()))?;
        context.confirm(&format!("Send mail {mail} again?"))?;
        if !context.store.resend(&portfolio, &seen, &Change::from(stamp)).await? {
            return Err(settled());
        }
    }
    show(context, &[after], out)
}

/// A mail names no person here.
fn show(context: &Context<'_>, mails: &[Delivery], out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let columns = [
        "id",
        "kind",
        "state",
        "enterprise_customer_uuid",
        "subscription_plan",
        "people",
        "unknown",
        "refused",
        "calls",
        "transport",
        "at",
    ];
    let mut listing = Listing::new(context.global, columns, out)?;
    for mail in mails {
        listing.row([
            json!(mail.id.to_string()),
            json!(mail.kind),
            json!(mail.state),
            json!(mail.enterprise),
            json!(mail.plan),
            json!(mail.people),
            json!(mail.unknown.len()),
            json!(mail.refused.len()),
            json!(mail.calls),
            json!(mail.transport),
            json!(mail.at),
        ])?;
    }
    listing.finish()?;
    Ok(Exit::Done)
}
