//! One file for each group of commands.

mod audit;
mod check;
pub(crate) mod documents;
mod dump;
mod jobs;
mod plans;
mod roles;

use std::{
    io::{self, BufRead, IsTerminal, Write},
    sync::Arc,
};

use license_storage_dynamodb::Store;

use crate::{Command, Error, Exit, Global};

/// What a command needs.
pub(crate) struct Context<'a> {
    pub(crate) global: &'a Global,
    pub(crate) store: &'a Arc<Store>,
}

pub(crate) async fn run(
    global: &Global,
    store: &Arc<Store>,
    command: Command,
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let context = Context { global, store };
    match command {
        Command::Check { segments, repair, limit } => check::check(&context, (segments, repair, limit), out).await,
        Command::Import { files } => dump::import(&context, &files, out).await,
        Command::Export { file } => dump::export(&context, &file).await,
        Command::Jobs(command) => jobs::run(&context, command, out).await,
        Command::Audit(arguments) => audit::audit(&context, &arguments, out).await,
        Command::Roles(crate::arguments::RolesCommand::List) => roles::list(&context, out).await,
        Command::Plans(command) => plans::run(&context, command, out).await,
        Command::Completions { shell } => documents::completions(shell, out),
        Command::Man => documents::man(out),
    }
}

impl Context<'_> {
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
