//! `lmctl`: the operator's command.

use std::{io, process::ExitCode};

use clap::Parser;
use license_lmctl::{Arguments, Exit, run};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_wrong = error.use_stderr();
            // If neither stream can be written to, nothing can be reported.
            let _ = error.print();
            return if is_wrong { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,dynoxide=error"));
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).with_env_filter(filter).init();
    let mut out = io::stdout();
    let exit = tokio::select! {
        exit = run(arguments, &mut out) => exit,
        Ok(()) = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    };
    match exit {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error}");
            error.exit().into()
        }
    }
}
