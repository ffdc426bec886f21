//! One file for each group of commands.

mod audit;
mod check;
pub(crate) mod documents;
mod dump;
mod jobs;
mod mails;
mod manufacture;
mod operations;
mod plans;
pub(crate) mod redrive;
mod roles;
mod seed;
mod validate_catalog_queries;
mod webhooks;

use std::{
    io::{self, BufRead, IsTerminal, Write},
    sync::Arc,
};

use license_domain::Stamp;
use license_storage_dynamodb::{PutItems, Store};

use crate::{Command, Error, Exit, Global, Lookup, connect::Connected};

/// What a command needs.
pub(crate) struct Context<'a> {
    pub(crate) global: &'a Global,
    pub(crate) store: &'a Arc<Store>,
    /// The way to put many items into the table.
    pub(crate) items: &'a Arc<dyn PutItems>,
    /// The settings of other services, and of rules.
    pub(crate) settings: Lookup<'a>,
}

pub(crate) async fn run(
    global: &Global,
    connected: &Connected,
    settings: Lookup<'_>,
    command: Command,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let context = Context { global, store: &connected.store, items: &connected.items, settings };
    match command {
        Command::Check { segments, repair, limit } => check::check(&context, (segments, repair, limit), out).await,
        Command::Import { files } => dump::import(&context, &files, out).await,
        Command::Export { file } => dump::export(&context, &file).await,
        Command::Jobs(command) => jobs::run(&context, command, out).await,
        Command::ValidateNumCatalogQueries { catalog_id_reporting_threshold } => {
            validate_catalog_queries::run(&context, catalog_id_reporting_threshold, out).await
        }
        Command::SeedDevelopmentData => seed::development(&context, out).await,
        Command::SeedEnterpriseDevstackData { enterprise_customer_uuid, enterprise_customer_slug, num_licenses } => {
            let of = (enterprise_customer_uuid, enterprise_customer_slug, num_licenses);
            seed::devstack(&context, of, out).await
        }
        Command::Operations(command) => operations::run(&context, command, out).await,
        Command::Audit(arguments) => audit::audit(&context, &arguments, out).await,
        Command::Roles(command) => roles::run(&context, command, out).await,
        Command::Plans(command) => plans::run(&context, command, out).await,
        Command::Mails(command) => mails::run(&context, command, out).await,
        Command::Webhooks(command) => webhooks::run(&context, command, out).await,
        Command::Redrive(arguments) => redrive::redrive(global, &arguments, out).await,
        Command::ManufactureData(arguments) => manufacture::run(&context, arguments, out).await,
        Command::Completions { shell } => documents::completions(shell, out),
        Command::Man => documents::man(out),
    }
}

impl Context<'_> {
    /// What a change is recorded with. The name of the operating system's user is a claim: everyone who may write to the table
    /// may name another one with `--actor`.
    fn stamp(&self, reason: String) -> Stamp {
        let user = || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        let name = self.global.actor.clone().or_else(user).filter(|name| !name.is_empty());
        Stamp {
            actor: name.map_or_else(|| "lmctl".to_owned(), |name| format!("lmctl:{name}")),
            actor_lms_user_id: None,
            reason,
            request_id: format!("lmctl-{}", self.store.random().uuid()),
            at: self.store.clock().now(),
        }
    }

    /// Asks for confirmation, unless `--yes` is given. Without a terminal there is no answer.
    fn confirm(&self, question: &str) -> Result<(), Error> {
        if self.global.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Error::Usage(format!("{question} Answer with --yes.")));
        }
        eprint!("{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "yes") { Ok(()) } else { Err(Error::Usage("not confirmed".to_owned())) }
    }
}

/// Prints the progress, if standard error is a terminal.
pub(crate) fn progress(line: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
    }
}

/// Removes the last line of progress.
pub(crate) fn end_progress() {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}
