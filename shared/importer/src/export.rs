//! Writes a table's state as a file that Django's `loaddata` reads, and that [`Importer`](crate::Importer) reads: one
//! row in each line, always in the same order. Only one part of a plan's licenses is in memory at a time.

mod rows;

use std::{collections::BTreeMap, fmt, io, sync::Arc};

use license_domain::{License, LicenseStatus, PlanId, Portfolio, RoleName, SeatCounts, SubscriptionPlan};
use license_storage::{BulkRead, Portfolios, StoreError};
use serde::Serialize;

use self::rows::RowWriter;
use crate::{Progress, fields, survey::STEP};

#[derive(Clone)]
pub struct Exporter {
    /// Agreements with their plans and renewals.
    pub portfolios: Arc<dyn Portfolios>,
    /// Everything else.
    pub read: Arc<dyn BulkRead>,
}

/// What was exported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// How many rows of each model.
    pub rows: BTreeMap<&'static str, u64>,
}

impl fmt::Display for ExportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (model, count) in &self.rows {
            writeln!(f, "  {count:>9} {model}")?;
        }
        Ok(())
    }
}

/// Why a table was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file could not be written.
    #[error("the export was not written: {0}")]
    Write(#[from] io::Error),
    /// A plan's licenses changed while they were read.
    #[error(
        "nothing was exported: plan {plan} changed while it was read ({counted} by its counters, {read} were read); \
         export when nothing changes, or from a restored copy of the table"
    )]
    Changed {
        plan: PlanId,
        /// How many licenses of each status there are.
        counted: Tally,
        /// How many were read.
        read: Tally,
    },
    #[error("nothing was exported ({0}); start it again")]
    Store(#[from] StoreError),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    unassigned: u64,
    assigned: u64,
    activated: u64,
    revoked: u64,
}

impl Tally {
    const fn of(counts: &SeatCounts) -> Self {
        Self {
            unassigned: counts.of(LicenseStatus::Unassigned),
            assigned: counts.assigned,
            activated: counts.activated,
            revoked: counts.revoked,
        }
    }

    const fn add(&mut self, license: &License) {
        match license.status {
            LicenseStatus::Unassigned => self.unassigned += 1,
            LicenseStatus::Assigned => self.assigned += 1,
            LicenseStatus::Activated => self.activated += 1,
            LicenseStatus::Revoked => self.revoked += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { unassigned, assigned, activated, revoked } = self;
        write!(f, "{unassigned} unassigned, {assigned} assigned, {activated} activated, {revoked} revoked")
    }
}

/// Keys of rows that have none in our table.
#[derive(Debug, Default)]
struct Numbers {
    messaging: u64,
    source: u64,
    license_event: u64,
    /// Kinds of sources by their slugs.
    source_types: BTreeMap<String, i64>,
}

impl Exporter {
    /// Writes everything. If it fails, the file is incomplete.
    pub async fn export(
        &self,
        to: impl io::Write + Send + 'static,
        progress: Progress<'_>,
    ) -> Result<ExportReport, ExportError> {
        let mut rows = RowWriter::new(to);
        self.products(&mut rows).await?;
        self.users(&mut rows).await?;
        let mut numbers = Numbers::default();
        for agreement in self.portfolios.all_agreements().await? {
            // It was deleted, or the list shows it earlier than the agreement can be read.
            let Some(portfolio) = self.portfolios.portfolio(agreement).await? else { continue };
            portfolio_rows(&mut rows, &portfolio, &mut numbers).await?;
            for plan in &portfolio.plans {
                self.licenses(&mut rows, plan, &mut numbers, progress).await?;
                self.license_events(&mut rows, plan, &mut numbers).await?;
            }
        }
        Ok(ExportReport { rows: rows.finish().await? })
    }

    async fn products(&self, rows: &mut RowWriter) -> Result<(), ExportError> {
        let mut catalog = self.read.catalog().await?;
        catalog.plan_types.sort_unstable_by_key(|kind| kind.id);
        catalog.products.sort_unstable_by_key(|product| product.id);
        for kind in &catalog.plan_types {
            rows.write(&fields::plan_type_row(kind)).await?;
        }
        for product in &catalog.products {
            rows.write(&fields::product_row(product)).await?;
        }
        Ok(())
    }

    async fn users(&self, rows: &mut RowWriter) -> Result<(), ExportError> {
        let users = self.read.users().await?;
        for role in [RoleName::SubscriptionsAdmin, RoleName::SubscriptionsLearner, RoleName::ProvisioningAdmin] {
            if users.values().flat_map(|user| &user.grants).any(|grant| grant.role == role) {
                rows.write(&fields::role_row(role)).await?;
            }
        }
        for (name, user) in &users {
            rows.write(&fields::user_row(name, user.is_superuser)).await?;
        }
        let mut number = 0;
        for (name, user) in &users {
            for grant in &user.grants {
                number += 1;
                rows.write(&fields::role_assignment_row(number, name, *grant)).await?;
            }
        }
        Ok(())
    }

    async fn licenses(
        &self,
        rows: &mut RowWriter,
        plan: &SubscriptionPlan,
        numbers: &mut Numbers,
        progress: Progress<'_>,
    ) -> Result<(), ExportError> {
        let (mut after, mut read) = (None, Tally::default());
        loop {
            let (licenses, next) = self.read.next_licenses(plan, after.as_ref()).await?;
            for license in &licenses {
                read.add(license);
                rows.write(&fields::license_row(license)).await?;
                if rows.written().is_multiple_of(STEP) {
                    progress(&format!("{} rows exported", rows.written()));
                }
                let Some(source) = &license.source else { continue };
                if !numbers.source_types.contains_key(&source.source_type) {
                    let number = i64::try_from(numbers.source_types.len() + 1).expect("there are a few kinds");
                    numbers.source_types.insert(source.source_type.clone(), number);
                    rows.write(&fields::source_type_row(number, &source.source_type)).await?;
                }
                numbers.source += 1;
                let kind = numbers.source_types[&source.source_type];
                rows.write(&fields::source_row(numbers.source, license.uuid, source, kind)).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let counts = self.portfolios.seat_counts(&[plan]).await?;
        let counted = counts.get(&plan.uuid).map(Tally::of).unwrap_or_default();
        if counted == read { Ok(()) } else { Err(ExportError::Changed { plan: plan.uuid, counted, read }) }
    }
}

impl Exporter {
    /// What was done once for a plan's licenses.
    async fn license_events(
        &self,
        rows: &mut RowWriter,
        plan: &SubscriptionPlan,
        numbers: &mut Numbers,
    ) -> Result<(), ExportError> {
        let mut after = None;
        loop {
            let (events, next) = self.read.next_license_events(plan.uuid, after.as_ref()).await?;
            for (license, event) in events {
                numbers.license_event += 1;
                rows.write(&fields::license_event_row(numbers.license_event, license, &event)).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// An agreement with its plans and renewals.
async fn portfolio_rows(rows: &mut RowWriter, portfolio: &Portfolio, numbers: &mut Numbers) -> Result<(), ExportError> {
    let agreement = &portfolio.agreement;
    rows.write(&fields::agreement_row(agreement)).await?;
    if let Some(messaging) = &agreement.messaging_v2 {
        numbers.messaging += 1;
        rows.write(&fields::messaging_row(numbers.messaging, agreement.uuid, messaging)).await?;
    }
    for plan in &portfolio.plans {
        rows.write(&fields::plan_row(plan)).await?;
    }
    for renewal in &portfolio.renewals {
        rows.write(&fields::renewal_row(renewal)).await?;
    }
    Ok(())
}
