//! Measures how long operations take on large plans, and which part of the processor time each component uses: `cargo
//! run --release -p license-bench`.
//!
//! The product, the embedded engine, the stand-ins for other services and the client run in one process on threads with
//! different names, so that the processor time of each is known. The product's time contains that of the runner, which
//! invokes it in place of Lambda. Figures of edx's
//! license-manager were measured on two cores with 111,000 licenses; compare ratios, and only on a similar machine.

#![expect(clippy::disallowed_methods, reason = "a measurement is about the time of the machine")]

mod cpu;
mod operations;
mod table;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use license_local::{Options, engine::Engine};
use license_tests::{
    NOW, TestApp,
    app::options,
    dump::{self, DumpedPlan},
};
use tokio::runtime::{Builder, Runtime};

/// Measures operations beside large plans.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many licenses the large plan has.
    #[arg(long, default_value_t = 100_000)]
    large: u32,
    /// Only operations whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// How often each operation is repeated.
    #[arg(long, default_value_t = 20)]
    runs: usize,
    /// A new folder for the data, as of the runner; by default it is in memory.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// A dump that is deleted after the measurement.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap_or_default();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let plan = |number, licenses, is_assigned| DumpedPlan { number, licenses, is_assigned };
    let plans = [
        plan(1, 1_000, true),
        plan(2, 10_000, true),
        plan(3, arguments.large, true),
        plan(4, arguments.large, false),
        plan(5, 10_000, true),
    ];
    let file = TemporaryFile(std::env::temp_dir().join(format!("license-bench-{}.json", std::process::id())));
    dump::write(&file.0, &plans, NOW.parse()?)?;

    let (engine_threads, product_threads) = (runtime(cpu::ENGINE)?, runtime(cpu::PRODUCT)?);
    let stand_ins = runtime(cpu::STAND_INS)?;
    let client = Builder::new_current_thread().enable_all().build()?;
    let empty = cpu::memory();
    let began = Instant::now();
    let engine = engine_threads.block_on(Engine::start(arguments.data.as_deref()))?;
    let stand_ins = Some(stand_ins.handle().clone());
    let options = Options { import: vec![file.0.clone()], data: arguments.data, stand_ins, ..options() };
    let app = product_threads.block_on(TestApp::on(engine, options));
    let licenses: u32 = plans.iter().map(|plan| plan.licenses).sum();
    println!(
        "import of {licenses} licenses: {:.1} s; memory {empty} MB before, {} MB after",
        began.elapsed().as_secs_f64(),
        cpu::memory()
    );

    let began = Instant::now();
    // The sweeper makes the rosters of the imported plans once the index certainly shows all their licenses.
    client.block_on(app.advance("PT5M"));
    wait_until_quiet();
    println!("rosters: {:.1} s; memory {} MB after", began.elapsed().as_secs_f64(), cpu::memory());

    table::print_heads();
    client.block_on(operations::measure(&app, &arguments.only, arguments.runs, &plans));
    println!("memory at the end: {} MB", cpu::memory());
    Ok(())
}

/// Waits until workers, the relay and the sweeper have done what they were given, which is no part of an operation.
fn wait_until_quiet() {
    /// Longer than any pause of that work.
    const WAIT: Duration = Duration::from_secs(5);
    loop {
        let before = cpu::used_by(cpu::PRODUCT);
        std::thread::sleep(WAIT);
        // Empty queues and schedules are polled all the time.
        if cpu::used_by(cpu::PRODUCT).saturating_sub(before) < WAIT / 20 {
            return;
        }
    }
}

/// Threads of that name.
fn runtime(name: &'static str) -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build()
}
