//! Assigns in one transaction. [`crate::reserve`] assigns to more learners than that.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::try_join;
use license_domain::{
    Consequence, EmailKey, Event, EventKind, Job, License, LicenseChange, LicenseSource, PlanId, Portfolio, Stamp,
    SubscriptionPlan, Timestamp, license::SOURCE_TYPE_AMT,
};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{BucketKeys, Item, Key, LearnerKeys},
    prefetch::ReadAhead,
    rows,
    transaction::{MAX_ITEMS, Transaction},
    write::{ROOM_FOR_OTHERS, Slot, occupy, signed, slots_in},
};
use license_storage::{
    Assign, AssignError, AssignRequest, Assigned, Assignment, MAX_PREFETCHED, Prefetch, Prefetches, StoreError,
};

pub(crate) use license_domain::number::to_u64;

/// The most learners for whom one transaction is tried.
pub(crate) const AT_ONCE: usize = MAX_ITEMS - ROOM_FOR_OTHERS;

#[async_trait]
impl Prefetches for Store {
    async fn prefetch(&self, plan: PlanId, emails: &[EmailKey]) -> Result<Prefetch, StoreError> {
        if emails.len() > MAX_PREFETCHED {
            return Ok(Prefetch::default());
        }
        let mut emails = emails.to_vec();
        emails.sort_unstable();
        emails.dedup();
        let mut keys: Vec<Key> = emails.iter().map(|email| LearnerKeys(email).slot(plan)).collect();
        let bucket = self.cached.buckets.get(&plan).map(|buckets| {
            let bucket =
                u16::try_from(self.random.below(u64::from(buckets.max(1)))).expect("a number below one of 16 bits");
            BucketKeys { plan, bucket }
        });
        keys.extend(bucket.map(BucketKeys::bucket));
        let (mut items, returned) = try_join!(self.table.batch_get(&keys), self.rows_ahead(bucket))?;
        let bucket = match bucket.and_then(|at| Some((at.bucket, items.remove(&at.bucket())?))) {
            Some((number, item)) => Some((number, rows::from_item(item)?)),
            None => None,
        };
        Ok(Prefetch::new(ReadAhead { slots: Some(items), bucket, returned }))
    }
}

/// The request and its context, which every attempt uses.
struct AssignmentOf<'a> {
    portfolio: &'a Portfolio,
    plan: &'a SubscriptionPlan,
    request: &'a AssignRequest,
}

/// The contents of assignment mails.
pub(crate) struct AssignmentMail<'a> {
    notify: bool,
    greeting: &'a Option<String>,
    closing: &'a Option<String>,
}

impl<'a> AssignmentMail<'a> {
    fn of_request(request: &'a AssignRequest) -> Self {
        Self { notify: request.notify, greeting: &request.greeting, closing: &request.closing }
    }

    pub(crate) fn of_run(run: &'a Job) -> Self {
        Self { notify: run.params.notify, greeting: &run.params.greeting, closing: &run.params.closing }
    }
}

/// The conditions of an assignment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failed {
    /// A learner's slot was taken.
    Slot,
    /// Another transaction took seats of the bucket.
    Bucket,
    /// Another transaction took the item of a returned seat.
    Seat,
}

#[async_trait]
impl Assign for Store {
    async fn assign(
        &self,
        portfolio: &Portfolio,
        plan: PlanId,
        mut request: AssignRequest,
    ) -> Result<Assigned, AssignError> {
        let Some(plan) = portfolio.plan(plan) else {
            return Err(AssignError::NotEnough { wanted: to_u64(request.assignments.len()), available: 0 });
        };
        let mut named = std::collections::HashSet::new();
        request.assignments.retain(|assignment| named.insert(assignment.email.key()));
        let prefetch = std::mem::take(&mut request.prefetch);
        if request.assignments.len() > AT_ONCE {
            return Err(AssignError::TooMany);
        }
        self.assign_at_once(&AssignmentOf { portfolio, plan, request: &request }, prefetch).await
    }
}

impl Store {
    /// Assigns in one transaction.
    ///
    /// 1. Read the learners' slots and one bucket (perhaps prefetched). Learners who hold a live license are already
    ///    associated and are left out.
    /// 2. If the bucket has too few seats, read all buckets strongly and allocate across them; only this may refuse.
    /// 3. One transaction: each slot (absent, or still that revoked license, which is archived beside it), the
    ///    bucket(s) (`next` as seen and `end` not passed; `free` sufficient and the epoch as seen), items of returned
    ///    seats (still there), the event.
    /// 4. A slot's condition failed: another request associated that learner; repeat from 1. A bucket's or a seat's
    ///    condition failed, or the transaction conflicted: repeat from 1 after a random wait, most likely with another
    ///    bucket. Nothing was written in any of these cases.
    /// 5. More than 100 items are needed (archives and returned seats cost one more each): too many.
    async fn assign_at_once(&self, of: &AssignmentOf<'_>, prefetch: Prefetch) -> Result<Assigned, AssignError> {
        let attempt = |transaction, ahead| self.try_at_once(of, transaction, ahead);
        self.transact("assign", prefetch.into_inner(), attempt).await?.ok_or(AssignError::TooMany)
    }

    /// One attempt; `None` if it needs more items than one transaction can hold.
    async fn try_at_once(
        &self,
        of: &AssignmentOf<'_>,
        mut transaction: Transaction<Failed>,
        ahead: ReadAhead,
    ) -> Result<Attempt<Option<Assigned>, ReadAhead>, AssignError> {
        let AssignmentOf { portfolio, plan, request } = *of;
        let mut returned = ahead.bucket.map(|(bucket, _)| (bucket, ahead.returned.clone()));
        let (slots, bucket) = self.look(plan, &request.assignments, ahead).await?;
        let fresh: Vec<&Assignment> =
            request.assignments.iter().filter(|assignment| is_fresh(assignment, &slots)).collect();
        let already_associated = to_u64(request.assignments.len() - fresh.len());
        if fresh.is_empty() {
            let assigned = Assigned { assigned: Vec::new(), already_associated };
            self.record_step(&request.change.clone().recording_learners(&assigned), Step::Whole).await?;
            return Ok(Attempt::Done(Some(assigned)));
        }

        let wanted = to_u64(fresh.len());
        let shares = match self.allocate(plan, wanted, bucket).await? {
            Ok(shares) => shares,
            Err(refused) => {
                return Err(AssignError::NotEnough { wanted, available: refused.available });
            }
        };
        let mut seats = Vec::with_capacity(fresh.len());
        for share in &shares {
            let rows = returned.take_if(|(bucket, _)| *bucket == share.at.bucket).map(|(_, rows)| rows);
            let taken = self.seats(plan, share, rows.unwrap_or_default()).await?;
            let Some((taken, deletes)) = taken else {
                return Ok(Attempt::Retry(ReadAhead::default()));
            };
            let mut change = share.change();
            change.assigned = signed(taken.len());
            transaction.when(Failed::Bucket, [change.write(share.at)]);
            transaction.when(Failed::Seat, deletes);
            seats.extend(taken);
        }

        let mut assigned = Vec::with_capacity(fresh.len());
        let mut changes = Vec::with_capacity(fresh.len());
        for (assignment, seat) in fresh.iter().zip(&seats) {
            let license = self.hand_out(seat, assignment, request.change.at);
            let (before, agreement) = (slots.get(&assignment.email.key()), portfolio.agreement.uuid);
            transaction.when(Failed::Slot, occupy(&license, before, agreement, &plan.seats, &request.change)?);
            changes.push(LicenseChange::new(seat, &license));
            assigned.push((assignment.email.clone(), license.uuid));
        }
        let assigned = Assigned { assigned, already_associated };
        let change = request.change.clone().recording_learners(&assigned);
        let mail = AssignmentMail::of_request(request);
        let event = self.assigned_event((portfolio, plan), &mail, changes, &change);
        transaction.add_license_events(&event, plan, &change)?;
        if transaction.len() > MAX_ITEMS {
            return Ok(Attempt::Done(None));
        }
        Ok(self.commit(transaction).await?.or_retry(Some(assigned)))
    }

    /// The slots and a bucket: prefetched, or read now in one call.
    async fn look(
        &self,
        plan: &SubscriptionPlan,
        assignments: &[Assignment],
        ahead: ReadAhead,
    ) -> Result<(HashMap<EmailKey, Slot>, Option<(BucketKeys, rows::Bucket)>), StoreError> {
        let emails: Vec<EmailKey> = assignments.iter().map(|assignment| assignment.email.key()).collect();
        let at = self.any_bucket(plan.uuid, &plan.seats);
        let bucket_of = |(bucket, seen)| (BucketKeys { plan: plan.uuid, bucket }, seen);
        if let Some(items) = ahead.slots {
            return Ok((slots_in(plan.uuid, &emails, items)?, ahead.bucket.map(bucket_of)));
        }
        let mut keys: Vec<Key> = emails.iter().map(|email| LearnerKeys(email).slot(plan.uuid)).collect();
        keys.push(at.bucket());
        let mut items: HashMap<Key, Item> = self.table.batch_get(&keys).await?;
        let bucket = items.remove(&at.bucket()).map(rows::from_item).transpose()?;
        Ok((slots_in(plan.uuid, &emails, items)?, bucket.map(|seen| (at, seen))))
    }

    /// The license that the seat becomes.
    pub(crate) fn hand_out(&self, seat: &License, assignment: &Assignment, at: Timestamp) -> License {
        let assigned = seat.assign(assignment.email.clone(), self.random.activation_key(), at);
        let mut license = assigned.expect("a free seat is unassigned, and such a license can be assigned");
        license.source = assignment
            .source_id
            .as_ref()
            .map(|source_id| LicenseSource { source_id: source_id.clone(), source_type: SOURCE_TYPE_AMT.to_owned() });
        license
    }

    /// The event of assignments, which requests the mails.
    pub(crate) fn assigned_event(
        &self,
        (portfolio, plan): (&Portfolio, &SubscriptionPlan),
        mail: &AssignmentMail<'_>,
        changes: Vec<LicenseChange>,
        stamp: &Stamp,
    ) -> Event {
        let is_sent = mail.notify && !portfolio.agreement.disable_onboarding_notifications;
        let consequences = is_sent
            .then(|| Consequence::MailAssignment { greeting: mail.greeting.clone(), closing: mail.closing.clone() });
        let consequences = consequences.into_iter().collect();
        self.license_event(EventKind::LicensesAssigned, portfolio, plan.uuid, changes, consequences, stamp)
    }
}

/// Whether the learner holds no live license.
pub(crate) fn is_fresh(assignment: &Assignment, slots: &HashMap<EmailKey, Slot>) -> bool {
    slots.get(&assignment.email.key()).is_none_or(|slot| !slot.license.status.is_live())
}
