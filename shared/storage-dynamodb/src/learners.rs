//! A learner's licenses, and how they move when the learner's address changes.

use std::cmp::Reverse;

use async_trait::async_trait;
use license_domain::{
    AgreementId, EmailAddress, EmailKey, EventKind, License, LicenseChange, LicenseStatus, LmsUserId, Stamp,
};

use crate::{
    Store,
    activate::{alias, alias_key},
    attempts::Attempt,
    keys::{self, Item, Key, LICENSE_PREFIX, LearnerKeys},
    retired::Name,
    rows::{self, Home, attributes, number, text},
    table::{Expression, Range, Write},
    transaction::Transaction,
    write::{BucketChange, Slot},
};
use license_storage::{Learners, Portfolios, StoreError};

#[async_trait]
impl Learners for Store {
    async fn licenses_of(&self, email: &EmailKey) -> Result<Vec<License>, StoreError> {
        self.learner_items(email).await?.into_iter().map(rows::from_item).collect()
    }

    async fn addresses_of(&self, user: LmsUserId) -> Result<Vec<EmailAddress>, StoreError> {
        Ok(self.aliases(user).await?.into_iter().map(|(email, _)| email).collect())
    }

    /// 1. Read the user's aliases, and for each address other than `email` the licenses there that name the user.
    /// 2. Each of them moves in a transaction of its own: `adopt_one`.
    /// 3. If no license of the user is left at the old address, store its digest and delete its alias, on condition
    ///    that no activation has written it again in the meantime.
    async fn adopt(&self, user: LmsUserId, email: &EmailAddress, stamp: &Stamp) -> Result<usize, StoreError> {
        let mut moved = 0;
        for (old, alias_item) in self.aliases(user).await? {
            if old.key() == email.key() {
                continue;
            }
            let mut left = 0;
            for item in self.learner_items(&old.key()).await? {
                let license: License = rows::from_item(item.clone())?;
                if license.lms_user_id != Some(user) {
                    continue;
                }
                if self.adopt_one(user, email, item, stamp).await? { moved += 1 } else { left += 1 }
            }
            if left == 0 {
                // Events and jobs contain the old address for a while: a retirement has to know it.
                let digest = Name::Address(&old.key()).digest(&self.person_secret().await?);
                let former = Write::put(keys::former_address(user, digest.0).attributes());
                self.write_if("remember a former address", former).await?;
                self.drop_alias(user, &old, &alias_item).await?;
            }
        }
        Ok(moved)
    }
}

/// What to do with a license whose learner's address changed, given the slot of the new address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// It moves into the slot, which is empty.
    IntoSlot,
    /// It moves into the slot; the revoked license there is archived.
    Archiving,
    /// It is revoked and is archived beside the slot.
    IntoArchive,
    /// It moves into the slot; the learner's other license becomes a free seat.
    Winning,
    /// It becomes a free seat; the learner's other license stays.
    Losing,
    /// The license in the slot belongs to another user: nothing moves.
    Blocked,
}

/// The condition of a move.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// One of the slots is not as it was read.
    Changed,
}

fn decide(user: LmsUserId, license: &License, archived: bool, target: Option<&License>) -> Move {
    if archived {
        return Move::IntoArchive;
    }
    let Some(target) = target else {
        return Move::IntoSlot;
    };
    if target.lms_user_id.is_some_and(|other| other != user) {
        return Move::Blocked;
    }
    match (license.status.is_live(), target.status.is_live()) {
        (false, _) => Move::IntoArchive,
        (true, false) => Move::Archiving,
        (true, true) => {
            // An activated license wins, else the newest assignment.
            let rank = |license: &License| (license.status, Reverse(license.assigned_date));
            if rank(license) < rank(target) { Move::Winning } else { Move::Losing }
        }
    }
}

impl Store {
    pub(crate) async fn learner_items(&self, email: &EmailKey) -> Result<Vec<Item>, StoreError> {
        // Lists can be requested for any text as an address.
        if !email.is_possible() {
            return Ok(Vec::new());
        }
        let range = Range {
            partition: LearnerKeys(email).partition(),
            prefix: Some(LICENSE_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        self.table.query(range).await
    }

    pub(crate) async fn aliases(&self, user: LmsUserId) -> Result<Vec<(EmailAddress, Item)>, StoreError> {
        let range = Range {
            partition: keys::alias_partition(user),
            prefix: Some(keys::ALIAS_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        let items = self.table.query(range).await?;
        Ok(items
            .into_iter()
            .filter_map(|item| Some((EmailAddress::on_record(item.get("email")?.as_s().ok()?), item)))
            .collect())
    }

    /// Moves one license to the learner's new address; returns whether it has left the old one.
    ///
    /// 1. Read the slot of the new address.
    /// 2. One transaction: the item at the old address is deleted and the one at the new address written (both as
    ///    seen); the license that loses, if any, becomes a free seat of a bucket; the alias; the event.
    /// 3. A condition failed or the transaction conflicted: repeat from 1, with both read again.
    async fn adopt_one(
        &self,
        user: LmsUserId,
        email: &EmailAddress,
        seen: Item,
        stamp: &Stamp,
    ) -> Result<bool, StoreError> {
        let Some(key) = Key::of(&seen) else {
            return Ok(false);
        };
        let key = &key;
        self.transact("adopt", Some(seen), |transaction, seen| async move {
            let seen = match seen {
                Some(seen) => Some(seen),
                None => self.table.get(key).await?,
            };
            let Some(item) = seen else {
                return Ok(Attempt::Done(true));
            };
            let agreement = rows::agreement_of_license(&item)?;
            let old = Slot { version: rows::version_of(&item)?, license: rows::from_item(item)? };
            if old.license.lms_user_id != Some(user) {
                return Ok(Attempt::Done(true));
            }
            match self.adoption(transaction, user, email, agreement, (key, &old), stamp).await? {
                Some(transaction) => Ok(self.commit(transaction).await?.or_retry(true)),
                None => Ok(Attempt::Done(false)),
            }
        })
        .await
    }

    /// Builds the move; `None` if it is not possible.
    async fn adoption(
        &self,
        mut transaction: Transaction<Failed>,
        user: LmsUserId,
        email: &EmailAddress,
        agreement: AgreementId,
        (key, old): (&Key, &Slot),
        stamp: &Stamp,
    ) -> Result<Option<Transaction<Failed>>, StoreError> {
        let Some(portfolio) = self.portfolio(agreement).await? else {
            return Ok(None);
        };
        let license = &old.license;
        let Some(plan) = portfolio.plan(license.subscription_plan) else {
            return Ok(None);
        };
        let target = self.slots(plan.uuid, &[email.key()]).await?.remove(&email.key());
        let archived = key.is_archived();
        let how = decide(user, license, archived, target.as_ref().map(|slot| &slot.license));
        let moved = license.with_email(email.clone(), stamp.at);
        let placed = |home| rows::license(&moved, home, agreement, &plan.seats, old.version + 1, stamp);
        let slot_key = LearnerKeys(&email.key()).slot(plan.uuid);

        let gone = Write::Delete { key: key.clone(), condition: Some(as_seen(old)) };
        transaction.when(Failed::Changed, [gone]);
        let mut freed: Option<&License> = None;
        match (how, &target) {
            (Move::Blocked, _) => {
                tracing::warn!(license = %license.uuid, "new address's slot belongs to another user, license not moved");
                return Ok(None);
            }
            (Move::IntoArchive, _) => {
                transaction.when(Failed::Changed, [Write::create(placed(Home::Archive)?)]);
            }
            (Move::Archiving, Some(there)) => {
                let beside =
                    rows::license(&there.license, Home::Archive, agreement, &plan.seats, there.version + 1, stamp)?;
                let put = Write::Put { item: placed(Home::Slot)?, condition: Some(as_seen(there)) };
                transaction.when(Failed::Changed, [put, Write::create(beside)]);
            }
            (Move::Winning, Some(there)) => {
                let put = Write::Put { item: placed(Home::Slot)?, condition: Some(as_seen(there)) };
                transaction.when(Failed::Changed, [put]);
                freed = Some(&there.license);
            }
            (Move::Losing, Some(there)) => {
                transaction.when(Failed::Changed, [Write::Check { key: slot_key, condition: as_seen(there) }]);
                freed = Some(license);
            }
            (_, _) => transaction.when(Failed::Changed, [Write::create(placed(Home::Slot)?)]),
        }
        let mut changes = Vec::new();
        if how != Move::Losing {
            changes.push(LicenseChange::new(license, &moved));
        }
        if let Some(freed) = freed {
            let seat = freed.reset(stamp.at).expect("only live licenses give way, and those can be reset");
            let at = self.any_bucket(plan.uuid, &plan.seats);
            transaction.write([Write::put(rows::free_seat(&seat, at)?), give_back(freed.status).write(at)]);
            changes.push(LicenseChange::new(freed, &seat));
        }
        transaction.write([alias(user, email, stamp.at)]);
        let plan = license.subscription_plan;
        let event = self.license_event(EventKind::LearnerEmailChanged, &portfolio, plan, changes, Vec::new(), stamp);
        transaction.event(&event)?;
        Ok(Some(transaction))
    }

    pub(crate) async fn drop_alias(&self, user: LmsUserId, old: &EmailAddress, seen: &Item) -> Result<(), StoreError> {
        let condition = match seen.get("written") {
            Some(written) => Expression::new("#written = :seen").name("written").value("seen", written.clone()),
            None => Expression::new("attribute_not_exists(#written)").name("written"),
        };
        let write = Write::Delete { key: alias_key(user, old), condition: Some(condition) };
        // A remaining alias costs a read, and the next call deletes it.
        self.write_if("drop an alias", write).await.map(|_| ())
    }
}

/// The condition that the license is as it was seen.
pub(crate) fn as_seen(slot: &Slot) -> Expression {
    Expression::new("#uuid = :uuid AND #version = :version")
        .name(attributes::UUID)
        .name(attributes::VERSION)
        .value("uuid", text(slot.license.uuid))
        .value("version", number(slot.version))
}

/// The bucket's change when a live license of that status becomes a free seat.
pub(crate) fn give_back(status: LicenseStatus) -> BucketChange {
    let mut change = BucketChange { free: 1, ..BucketChange::default() };
    match status {
        LicenseStatus::Assigned => change.assigned = -1,
        LicenseStatus::Activated => change.activated = -1,
        LicenseStatus::Revoked | LicenseStatus::Unassigned => {}
    }
    change
}

#[cfg(test)]
mod tests {
    use license_domain::{ActivationKey, LicenseId, PlanId, Timestamp};
    use uuid::Uuid;

    use super::*;

    const ME: LmsUserId = LmsUserId(7);

    fn now() -> Timestamp {
        Timestamp::from_timestamp(1_795_430_768, 0).unwrap()
    }

    fn assigned(id: u128, days: i64) -> License {
        let seat = License::unassigned(LicenseId(Uuid::from_u128(id)), PlanId(Uuid::nil()), now());
        let email = EmailAddress::on_record("a@b.co");
        seat.assign(email, ActivationKey(Uuid::nil()), now() + chrono::TimeDelta::days(days)).unwrap()
    }

    fn activated(id: u128, user: LmsUserId) -> License {
        assigned(id, 0).activate(Some(user), now()).unwrap().unwrap()
    }

    #[test]
    fn activated_wins_then_the_newest_and_another_users_slot_is_not_changed() {
        let mine = activated(1, ME);
        assert_eq!(decide(ME, &mine, false, None), Move::IntoSlot);
        assert_eq!(decide(ME, &mine, false, Some(&assigned(2, 1))), Move::Winning);
        assert_eq!(decide(ME, &mine, false, Some(&activated(2, LmsUserId(8)))), Move::Blocked);
        assert_eq!(decide(ME, &assigned(1, 0), false, Some(&activated(2, ME))), Move::Losing);
        assert_eq!(decide(ME, &assigned(1, 0), false, Some(&assigned(2, 1))), Move::Losing);
        assert_eq!(decide(ME, &assigned(1, 2), false, Some(&assigned(2, 1))), Move::Winning);
        let revoked = mine.revoke(now()).unwrap();
        assert_eq!(decide(ME, &revoked, false, Some(&assigned(2, 1))), Move::IntoArchive);
        assert_eq!(decide(ME, &mine, false, Some(&revoked)), Move::Archiving);
        assert_eq!(decide(ME, &revoked, true, None), Move::IntoArchive);
    }
}
