//! One transaction of a renewal's run, which copies some licenses.

use license_domain::number::to_usize;
use std::collections::HashMap;

use license_domain::{
    AgreementId, EmailKey, Event, EventKind, JobState, License, LicenseChange, LicenseStatus, Stamp, SubscriptionPlan,
};

use crate::{
    Store,
    assign::to_u64,
    attempts::Attempt,
    keys::{BucketKeys, Key, LearnerKeys},
    rows,
    table::Write,
    transaction::{Commit, Transaction},
    write::{Slot, change_in_place, occupy, slots_in},
};
use license_storage::{Copied, Jobs, Licenses, RenewalUnderWay, StoreError};

/// The most reads of the index for a copy that it does not show yet.
const MAX_READS: u32 = 4;

/// What is copied, and the stamp of the copies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copying<'a> {
    pub renewal: &'a RenewalUnderWay,
    pub stamp: &'a Stamp,
}

/// The conditions of copying.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// A license is not as it was read.
    Original,
    /// A learner's slot in the future plan was taken.
    Copy,
    /// Another transaction took seats of the bucket, or the renewal was closed.
    Bucket,
    /// Another transaction took the item of a returned seat.
    Seat,
}

impl Store {
    /// Copies the licenses of these learners that are not copied yet.
    ///
    /// 1. Read the learners' slots in both plans and one bucket of the future plan, in one call, strongly. A learner
    ///    without a license that the renewal copies is left out, and so is one whose slot in the future plan is taken,
    ///    because that is the copy. If the original does not name its copy, a write adds that. A learner whose address
    ///    has changed since is left out, too.
    /// 2. Allocate the seats; the last learners are left out if there are too few.
    /// 3. One transaction: each original (license and status as seen) names its copy; each copy (absent); the
    ///    bucket(s), as in assigning, of the epoch in which the run was opened; items of returned seats (still there);
    ///    the event.
    /// 4. A condition failed, and the run has ended: finished.
    /// 5. Another condition failed (the learner activated, the license was revoked or copied by another call, a seat
    ///    was allocated) or the transaction conflicted: repeat from 1 after a random wait.
    pub(super) async fn copy_chunk(
        &self,
        of: Copying<'_>,
        turn: usize,
        learners: &[EmailKey],
    ) -> Result<Copied, StoreError> {
        self.transact("copy licenses", (), |mut transaction, ()| async move {
            let Some(outcome) = self.plan_chunk(&mut transaction, of, turn, learners).await? else {
                return Ok(Attempt::Retry(()));
            };
            if transaction.is_empty() {
                return Ok(Attempt::Done(outcome));
            }
            match self.commit(transaction).await? {
                Commit::Done => return Ok(Attempt::Done(outcome)),
                Commit::Conflict => {}
                Commit::Failed(_) => {
                    let run = self.job(of.renewal.run).await?;
                    if run.is_none_or(|run| run.state == JobState::Done) {
                        return Ok(Attempt::Done(Copied { is_over: true, ..Copied::default() }));
                    }
                }
            }
            Ok(Attempt::Retry(()))
        })
        .await
    }

    /// `None`: items that a counter promised are gone; the bucket must be read again.
    async fn plan_chunk(
        &self,
        transaction: &mut Transaction<Failed>,
        of: Copying<'_>,
        turn: usize,
        learners: &[EmailKey],
    ) -> Result<Option<Copied>, StoreError> {
        let Copying { renewal, stamp } = of;
        let RenewalUnderWay { prior, future, .. } = renewal;
        let bucket = turn % usize::from(future.seats.buckets.max(1));
        let at =
            BucketKeys { plan: future.uuid, bucket: u16::try_from(bucket).expect("a number below one of 16 bits") };
        let mut keys: Vec<Key> = vec![at.bucket()];
        for email in learners {
            keys.extend([prior, future].map(|plan| LearnerKeys(email).slot(plan.uuid)));
        }
        let mut items = self.table.batch_get(&keys).await?;
        let seen = items.remove(&at.bucket()).map(rows::from_item).transpose()?;
        let originals = slots_in(prior.uuid, learners, items.clone())?;
        let taken = slots_in(future.uuid, learners, items)?;

        let mut outcome = Copied::default();
        let mut changes = Vec::new();
        let mut originals_after = Vec::new();
        let mut wanting: Vec<(&EmailKey, &License)> = Vec::new();
        for (email, original) in originals_of(renewal, learners, &originals) {
            match taken.get(email).map(|slot| &slot.license) {
                None if self.is_carried_on(original, future).await? => {
                    outcome.settled.insert(original.uuid);
                }
                None => wanting.push((email, original)),
                Some(there) => {
                    if there.status.is_live() && original.renewed_to != Some(there.uuid) {
                        let after = original.carried_on_by(there.uuid, stamp.at);
                        transaction.when(Failed::Original, [change_of(of, email, original, &after)?]);
                        changes.push(LicenseChange::of_prior_plan(original, &after));
                    }
                    outcome.settled.insert(original.uuid);
                }
            }
        }

        let shares = match self.allocate(future, to_u64(wanting.len()), seen.map(|seen| (at, seen))).await? {
            Ok(shares) => shares,
            Err(few) => {
                outcome.is_over = true;
                wanting.truncate(to_usize(few.available));
                let Ok(shares) = self.allocate(future, few.available, None).await? else { return Ok(None) };
                shares
            }
        };
        let activated = wanting.iter().filter(|(_, license)| license.status == LicenseStatus::Activated).count();
        let mut counts = Some((activated, wanting.len() - activated));
        let mut seats = Vec::with_capacity(wanting.len());
        for share in &shares {
            let Some((taken, deletes)) = self.seats(future, share, Vec::new()).await? else { return Ok(None) };
            let mut change = share.change();
            change.epoch = renewal.of.epochs.get(usize::from(share.at.bucket)).copied();
            // Only the sums over all buckets are meaningful.
            if let Some((activated, assigned)) = counts.take() {
                (change.activated, change.assigned) = (crate::write::signed(activated), crate::write::signed(assigned));
            }
            transaction.when(Failed::Bucket, [change.write(share.at)]);
            transaction.when(Failed::Seat, deletes);
            seats.extend(taken);
        }
        let agreement: AgreementId = renewal.portfolio.agreement.uuid;
        for ((email, original), seat) in wanting.into_iter().zip(&seats) {
            let copy = original.carried_over(seat, future.start_date, stamp.at);
            let renewed = original.carried_on_by(copy.uuid, stamp.at);
            transaction.when(Failed::Original, [change_of(of, email, original, &renewed)?]);
            originals_after.push(LicenseChange::of_prior_plan(original, &renewed));
            transaction.when(Failed::Copy, occupy(&copy, None, agreement, &future.seats, stamp)?);
            changes.push(LicenseChange::carried_over(original.uuid, seat, &copy));
            outcome.settled.insert(original.uuid);
            outcome.made += 1;
        }
        originals_after.extend(changes.iter().filter(|change| change.is_of_prior_plan).cloned());
        if !changes.is_empty() {
            let kind = EventKind::LicensesRenewed;
            let event = self.license_event(kind, &renewal.portfolio, future.uuid, changes, Vec::new(), stamp);
            transaction.log_beside(event.id, stamp, prior, &originals_after)?;
            transaction.license_event(&Event { renewal: Some(renewal.of.renewal), ..event }, future)?;
        }
        Ok(Some(outcome))
    }
}

impl Store {
    /// Whether the license was copied into that plan although the learner's slot there is empty: the learner's address
    /// has changed since, and the hidden copy has not moved.
    async fn is_carried_on(&self, original: &License, future: &SubscriptionPlan) -> Result<bool, StoreError> {
        let Some(copy) = original.renewed_to else { return Ok(false) };
        if future.seats.prefix.ordinal(copy).is_some() {
            return Ok(true);
        }
        // The id of an imported seat does not contain its plan, and the index may not show it yet.
        let look = || async move {
            Ok(if self.license(future, copy).await?.is_some() { Attempt::Done(()) } else { Attempt::Retry(()) })
        };
        Ok(self.table.until_shown(MAX_READS, 3, look).await?.is_some())
    }
}

/// The learners' licenses that are copied, as they are now.
fn originals_of<'a>(
    renewal: &'a RenewalUnderWay,
    learners: &'a [EmailKey],
    slots: &'a HashMap<EmailKey, Slot>,
) -> impl Iterator<Item = (&'a EmailKey, &'a License)> {
    let held = learners.iter().filter_map(|email| Some((email, &slots.get(email)?.license)));
    let statuses = renewal.renewal.license_types_to_copy.statuses();
    held.filter(move |(_, license)| statuses.contains(&license.status))
}

fn change_of(of: Copying<'_>, email: &EmailKey, seen: &License, after: &License) -> Result<Write, StoreError> {
    let prior = &of.renewal.prior;
    change_in_place(LearnerKeys(email).slot(prior.uuid), seen, after, &prior.seats, of.stamp)
}
