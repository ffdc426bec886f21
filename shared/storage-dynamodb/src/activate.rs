//! Activates licenses.

use async_trait::async_trait;
use license_domain::{
    Consequence, EmailAddress, EventKind, License, LicenseChange, LicenseStatus, LmsUserId, Portfolio, Timestamp,
};

use crate::{
    Store,
    attempts::Attempt,
    idempotency::Step,
    keys::{self, LearnerKeys},
    rows,
    table::Write,
    transaction::Commit,
    write::{BucketChange, change_in_place},
};
use license_storage::{Activate, ActivateError, Change};

/// The condition of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// The slot has another license, or the license is no longer assigned.
    Slot,
}

#[async_trait]
impl Activate for Store {
    /// 1. The caller has read the learner's license and its plan, and found the plan active and current.
    /// 2. One transaction: the slot (still that license, still assigned), any one bucket (assigned − 1,
    ///    activated + 1), the alias from LMS user to address, the event.
    /// 3. The slot's condition failed; the refusal returns the slot's item. The same license, activated: success,
    ///    because this is a repetition. Revoked: refused. Anything else: the license is gone.
    /// 4. The transaction conflicted: repeat after a random wait, with another bucket.
    async fn activate(
        &self,
        portfolio: &Portfolio,
        license: &License,
        lms_user_id: Option<LmsUserId>,
        change: &Change,
    ) -> Result<License, ActivateError> {
        let activated = match license.activate(lms_user_id, change.at) {
            Ok(Some(activated)) => activated,
            Ok(None) => {
                self.record_step(&change.clone().recording(license), Step::Whole).await?;
                return Ok(license.clone());
            }
            Err(license_domain::license::Refusal::Revoked) => return Err(ActivateError::Revoked),
            Err(_) => return Err(ActivateError::Gone),
        };
        let (Some(plan), Some(email)) = (portfolio.plan(license.subscription_plan), &activated.user_email) else {
            return Err(ActivateError::Gone);
        };
        let event = self.license_event(
            EventKind::LicenseActivated,
            portfolio,
            plan.uuid,
            vec![LicenseChange::new(license, &activated)],
            vec![Consequence::MailPostActivation],
            change,
        );
        let (event, activated, change) = (&event, &activated, &change.clone().recording(&activated));
        self.transact("activate", (), |mut transaction, ()| async move {
            let slot = LearnerKeys(&email.key()).slot(plan.uuid);
            let counts = BucketChange { assigned: -1, activated: 1, ..BucketChange::default() };
            transaction.when(Failed::Slot, [change_in_place(slot, license, activated, &plan.seats, change)?]);
            transaction.write([counts.write(self.any_bucket(plan.uuid, &plan.seats))]);
            transaction.add_license_events(event, plan, change)?;
            transaction.write(activated.lms_user_id.map(|user| alias(user, email, change.at)));
            match self.commit(transaction).await? {
                Commit::Done => Ok(Attempt::Done(activated.clone())),
                Commit::Conflict => Ok(Attempt::Retry(())),
                Commit::Failed(failures) => {
                    let Some(item) = failures.item(Failed::Slot) else {
                        return Err(ActivateError::Gone);
                    };
                    let stands: License = rows::from_item(item)?;
                    match stands.status {
                        _ if stands.uuid != license.uuid => Err(ActivateError::Gone),
                        LicenseStatus::Activated => {
                            self.record_step(&change.clone().recording(&stands), Step::Whole).await?;
                            Ok(Attempt::Done(stands))
                        }
                        LicenseStatus::Revoked => Err(ActivateError::Revoked),
                        LicenseStatus::Assigned | LicenseStatus::Unassigned => Err(ActivateError::Gone),
                    }
                }
            }
        })
        .await
    }
}

/// The write of the alias, which leads from an LMS user to an address.
pub(crate) fn alias(user: LmsUserId, email: &EmailAddress, at: Timestamp) -> Write {
    Write::put(alias_item(user, email, at))
}

/// The key of the alias.
pub(crate) fn alias_key(user: LmsUserId, email: &EmailAddress) -> keys::Key {
    keys::alias(user, &email.key())
}

/// The alias has the time of its write, so that it is not deleted if it has been written again since.
pub fn alias_item(user: LmsUserId, email: &EmailAddress, at: Timestamp) -> keys::Item {
    let mut item = alias_key(user, email).attributes();
    item.insert("email".to_owned(), rows::text(email.as_given()));
    item.insert("written".to_owned(), rows::text(keys::time(at)));
    item
}
