//! Reads the state of a real license-manager from files that Django's `dumpdata` wrote, and writes such files
//! ([`Exporter`]).
//!
//! 1. Every row of every file is checked, and compared with what is stored already. If there is a bad row or a
//!    conflict, the import ends with a list of them, and nothing is written.
//! 2. Licenses are written first. Repeating that is harmless, and they cannot be found, because their plans do not
//!    exist yet.
//! 3. Products, users' roles and agreements follow, then each plan with its names and counters in one transaction, then
//!    renewals, and last the record that these files are done.
//!
//! After a crash the same import completes what is missing. A file that was imported already is left out.
//! Whatever the size of a file, only its licenses' ids, plans and digests of addresses are held in memory, and what was
//! done for them once (license events).

mod dump;
mod existing;
mod export;
mod fields;
mod license_events;
mod report;
mod survey;
mod write;

use std::{path::PathBuf, sync::Arc};

use license_domain::{Clock, Stamp, number::to_u64};
use license_storage::{BulkWrite, Portfolios};

use self::{dump::Dump, existing::Existing, survey::Survey};
pub use export::{ExportError, ExportReport, Exporter};
pub use report::{BadRow, ImportError, Report};

/// Receives lines about the progress.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

#[derive(Clone)]
pub struct Importer {
    /// What is stored already.
    pub portfolios: Arc<dyn Portfolios>,
    /// Writes to the same table.
    pub bulk: Arc<dyn BulkWrite>,
    /// The source of the time with which everything is stamped.
    pub clock: Arc<dyn Clock>,
}

impl Importer {
    /// Imports these files as one: all of them or nothing.
    pub async fn import(&self, files: &[PathBuf], progress: Progress<'_>) -> Result<Report, ImportError> {
        let mut report = Report::default();
        let Some((dumps, survey, existing)) = self.prepare(files, &mut report, progress).await? else {
            return Ok(report);
        };
        write::all(self, &dumps, survey, &existing, &mut report, progress).await?;
        for dump in &dumps {
            self.bulk.record_import(dump.digest(), dump.name(), self.clock.now()).await?;
        }
        Ok(report)
    }

    /// Checks these files as an import does; returns what would be imported.
    pub async fn check(&self, files: &[PathBuf], progress: Progress<'_>) -> Result<Report, ImportError> {
        let mut report = Report::default();
        if let Some((_, survey, existing)) = self.prepare(files, &mut report, progress).await? {
            let counts = [
                ("agreements", survey.agreements.len() - existing.agreements.len()),
                ("plans", survey.plans.len() - existing.plans.len()),
                ("renewals", survey.renewals.len() - existing.renewals.len()),
            ];
            let counts = counts.map(|(kind, count)| (kind, to_u64(count)));
            let licenses = survey.licenses_of(|plan| !existing.plans.contains(&plan));
            // Which of them belong to plans that are there already is not known before the second pass.
            let events = if existing.plans.is_empty() { to_u64(survey.license_events.count()) } else { 0 };
            let counts = counts.into_iter().chain([("licenses", licenses), ("license events", events)]);
            report.imported.extend(counts.filter(|(_, count)| *count > 0));
            report.skipped.clone_from(&survey.skipped);
            report.warnings.clone_from(&survey.warnings);
        }
        Ok(report)
    }

    /// All steps before the first write; `None` if all files were imported before.
    async fn prepare(
        &self,
        files: &[PathBuf],
        report: &mut Report,
        progress: Progress<'_>,
    ) -> Result<Option<(Vec<Dump>, Survey, Existing)>, ImportError> {
        let mut dumps = Vec::new();
        for file in files {
            let dump = Dump::open(file).await?;
            let is_known = self.bulk.is_imported(dump.digest()).await?;
            if is_known || dumps.iter().any(|other: &Dump| other.digest() == dump.digest()) {
                report.imported_before.push(dump.name().to_owned());
            } else {
                dumps.push(dump);
            }
        }
        if dumps.is_empty() {
            return Ok(None);
        }
        let mut survey = Survey::default();
        for dump in &dumps {
            survey.read(dump, progress).await?;
        }
        survey.finish();
        let existing = existing::compare(self, &dumps, &mut survey, progress).await?;
        if !survey.bad.is_empty() {
            return Err(ImportError::Bad(std::mem::take(&mut survey.bad)));
        }
        Ok(Some((dumps, survey, existing)))
    }

    /// The stamp of all items that are written now.
    fn stamp(&self) -> Stamp {
        Stamp {
            actor: "import".to_owned(),
            actor_lms_user_id: None,
            reason: "import".to_owned(),
            request_id: "import".to_owned(),
            at: self.clock.now(),
        }
    }
}
