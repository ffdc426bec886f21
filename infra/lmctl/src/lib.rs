//! The operator's command, as a library: what `lmctl` does is done here, over the same traits as the functions.

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

/// Carries a command out; its result goes to `out`, what is said beside it to standard error.
pub async fn run(arguments: Arguments, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let Arguments { global, command } = arguments;
    match command {
        Command::Completions { shell } => commands::documents::completions(shell, out),
        Command::Man => commands::documents::man(out),
        Command::Redrive(arguments) => commands::redrive::redrive(&global, &arguments, out).await,
        command => {
            let connected = connect::connect(&global, command.may_create()).await?;
            let done = commands::run(&global, &connected, command, out).await;
            connected.close().await;
            done
        }
    }
}
