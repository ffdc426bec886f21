//! `cargo run`: the whole product on loopback.

use std::{
    io::IsTerminal,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{ArgGroup, Parser};
use license_domain::{Clock, Timestamp};
use license_local::{FREE_LOOPBACK_PORT, Options, banner, export, import, settings};
use license_telemetry::SystemClock;
use license_template::Template;
use tracing_subscriber::EnvFilter;

const SETTINGS: &str = "\
Settings: JWT_ISSUER, JWT_AUDIENCE, JWT_SECRET_KEY, JWT_PUBLIC_SIGNING_JWK_SET, CORS_ORIGIN_WHITELIST,
LEARNER_PORTAL_URL, LMS_URL, ENTERPRISE_CATALOG_URL, … as in template.yaml. RUST_LOG sets the log level (info).";

/// The whole License Manager on loopback, with an embedded DynamoDB.
///
/// The product's settings are environment variables.
#[derive(Debug, Parser)]
#[command(name = "license-local", version, after_help = SETTINGS)]
#[command(group = ArgGroup::new("source").args(["data", "import", "table"]).multiple(true))]
#[command(group = ArgGroup::new("task").args(["import", "export"]).multiple(true))]
struct Arguments {
    /// The address of the API; other machines must never reach it, because it gives out tokens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// The address of the table, for `sam local` and `lmctl`; by default a free port on loopback. It requires no
    /// password
    #[arg(long, value_name = "ADDRESS", default_value_t = FREE_LOOPBACK_PORT)]
    table_listen: SocketAddr,
    /// The address of the stand-ins for AWS, the LMS, the catalog service and Braze; by default a free port on loopback
    #[arg(long, value_name = "ADDRESS", default_value_t = FREE_LOOPBACK_PORT)]
    aws_listen: SocketAddr,
    /// The folder in which the table is kept; without it, the table is in memory and is lost at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Imports a file that dumpdata of a Django license-manager wrote; may be repeated
    #[arg(long, value_name = "FILE")]
    import: Vec<PathBuf>,
    /// Exports the table into a file that Django's loaddata reads, and ends; `-` is standard output
    #[arg(long, value_name = "FILE", requires = "source", conflicts_with_all = ["clock", "no_demo"])]
    export: Option<PathBuf>,
    /// The table of AWS that --import and --export work on, instead of the embedded one; the runner ends after that
    #[arg(long, value_name = "NAME", requires = "task", conflicts_with_all = ["data", "clock", "no_demo"])]
    table: Option<String>,
    /// The address of the server with that table, if it is not AWS
    #[arg(long, value_name = "URL", requires = "table")]
    endpoint_url: Option<String>,
    /// The time at which the clock starts, for example 2026-11-23T10:46:08Z; by default now. The clock runs on from
    /// there
    #[arg(long, value_name = "RFC3339")]
    clock: Option<Timestamp>,
    /// The value of a secret that a setting names as `secretsmanager:NAME`; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = secret)]
    secret: Vec<(String, String)>,
    /// Starts without the demo customer
    #[arg(long)]
    no_demo: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    log();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let progress = |line: &str| tracing::info!("{line}");
    let (endpoint, files) = (arguments.endpoint_url.as_deref(), &arguments.import);
    if let Some(table) = &arguments.table {
        if !files.is_empty() {
            let report = import::into_table(table, endpoint, files, &progress).await?;
            say(&arguments, &format!("Imported into {table}\n{report}"));
        }
        if let Some(to) = &arguments.export {
            let report = export::from_table(table, endpoint, to, &progress).await?;
            say(&arguments, &format!("Exported to {}\n{report}", to.display()));
        }
        return Ok(());
    }
    if let Some(to) = &arguments.export {
        let report = export::from_engine(arguments.data.as_deref(), files, to, &progress).await?;
        say(&arguments, &format!("Exported to {}\n{report}", to.display()));
        return Ok(());
    }
    let began = SystemClock.now();
    let options = Options {
        listen: arguments.listen,
        table_listen: arguments.table_listen,
        aws_listen: arguments.aws_listen,
        data: arguments.data,
        import: arguments.import,
        clock: arguments.clock,
        demo: !arguments.no_demo,
        settings: settings::from_env(&Template::embedded()?),
        secrets: arguments.secret.into_iter().collect(),
        stand_ins: None,
    };
    let mut interrupted = std::pin::pin!(interrupted());
    let running = tokio::select! {
        running = license_local::start(options) => running?,
        () = &mut interrupted => return Ok(()),
    };
    let took = (SystemClock.now() - began).to_std().unwrap_or_default();
    println!("{}", banner::ready(&running, took));
    interrupted.await;
    eprintln!("stopping");
    running.stop().await;
    Ok(())
}

fn secret(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("it is no NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Prints a report: on standard error if standard output has the export itself.
fn say(arguments: &Arguments, report: &str) {
    if arguments.export.as_deref().is_some_and(|to| to == Path::new(export::STANDARD_OUTPUT)) {
        eprintln!("{report}");
    } else {
        println!("{report}");
    }
}

/// Prints help unchanged, and a wrong option as one line.
fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    // The message ends where the usage begins; a missing option is named in a separate line.
    let problem = text.split("\n\n").next().unwrap_or_default();
    let line = problem.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    eprintln!("{line} (--help lists the options)");
    ExitCode::from(2)
}

/// This log is for people: short lines on standard error, at the level in `RUST_LOG`.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,dynoxide=error"));
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    log.with_target(false).with_ansi(std::io::stderr().is_terminal()).compact().init();
}

/// Ctrl-C, or the signal that service managers send.
async fn interrupted() {
    let interrupt = async {
        // If signals cannot be waited for, the process can only be killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    () = interrupt => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => interrupt.await,
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
