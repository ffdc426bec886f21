//! Retires a learner: afterwards nothing in the table names them.

use async_trait::async_trait;
use license_domain::{
    EmailAddress, EventKind, License, LicenseChange, LmsUserId, PersonId, Portfolio, SubscriptionPlan, Timestamp,
};
use uuid::Uuid;

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{self, AgreementKeys, Item, Key, UserKeys},
    learners::{as_seen, give_back},
    retired::Name,
    rows::{self, Home},
    table::{Range, Write},
    transaction::Transaction,
    write::{BucketChange, Slot},
};
use license_storage::{Change, Portfolios, Retire, StoreError};

/// The most items of a user's own that one transaction deletes.
const AT_ONCE: usize = 90;

#[async_trait]
impl Retire for Store {
    /// 1. Record that all names of the user are retired, as digests, former addresses included. From then on everything
    ///    written before is read without them (`retired`), and the next pass of `erasure` rewrites it.
    /// 2. Read the user's aliases: the addresses under which licenses of theirs were activated. At each address, take
    ///    the licenses that name the user, or no LMS user (an invitation to that address).
    /// 3. Erase each of them in a transaction of its own: `erase`. Delete the aliases last, so that a retirement that
    ///    was interrupted finds the rest when it is repeated.
    /// 4. Delete the data stored under the user name (explicit roles).
    /// 5. For a request with a key: each transaction records that it is a part, the last one that all is done.
    async fn retire(&self, user: LmsUserId, username: &str, change: &Change) -> Result<usize, StoreError> {
        let aliases = self.aliases(user).await?;
        self.mark_retired(user, username, &aliases, change.at).await?;
        let mut erased = 0;
        for (email, alias) in aliases {
            for item in self.learner_items(&email.key()).await? {
                let license: License = rows::from_item(item.clone())?;
                if license.lms_user_id.is_none_or(|other| other == user) {
                    erased += usize::from(self.erase(user, item, change).await?);
                }
            }
            self.drop_alias(user, &email, &alias).await?;
        }
        self.forget_former_addresses(user).await?;
        erased += self.forget_user(username).await?;
        // If nothing is left, an earlier attempt has erased it.
        if erased > 0 || change.resume().is_some() {
            self.record_step(change, Step::Whole).await?;
        }
        Ok(erased)
    }
}

/// The condition of an erasure.
#[derive(Clone, Copy, Debug)]
enum Failed {
    /// The license is not as it was read.
    Changed,
}

impl Store {
    /// Retires the user's name, LMS id and addresses, former ones included. The person id that replaces the user name
    /// is that of an address, if one is known.
    async fn mark_retired(
        &self,
        user: LmsUserId,
        username: &str,
        aliases: &[(EmailAddress, Item)],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let secret = self.person_secret().await?;
        let addresses = aliases.iter().map(|(email, _)| Name::Address(&email.key()).digest(&secret));
        let mut digests: Vec<PersonId> = addresses.collect();
        digests.extend(self.former_addresses(user).await?.iter().filter_map(digest_of).map(PersonId));
        digests.push(Name::User(username).digest(&secret));
        digests.push(Name::Number(user).digest(&secret));
        let person = digests[0];
        // An address may also be a former one, if the user returned to it.
        digests.sort_unstable_by_key(|digest| digest.0);
        digests.dedup();
        self.put_retired(&digests, person, at).await
    }

    async fn former_addresses(&self, user: LmsUserId) -> Result<Vec<Key>, StoreError> {
        let range = Range {
            partition: keys::alias_partition(user),
            prefix: Some(keys::FORMER_PREFIX.to_owned()),
            consistent: true,
            ..Range::default()
        };
        Ok(self.table.query(range).await?.iter().filter_map(Key::of).collect())
    }

    async fn forget_former_addresses(&self, user: LmsUserId) -> Result<(), StoreError> {
        let keys = self.former_addresses(user).await?;
        self.delete_all(&keys).await
    }

    /// Erases the learner from one license; returns whether there was something to erase.
    ///
    /// 1. One transaction: the license's item is deleted (as seen). A live license becomes a free seat of any one
    ///    bucket, with its own id; a revoked one is stored without its person. The bucket counts it; the event contains
    ///    no address.
    /// 2. If the plan was deleted: the item is deleted, with an event if its agreement still exists. If the plan is
    ///    hidden by a renewal: repeat when that has ended.
    /// 3. A condition failed or the transaction conflicted: repeat from 1 with the item read again, unless it belongs
    ///    to another user now.
    async fn erase(&self, user: LmsUserId, seen: Item, change: &Change) -> Result<bool, StoreError> {
        let Some(key) = Key::of(&seen) else { return Ok(false) };
        let key = &key;
        self.transact("retire", Some(seen), |mut transaction, seen| async move {
            let seen = match seen {
                Some(seen) => Some(seen),
                None => self.table.get(key).await?,
            };
            let Some(item) = seen else { return Ok(Attempt::Done(false)) };
            let agreement = rows::agreement_of_license(&item)?;
            let slot = Slot { version: rows::version_of(&item)?, license: rows::from_item(item)? };
            if slot.license.lms_user_id.is_some_and(|other| other != user) {
                return Ok(Attempt::Done(false));
            }
            let id = slot.license.subscription_plan;
            let portfolio = self.portfolio(agreement).await?;
            let found = portfolio.as_ref().and_then(|portfolio| Some((portfolio, portfolio.plan(id)?)));
            match found {
                Some((portfolio, plan)) => {
                    self.erasure(&mut transaction, (key, &slot), portfolio, plan, change)?;
                }
                None if self.table.get(&AgreementKeys(agreement).plan(id)).await?.is_some() => {
                    let cause = "a renewal that is under way hides a license's plan".to_owned();
                    return Err(StoreError::Unavailable { operation: "retire", cause });
                }
                None => {
                    self.erasure_without_plan(&mut transaction, (key, &slot), portfolio.as_ref(), change)?;
                }
            }
            Ok(self.commit(transaction).await?.or_retry(true))
        })
        .await
    }

    fn erasure(
        &self,
        transaction: &mut Transaction<Failed>,
        (key, slot): (&Key, &Slot),
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        change: &Change,
    ) -> Result<(), StoreError> {
        let license = &slot.license;
        let at = self.any_bucket(plan.uuid, &plan.seats);
        let gone = Write::Delete { key: key.clone(), condition: Some(as_seen(slot)) };
        let (left, stays, counts) = if let Ok(seat) = license.reset(change.at) {
            (Write::put(rows::free_seat(&seat, at)?), seat, give_back(license.status))
        } else {
            // Only revoked licenses cannot be reset.
            let anonymous = license.anonymous(change.at);
            let (agreement, version) = (portfolio.agreement.uuid, slot.version + 1);
            let row = rows::license(&anonymous, Home::Archive, agreement, &plan.seats, version, change)?;
            (Write::put(row), anonymous, BucketChange { revoked_without_person: 1, ..BucketChange::default() })
        };
        let changes = vec![LicenseChange::forgetting(license, &stays)];
        let event = self.license_event(EventKind::LearnerRetired, portfolio, plan.uuid, changes, Vec::new(), change);
        transaction.when(Failed::Changed, [gone]);
        transaction.write([left, counts.write(at)]);
        transaction.logged_event(&event, plan, vec![keys::list_key(license)])?;
        transaction.record(change, Step::Part)
    }

    /// The plan was deleted with its counters: only the license's item is left.
    fn erasure_without_plan(
        &self,
        transaction: &mut Transaction<Failed>,
        (key, slot): (&Key, &Slot),
        portfolio: Option<&Portfolio>,
        change: &Change,
    ) -> Result<(), StoreError> {
        let gone = Write::Delete { key: key.clone(), condition: Some(as_seen(slot)) };
        transaction.when(Failed::Changed, [gone]);
        transaction.record(change, Step::Part)?;
        let Some(portfolio) = portfolio else { return Ok(()) };
        let license = &slot.license;
        let changes = vec![LicenseChange::forgetting(license, &license.anonymous(change.at))];
        let plan = license.subscription_plan;
        let kind = EventKind::LearnerRetired;
        transaction.event(&self.license_event(kind, portfolio, plan, changes, Vec::new(), change))
    }

    /// Deletes the data stored under a user name; returns the number of items.
    async fn forget_user(&self, username: &str) -> Result<usize, StoreError> {
        let mut keys = Vec::new();
        for partition in [UserKeys(username).partition(), UserKeys(username).changes()] {
            let items = self.table.query(Range { partition, consistent: true, ..Range::default() }).await?;
            keys.extend(items.iter().filter_map(Key::of));
        }
        self.delete_all(&keys).await?;
        Ok(keys.len())
    }

    async fn delete_all(&self, keys: &[Key]) -> Result<(), StoreError> {
        for part in keys.chunks(AT_ONCE) {
            let deletes = || part.iter().map(|key| Write::Delete { key: key.clone(), condition: None });
            let forgotten = self.transact("forget user", (), |mut transaction: Transaction<()>, ()| {
                transaction.write(deletes());
                async move { Ok::<_, StoreError>(self.commit(transaction).await?.or_retry(())) }
            });
            forgotten.await?;
        }
        Ok(())
    }
}

/// The digest at the end of such a key.
fn digest_of(key: &Key) -> Option<Uuid> {
    key.sk.strip_prefix(keys::FORMER_PREFIX)?.parse().ok()
}
