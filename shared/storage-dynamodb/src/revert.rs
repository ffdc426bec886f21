//! Reverting licenses of a plan to what they were at an earlier time.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{
    AuditEntry, EmailAddress, EmailKey, EventKind, License, LicenseChange, LicenseId, LicenseStatus, Portfolio, Row,
    RowOutcome, RowResult, Stamp, Subject, SubscriptionPlan,
    number::{to_u64, to_usize},
    reverting::{MAX_CHANGES, RevertRefusal, reverted},
};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{BucketKeys, Key, LearnerKeys},
    learners::as_seen,
    rows::{self, Home},
    table::{PARALLEL, Write},
    write::{BucketChange, Slot, occupy},
};
use license_storage::{AuditQuery, AuditTrails, RevertRequest, StoreError};

/// The conditions of a revert.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// A license, or what is in its learner's slot, is not as it was read.
    License,
    /// A bucket, or one of its returned seats, is not as it was read.
    Seats,
}

/// What becomes of a row's license.
enum Verdict {
    Missing,
    Refused(RevertRefusal),
    NoSeat,
    Unchanged,
    Reverted(Box<Reverting>),
}

/// A license that is reverted.
struct Reverting {
    key: Key,
    before: Slot,
    after: License,
    /// What is in its learner's slot, if the license itself is archived.
    in_slot: Option<Slot>,
}

impl Verdict {
    /// Whether it takes a seat of the plan: the revocation of its license gave the plan another seat.
    const fn takes_seat(&self) -> bool {
        match self {
            Self::Reverted(reverting) => matches!(reverting.before.license.status, LicenseStatus::Revoked),
            _ => false,
        }
    }
}

impl Store {
    /// 1. Read the licenses, strongly, their histories since the time, and the slots of learners whose license is
    ///    archived.
    /// 2. Decide by [`reverted`]. A license that becomes live again needs a free seat of the plan; without one it stays.
    /// 3. One transaction: each license (as seen) goes where it belongs; seats are taken and returned; the buckets count
    ///    all of it; the event; the record.
    /// 4. A condition failed or the transaction conflicted: repeat from 1 after a random wait.
    pub(crate) async fn revert_licenses(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        request: &RevertRequest<'_>,
    ) -> Result<Vec<RowResult>, StoreError> {
        self.transact("revert", (), |mut transaction, ()| async move {
            let mut verdicts = self.verdicts(plan, request).await?;
            let wanted = to_u64(verdicts.iter().filter(|verdict| verdict.takes_seat()).count());
            let shares = match self.allocate(plan, wanted, None).await? {
                Ok(shares) => shares,
                Err(too_few) => {
                    let without = verdicts.iter_mut().filter(|verdict| verdict.takes_seat());
                    without.skip(to_usize(too_few.available)).for_each(|verdict| *verdict = Verdict::NoSeat);
                    match self.allocate(plan, too_few.available, None).await? {
                        Ok(shares) => shares,
                        Err(_) => return Ok(Attempt::Retry(())),
                    }
                }
            };
            let results = results(request, &verdicts);
            let reverting: Vec<Box<Reverting>> = verdicts
                .into_iter()
                .filter_map(|verdict| if let Verdict::Reverted(reverting) = verdict { Some(reverting) } else { None })
                .collect();
            if request.is_dry_run {
                return Ok(Attempt::Done(results));
            }
            let change = request.change.clone().recording(&results);
            if reverting.is_empty() {
                self.record_step(&change, Step::Whole).await?;
                return Ok(Attempt::Done(results));
            }
            let at = shares.first().map_or_else(|| self.any_bucket(plan.uuid, &plan.seats), |share| share.at);
            let mut counts = BucketChange::default();
            for license in &reverting {
                counts.count(license.before.license.status, -1);
                counts.count(license.after.status, 1);
            }
            let seats = (plan, &shares[..], (at, counts));
            if self.take_seats(&mut transaction, Failed::Seats, seats).await?.is_none() {
                return Ok(Attempt::Retry(()));
            }
            let mut changes = Vec::with_capacity(reverting.len());
            for license in reverting {
                transaction.when(Failed::License, license.writes(portfolio, plan, at, &change)?);
                changes.push(LicenseChange::new(&license.before.license, &license.after));
            }
            let kind = EventKind::LicensesReverted;
            let event = self.license_event(kind, portfolio, plan.uuid, changes, Vec::new(), &change);
            transaction.add_license_events(&event, plan, &change)?;
            Ok(self.commit(transaction).await?.or_retry(results))
        })
        .await
    }

    /// What becomes of each row's license.
    async fn verdicts(&self, plan: &SubscriptionPlan, request: &RevertRequest<'_>) -> Result<Vec<Verdict>, StoreError> {
        let wanted: Vec<(Option<EmailKey>, LicenseId)> = request
            .rows
            .iter()
            .filter_map(|row| Some((row.user_email.as_ref().map(EmailAddress::key), row.license?)))
            .collect();
        let places = self.places(plan.uuid, &wanted).await?;
        let archived: Vec<EmailKey> = places
            .iter()
            .filter_map(|(key, slot)| slot.license.user_email.as_ref().map(|email| (key, email.key())))
            .filter(|(key, email)| **key != LearnerKeys(email).slot(plan.uuid))
            .map(|(_, email)| email)
            .collect();
        let in_slots = self.slots(plan.uuid, &archived).await?;
        let query = AuditQuery { from: Some(request.to), limit: Some(MAX_CHANGES + 2), ..AuditQuery::default() };
        let reads: Vec<_> =
            places.iter().map(|(_, slot)| self.trail(Subject::License(slot.license.uuid), query)).collect();
        let histories: Vec<Vec<AuditEntry>> = stream::iter(reads).buffered(PARALLEL).try_collect().await?;

        let mut found = HashMap::with_capacity(places.len());
        let mut restored: HashSet<EmailKey> = HashSet::new();
        for ((key, before), mut later) in places.into_iter().zip(histories) {
            later.retain(|entry| entry.at > request.to);
            let after = reverted(&before.license, &later, (request.to, request.change.at), request.is_forced);
            let license = before.license.uuid;
            let verdict = match after {
                Err(refusal) => Verdict::Refused(refusal),
                Ok(None) => Verdict::Unchanged,
                Ok(Some(after)) => {
                    let learner = after.user_email.as_ref().map(EmailAddress::key);
                    let in_slot = learner
                        .as_ref()
                        .filter(|learner| key != LearnerKeys(learner).slot(plan.uuid))
                        .and_then(|learner| in_slots.get(learner).cloned());
                    let is_taken = in_slot.as_ref().is_some_and(|slot| slot.license.status.is_live())
                        || learner.is_some_and(|learner| !restored.insert(learner));
                    if is_taken {
                        Verdict::Refused(RevertRefusal::OtherLicense)
                    } else {
                        Verdict::Reverted(Box::new(Reverting { key, before, after, in_slot }))
                    }
                }
            };
            found.insert(license, verdict);
        }
        let verdict = |row: &Row| row.license.and_then(|license| found.remove(&license)).unwrap_or(Verdict::Missing);
        Ok(request.rows.iter().map(verdict).collect())
    }
}

impl Reverting {
    /// The writes of the license, which goes into its learner's slot or, as a free seat, into that bucket.
    fn writes(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        at: BucketKeys,
        stamp: &Stamp,
    ) -> Result<Vec<Write>, StoreError> {
        let Self { key, before, after, in_slot } = self;
        let gone = Write::Delete { key: key.clone(), condition: Some(as_seen(before)) };
        if after.status == LicenseStatus::Unassigned {
            return Ok(vec![gone, Write::put(rows::free_seat(after, at)?)]);
        }
        let agreement = portfolio.agreement.uuid;
        let item = rows::license(after, Home::Slot, agreement, &plan.seats, before.version + 1, stamp)?;
        if *key == rows::license_key(after, Home::Slot) {
            return Ok(vec![Write::Put { item, condition: Some(as_seen(before)) }]);
        }
        let mut writes = occupy(after, in_slot.as_ref(), agreement, &plan.seats, stamp)?;
        writes.push(gone);
        Ok(writes)
    }
}

/// The outcome of each row.
fn results(request: &RevertRequest<'_>, verdicts: &[Verdict]) -> Vec<RowResult> {
    let result = |(row, verdict): (&Row, &Verdict)| {
        let outcome = match verdict {
            Verdict::Missing => RowOutcome::NotFound,
            Verdict::Refused(_) => RowOutcome::Refused,
            Verdict::NoSeat => RowOutcome::NoSeat,
            Verdict::Unchanged => RowOutcome::Unchanged,
            Verdict::Reverted(_) => RowOutcome::Reverted,
        };
        let detail = match verdict {
            Verdict::Refused(refusal) => Some(refusal.to_string()),
            Verdict::Reverted(license) => {
                Some(format!("{} instead of {}.", license.after.status, license.before.license.status))
            }
            Verdict::Missing | Verdict::NoSeat | Verdict::Unchanged => None,
        };
        RowResult { detail, ..row.result(outcome, row.license) }
    };
    request.rows.iter().zip(verdicts).map(result).collect()
}
