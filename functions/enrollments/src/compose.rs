//! Builds the function's context from its settings.

use std::sync::Arc;

use license_api::{ApiSettings, AppState};
use license_clients::{ExportClient, ExportSettings};
use license_domain::job::DEFAULT_ENROLLMENT_LIMIT;
use license_runtime::{self as runtime, Error, Parts};
use license_settings::{Declared, NotANumber, Setting, number};

use crate::Context;

/// The settings that this function reads.
pub const SETTINGS: Declared =
    &[runtime::SETTINGS, ApiSettings::DECLARED, ExportSettings::DECLARED, EnrollmentLimit::DECLARED];

const BULK_ENROLL_REQUEST_LIMIT: &str = "BULK_ENROLL_REQUEST_LIMIT";

/// The most enrollments that a job can have, because they are one item of the table.
const MAX_ENROLLMENTS: usize = 1_000;

/// The most enrollments (learners × courses) of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrollmentLimit(pub usize);

impl EnrollmentLimit {
    /// The settings that are read here.
    pub const DECLARED: &[Setting] = &[Setting::plain(BULK_ENROLL_REQUEST_LIMIT)];

    /// Reads the limit; 500 if it is not set, and at most 1,000.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, NotANumber> {
        let limit = number(lookup, BULK_ENROLL_REQUEST_LIMIT)?.unwrap_or(DEFAULT_ENROLLMENT_LIMIT);
        Ok(Self(limit.min(MAX_ENROLLMENTS)))
    }
}

/// Builds the context from the settings.
pub fn compose(parts: &Parts) -> Result<Context, Error> {
    let settings = ApiSettings::from_lookup(parts.lookup())?;
    let exports =
        ExportClient::new(ExportSettings::from_lookup(parts.lookup()), &parts.aws, parts.clock(), parts.random())?;
    Ok(Context {
        app: AppState::new(&settings, parts.store.clone(), parts.clock(), parts.random())?,
        portfolios: parts.store.clone(),
        jobs: parts.store.clone(),
        exports: Arc::new(exports),
        limit: EnrollmentLimit::from_lookup(parts.lookup())?,
    })
}
