//! Announcements about licenses, each made once: a mark for each learner and plan, or for each license.

use async_trait::async_trait;
use chrono::TimeDelta;
use license_domain::{
    Consequence, EmailAddress, EventKind, License, LicenseChange, PlanId, Portfolio, SubscriptionPlan, lifecycle,
    plan_work::LicenseNotice,
};
use license_storage::{Announce, Change, StoreError};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{self, Item, Key, TTL},
    retired::Name,
    rows::{number, text},
    table::{Expression, Write},
    transaction::Commit,
};

/// The day of the end that learners were informed of.
const END_DAY: &str = "end_day";

/// A mark is kept so long after the end that it is about: longer than learners are informed of it.
const KEPT: TimeDelta = TimeDelta::days(365);

#[async_trait]
impl Announce for Store {
    async fn unannounced(
        &self,
        plan: PlanId,
        licenses: Vec<License>,
        notice: &LicenseNotice,
    ) -> Result<Vec<License>, StoreError> {
        let secret = self.person_secret().await?;
        let keys: Vec<Option<Key>> = licenses.iter().map(|license| mark(plan, license, notice, &secret)).collect();
        let wanted: Vec<Key> = keys.iter().flatten().cloned().collect();
        let found = self.table.batch_get(&wanted).await?;
        let is_unannounced = |key: &Key| found.get(key).is_none_or(|item| !is_about(item, notice));
        let pairs = licenses.into_iter().zip(keys);
        Ok(pairs.filter(|(_, key)| key.as_ref().is_some_and(is_unannounced)).map(|(license, _)| license).collect())
    }

    /// One transaction: a mark of each license (absent, or of another end), the event, which requests the mail, the
    /// record of the change. A mark is there by now, or the transaction met another one: again after a random wait,
    /// without what was announced meanwhile.
    async fn announce_once(
        &self,
        portfolio: &Portfolio,
        plan: &SubscriptionPlan,
        licenses: &[License],
        notice: &LicenseNotice,
        change: &Change,
    ) -> Result<(), StoreError> {
        let (kind, consequences) = match notice {
            LicenseNotice::PlanEnds(end) => {
                (EventKind::ExpirationReminded, vec![Consequence::MailExpirationReminder { end: *end }])
            }
            LicenseNotice::PlanEnded(end) => {
                (EventKind::ExpirationNotified, vec![Consequence::MailExpiration { end: *end }])
            }
            LicenseNotice::LongActivated => (EventKind::LicensesLongActivated, Vec::new()),
        };
        let secret = &self.person_secret().await?;
        let (consequences, first) = (&consequences, Some(licenses.to_vec()));
        self.transact("announce licenses", first, |mut transaction, left: Option<Vec<License>>| async move {
            let left = match left {
                Some(left) => left,
                None => self.unannounced(plan.uuid, licenses.to_vec(), notice).await?,
            };
            if left.is_empty() {
                self.record_step(change, Step::Whole).await?;
                return Ok(Attempt::Done(()));
            }
            let marks = left.iter().filter_map(|license| {
                let item = mark(plan.uuid, license, notice, secret)?.attributes();
                Some(put(item, notice, change))
            });
            transaction.when((), marks);
            let changes = left.iter().map(|license| LicenseChange::new(license, license)).collect();
            let event = self.license_event(kind, portfolio, plan.uuid, changes, consequences.clone(), change);
            transaction.add_event(&event, change)?;
            Ok::<_, StoreError>(match self.commit(transaction).await? {
                Commit::Done => Attempt::Done(()),
                Commit::Conflict | Commit::Failed(_) => Attempt::Retry(None),
            })
        })
        .await
    }
}

/// The key of the mark. That of a learner is a digest of the table's secret, the plan and the address: it names no one, and
/// differs from plan to plan.
fn mark(plan: PlanId, license: &License, notice: &LicenseNotice, secret: &str) -> Option<Key> {
    let of_learner = |kind: &str| {
        let email = license.user_email.as_ref().map(EmailAddress::key)?;
        let digest = Name::Notified(&format!("{kind}\0{plan}\0{}", email.as_str())).digest(secret);
        Some(keys::informed(plan, kind, digest.0))
    };
    match notice {
        LicenseNotice::PlanEnds(_) => of_learner("ENDS"),
        LicenseNotice::PlanEnded(_) => of_learner("ENDED"),
        LicenseNotice::LongActivated => Some(keys::license_event(plan, license.uuid, lifecycle::LONG_ACTIVATED)),
    }
}

/// Whether a mark that is there is about the same.
fn is_about(mark: &Item, notice: &LicenseNotice) -> bool {
    match day(notice) {
        Some(day) => mark.get(END_DAY).and_then(|day| day.as_s().ok()) == Some(&day),
        None => true,
    }
}

fn day(notice: &LicenseNotice) -> Option<String> {
    match notice {
        LicenseNotice::PlanEnds(end) | LicenseNotice::PlanEnded(end) => Some(end.date_naive().to_string()),
        LicenseNotice::LongActivated => None,
    }
}

fn put(mut item: Item, notice: &LicenseNotice, change: &Change) -> Write {
    let condition = match notice {
        LicenseNotice::PlanEnds(end) | LicenseNotice::PlanEnded(end) => {
            let day = end.date_naive().to_string();
            item.insert(END_DAY.to_owned(), text(&day));
            item.insert("notified".to_owned(), text(keys::time(change.at)));
            item.insert(TTL.to_owned(), number((*end + KEPT).timestamp()));
            Expression::new("attribute_not_exists(pk) OR #end_day <> :day").name(END_DAY).value("day", text(day))
        }
        // As an import writes it.
        LicenseNotice::LongActivated => {
            item.insert("unlinked".to_owned(), text(keys::time(change.at)));
            Expression::absent()
        }
    };
    Write::Put { item, condition: Some(condition) }
}
