//! Builds the function's context from its settings.

use std::sync::Arc;

use license_clients::ExportSettings;
use license_domain::plan_work::Rules;
use license_messaging::{Queue, QueueSettings, SqsQueues};
use license_runtime::{self as runtime, Error, Parts};
use license_settings::Declared;
use license_work::{Plans, RunRecords};

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared = &[runtime::SETTINGS, QueueSettings::BULK, ExportSettings::DECLARED, runtime::PLAN_RULES];

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let queues = QueueSettings::from_lookup(parts.lookup(), &[Queue::Bulk]);
    let rules = Rules::from_lookup(parts.lookup())?;
    Ok(Context {
        clock: parts.clock(),
        sweep: parts.store.clone(),
        records: parts.store.clone(),
        erasure: parts.store.clone(),
        runs: Arc::new(RunRecords::new(&parts.store, parts.clock())),
        rosters: parts.store_with_rosters()?,
        plan_works: parts.store.clone(),
        plans: Arc::new(Plans::new(&parts.store, parts.clock(), parts.random(), rules)),
        queues: Arc::new(SqsQueues::new(&queues, &parts.aws)),
    })
}
