//! `lmctl check`.

use std::io::Write;

use license_storage::{CheckOptions, TableCheck};
use serde_json::json;

use super::Context;
use crate::{Error, Exit, connect::is_loopback, output::Listing};

/// How many segments of a table of AWS are read in parallel.
const SEGMENTS: u16 = 8;

pub(super) async fn check(
    context: &Context<'_>,
    (segments, repair, limit): (Option<u16>, bool, usize),
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let repair = repair && !context.global.dry_run;
    if repair {
        context.confirm("Create pointers that are missing?")?;
    }
    let global = context.global;
    let is_here = global.data.is_some() || global.endpoint_url.as_deref().is_some_and(is_loopback);
    let segments = segments.unwrap_or(if is_here { 1 } else { SEGMENTS });
    let report = context.store.check_table(CheckOptions { segments, repair, limit }).await?;
    let mut listing = Listing::new(context.global, ["kind", "what", "detail", "repaired"], out)?;
    let mut left = report.more_problems;
    for problem in &report.problems {
        left += u64::from(!problem.repaired);
        listing.row([
            serde_json::to_value(problem.kind).expect("a kind serializes as a word"),
            json!(problem.what),
            json!(problem.detail),
            json!(problem.repaired),
        ])?;
    }
    listing.finish()?;
    eprintln!(
        "{} items, {} plans, {} licenses; {left} problems{}",
        report.items,
        report.plans,
        report.licenses,
        match report.busy_plans {
            0 => String::new(),
            busy => format!("; {busy} plans changed meanwhile and were not counted, check again"),
        }
    );
    Ok(if left == 0 { Exit::Done } else { Exit::Problems })
}
