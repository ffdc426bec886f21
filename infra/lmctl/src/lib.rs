//! The operator's command, as a library: the commands of `lmctl`, over the same traits as the functions.

mod arguments;
mod commands;
mod connect;
mod error;
mod output;

use std::io::Write;

pub use self::{
    arguments::{Arguments, Command, Global},
    error::{Error, Exit},
    output::Format,
};

/// Runs a command; its result goes to `out`, messages go to standard error.
pub async fn run(arguments: Arguments, out: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let Arguments { global, command } = arguments;
    match command {
        Command::Completions { shell } => commands::documents::completions(shell, out),
        Command::Man => commands::documents::man(out),
        command => {
            let connected = connect::connect(&global, command.may_create()).await?;
            let done = commands::run(&global, &connected.store, command, out).await;
            connected.close().await;
            done
        }
    }
}
