//! The operator's command, as a library: the commands of `lmctl`, over the same traits as the functions.

mod arguments;
mod commands;
mod connect;
mod error;
mod manufacture;
mod output;

use std::io::Write;

pub use self::{
    arguments::{Arguments, Command, Global},
    error::{Error, Exit},
    output::Format,
};

/// Returns the value of a setting.
pub type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// Runs a command with the settings of the environment; its result goes to `out`, messages go to standard error.
pub async fn run(arguments: Arguments, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    run_with(arguments, &|name| std::env::var(name).ok(), out).await
}

/// The same with these settings.
pub async fn run_with(arguments: Arguments, settings: Lookup<'_>, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let Arguments { global, command } = arguments;
    match command {
        Command::Completions { shell } => commands::documents::completions(shell, out),
        Command::Man => commands::documents::man(out),
        Command::Redrive(arguments) => commands::redrive::redrive(&global, &arguments, out).await,
        command => {
            let connected = connect::connect(&global, command.may_create()).await?;
            let done = commands::run(&global, &connected, settings, command, out).await;
            connected.close().await;
            done
        }
    }
}
