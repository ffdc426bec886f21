//! `lmctl roles`.

use std::io::Write;

use license_domain::{RoleGrant, Scope};
use license_storage::{BulkRead, ChangeRoles, RoleChangeKind, Users};
use serde_json::{Value, json};

use super::Context;
use crate::{
    Error, Exit,
    arguments::{RoleArguments, RolesCommand},
    output::Listing,
};

pub(super) async fn run(
    context: &Context<'_>,
    command: RolesCommand,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    match command {
        RolesCommand::List => list(context, out).await,
        RolesCommand::Grant(arguments) => change(context, arguments, RoleChangeKind::Granted, out).await,
        RolesCommand::Revoke(arguments) => change(context, arguments, RoleChangeKind::Revoked, out).await,
        RolesCommand::History { username, limit } => history(context, &username, limit, out).await,
    }
}

async fn list(context: &Context<'_>, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let mut listing = Listing::new(context.global, ["username", "role", "enterprise_customer_uuid"], out)?;
    for (name, user) in context.store.users().await? {
        if user.is_superuser {
            listing.row([json!(name), json!("superuser"), json!("*")])?;
        }
        for grant in user.grants {
            listing.row([json!(name), json!(grant.role.assignment()), scope(grant.scope)])?;
        }
    }
    listing.finish()?;
    Ok(Exit::Done)
}

fn scope(scope: Scope) -> Value {
    match scope {
        Scope::All => json!("*"),
        Scope::Enterprise(enterprise) => json!(enterprise),
    }
}

/// Grants or revokes a role. What is so already stays so, without a record.
async fn change(
    context: &Context<'_>,
    arguments: RoleArguments,
    kind: RoleChangeKind,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let RoleArguments { username, role, enterprise_customer_uuid, reason, .. } = arguments;
    let grant = RoleGrant { role, scope: enterprise_customer_uuid.map_or(Scope::All, Scope::Enterprise) };
    let (verb, done) = match kind {
        RoleChangeKind::Granted => ("Grant", "granted"),
        RoleChangeKind::Revoked => ("Revoke", "revoked"),
    };
    let has_role = context.store.user(&username).await?.grants.contains(&grant);
    let is_needed = has_role != (kind == RoleChangeKind::Granted);
    let mut is_changed = is_needed;
    if is_needed && !context.global.dry_run {
        context.confirm(&format!("{verb} the role {} of {username}?", role.assignment()))?;
        is_changed = context.store.change_role(&username, grant, kind, &context.stamp(reason)).await?;
    }
    let mut listing = Listing::new(context.global, ["username", "role", "enterprise_customer_uuid", "outcome"], out)?;
    let outcome = if is_changed { done } else { "unchanged" };
    listing.row([json!(username), json!(role.assignment()), scope(grant.scope), json!(outcome)])?;
    listing.finish()?;
    Ok(Exit::Done)
}

async fn history(
    context: &Context<'_>,
    username: &str,
    limit: usize,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let columns = ["at", "kind", "role", "enterprise_customer_uuid", "actor", "reason", "request_id"];
    let mut listing = Listing::new(context.global, columns, out)?;
    for change in context.store.role_changes(username, limit).await? {
        listing.row([
            json!(change.at),
            json!(change.kind),
            json!(change.role.assignment()),
            scope(change.scope),
            json!(change.actor),
            json!(change.reason),
            json!(change.request_id),
        ])?;
    }
    listing.finish()?;
    Ok(Exit::Done)
}
