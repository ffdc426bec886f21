//! `lmctl roles`.

use std::io::Write;

use license_domain::Scope;
use license_storage::BulkRead;
use serde_json::json;

use super::Context;
use crate::{Error, Exit, output::Listing};

pub(super) async fn list(context: &Context<'_>, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let mut listing = Listing::new(context.global, ["username", "role", "enterprise_customer_uuid"], out)?;
    for (name, user) in context.store.users().await? {
        if user.is_superuser {
            listing.row([json!(name), json!("superuser"), json!("*")])?;
        }
        for grant in user.grants {
            let scope = match grant.scope {
                Scope::All => json!("*"),
                Scope::Enterprise(enterprise) => json!(enterprise),
            };
            listing.row([json!(name), json!(grant.role.assignment()), scope])?;
        }
    }
    listing.finish()?;
    Ok(Exit::Done)
}
