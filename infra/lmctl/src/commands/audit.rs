//! `lmctl audit`.

use std::io::Write;

use license_domain::Subject;
use license_storage::{AuditQuery, AuditTrails};
use serde_json::{Value, json};

use super::Context;
use crate::{Error, Exit, arguments::AuditArguments, output::Listing};

pub(super) async fn audit(
    context: &Context<'_>,
    arguments: &AuditArguments,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let AuditArguments { license, plan, agreement, renewal, from, until, limit } = arguments;
    let subject = license
        .map(Subject::License)
        .or(plan.map(Subject::Plan))
        .or(agreement.map(Subject::Agreement))
        .or(renewal.map(Subject::Renewal));
    let subject = subject.ok_or_else(|| Error::Usage("name whose trail".to_owned()))?;
    let query = AuditQuery { from: *from, until: *until, before: None, limit: Some(*limit) };
    let entries = context.store.trail(subject, query).await?;
    let columns = ["at", "kind", "actor", "reason", "request_id", "plan", "count", "changes", "moves", "license"];
    let mut listing = Listing::new(context.global, columns, out)?;
    for entry in entries {
        // Empty changes are shown as null.
        let changes = if entry.changes.is_empty() { Value::Null } else { json!(entry.changes) };
        let moves = if entry.moves.is_empty() { Value::Null } else { json!(entry.moves) };
        listing.row([
            json!(entry.at),
            json!(entry.kind),
            json!(entry.actor),
            json!(entry.reason),
            json!(entry.request_id),
            json!(entry.plan),
            json!(entry.count),
            changes,
            moves,
            json!(entry.license),
        ])?;
    }
    listing.finish()?;
    Ok(Exit::Done)
}
