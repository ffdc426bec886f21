//! Reverting a license to a moment: what its history says that it was then, as far as that may be restored.

use crate::{
    audit_trail::{self, AuditEntry, PLAN},
    clock::Timestamp,
    email::EmailAddress,
    event::{EventKind, LicenseFacts},
    license::{License, LicenseStatus},
};

/// The most changes of one license since the moment. A license with more is refused.
pub const MAX_CHANGES: usize = 200;

/// Why a license is not reverted. Only the last one can be overridden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevertRefusal {
    #[error("The license did not exist then.")]
    NotCreated,
    #[error("The license was in another plan then: transfer it first.")]
    OtherPlan,
    #[error("The license has changed too often since then.")]
    TooManyChanges,
    #[error(
        "The history does not hold all changes of the license since then. If it changed a minute ago, repeat the job."
    )]
    NoHistory,
    #[error("The address of the learner who held the license then is not on record.")]
    NoAddress,
    #[error("The license became the renewed copy of a license of the prior plan since then.")]
    RenewedCopy,
    #[error("The license was revoked then: revoke it.")]
    RevokedThen,
    #[error("The license was unassigned then, and the plan has another unassigned license in its place.")]
    Replaced,
    #[error("The learner has another license of the plan now.")]
    OtherLicense,
    #[error("The learner, or another user than the first one, has changed the license since then.")]
    ChangedByOthers,
}

/// The license as it was at that time, with what stays as it is now; `None` if nothing differs. `later` are the entries of
/// its history after that time, the newest first.
///
/// - A learner's address comes only from the license itself, never from the history, so that no retired address returns.
/// - What one user did first since then is undone. What others or the learner changed after that would be lost, which
///   is refused unless it is forced.
/// - The renewed copy stays: it exists in the later plan.
pub fn reverted(
    license: &License,
    later: &[AuditEntry],
    (then, now): (Timestamp, Timestamp),
    is_forced: bool,
) -> Result<Option<License>, RevertRefusal> {
    if license.created > then {
        return Err(RevertRefusal::NotCreated);
    }
    if later.len() > MAX_CHANGES {
        return Err(RevertRefusal::TooManyChanges);
    }
    let changes: Vec<&AuditEntry> = later.iter().filter(|entry| is_change(entry)).collect();
    if changes.iter().any(|entry| entry.changes.contains_key(PLAN)) {
        return Err(RevertRefusal::OtherPlan);
    }
    let was = undone(license, later, then).ok_or(RevertRefusal::NoHistory)?;
    let after = restored(license, &was, &changes, now)?;
    if after.as_ref().is_some() && !is_forced && is_of_several(&changes) {
        return Err(RevertRefusal::ChangedByOthers);
    }
    Ok(after)
}

/// Whether the entry changed the license. Notices about it are in its history, too.
fn is_change(entry: &AuditEntry) -> bool {
    entry
        .license
        .as_ref()
        .is_some_and(|step| step.from != step.to || step.before != step.after || step.person_before.is_some())
        || entry.changes.contains_key(PLAN)
}

/// The license before these changes; `None` unless they are all changes since then, each of which begins where the one
/// before it ended.
fn undone(license: &License, later: &[AuditEntry], then: Timestamp) -> Option<License> {
    if license.modified > then && !later.iter().any(|entry| entry.at >= license.modified) {
        return None;
    }
    let mut was = license.clone();
    for entry in later {
        let Some(step) = &entry.license else { continue };
        if (step.to, step.after) != (was.status, LicenseFacts::of(&was)) {
            return None;
        }
        was = audit_trail::undo_license(was, std::slice::from_ref(entry));
    }
    // A time after `then` shows a change that the history does not have: it was made before the license was imported.
    let LicenseFacts { assigned_date, activation_date, last_remind_date, revoked_date, .. } = LicenseFacts::of(&was);
    let times = [assigned_date, activation_date, last_remind_date, revoked_date];
    times.into_iter().flatten().all(|time| time <= then).then_some(was)
}

/// What the license becomes to be as it was.
fn restored(
    license: &License,
    was: &License,
    changes: &[&AuditEntry],
    now: Timestamp,
) -> Result<Option<License>, RevertRefusal> {
    let steps = || changes.iter().filter_map(|entry| Some((entry.kind, entry.license.as_ref()?)));
    if steps().any(|(_, step)| step.previous.is_some()) {
        return Err(RevertRefusal::RenewedCopy);
    }
    if was.status == LicenseStatus::Unassigned {
        return match license.status {
            LicenseStatus::Unassigned => Ok(None),
            LicenseStatus::Revoked => Err(RevertRefusal::Replaced),
            LicenseStatus::Assigned | LicenseStatus::Activated => {
                Ok(Some(license.reset(now).expect("a live license can be reset")))
            }
        };
    }
    // A learner keeps the license when only their address changes.
    let is_other_learner = steps().any(|(kind, step)| {
        step.from == LicenseStatus::Unassigned
            || (step.person_before.is_some() && kind != EventKind::LearnerEmailChanged)
    });
    let email = license.user_email.clone().filter(|email| !is_other_learner && !EmailAddress::is_retired(email));
    let Some(email) = email else { return Err(RevertRefusal::NoAddress) };
    let after = License {
        user_email: Some(email),
        lms_user_id: license.lms_user_id.filter(|_| was.status != LicenseStatus::Assigned),
        activation_key: license.activation_key,
        renewed_to: license.renewed_to,
        source: license.source.clone(),
        modified: license.modified,
        ..was.clone()
    };
    let facts = |license: &License| (license.status, LicenseFacts::of(license));
    if facts(&after) == facts(license) {
        return Ok(None);
    }
    if after.status == LicenseStatus::Revoked {
        return Err(RevertRefusal::RevokedThen);
    }
    Ok(Some(License { modified: now, ..after }))
}

/// Whether someone else than the user of the first change made one of the changes.
fn is_of_several(changes: &[&AuditEntry]) -> bool {
    let first = changes.last().and_then(|entry| entry.actor.as_ref());
    first.is_none() || changes.iter().any(|entry| entry.actor.as_ref() != first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{
        audit_trail::entry_for_tests::entry_of,
        ids::{ActivationKey, LicenseId, LmsUserId, PlanId},
    };

    const KEY: ActivationKey = ActivationKey(Uuid::from_u128(3));

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_795_430_768 + second, 0).expect("a moment")
    }

    fn seat() -> License {
        License::unassigned(LicenseId(Uuid::from_u128(1)), PlanId(Uuid::from_u128(2)), at(0))
    }

    fn email(name: &str) -> EmailAddress {
        EmailAddress::on_record(format!("{name}@example.com"))
    }

    /// A license and its history, the newest change first.
    struct Life(License, Vec<AuditEntry>);

    impl Life {
        fn after(mut self, kind: EventKind, actor: &str, change: impl FnOnce(&License, Timestamp) -> License) -> Self {
            let next = change(&self.0, self.0.modified + chrono::TimeDelta::seconds(10));
            self.1.insert(0, entry_of(1, kind, actor, (&self.0, &next)));
            Self(next, self.1)
        }

        fn assigned(self, name: &str, actor: &str) -> Self {
            self.after(EventKind::LicensesAssigned, actor, |it, now| it.assign(email(name), KEY, now).expect("free"))
        }

        fn activated(self) -> Self {
            let user = Some(LmsUserId(7));
            self.after(EventKind::LicenseActivated, "", |it, now| {
                it.activate(user, now).expect("assigned").expect("not yet")
            })
        }

        fn revoked(self, actor: &str) -> Self {
            self.after(EventKind::LicensesRevoked, actor, |it, now| it.revoke(now).expect("live"))
        }

        fn reset(self, actor: &str) -> Self {
            self.after(EventKind::LicensesPurged, actor, |it, now| it.reset(now).expect("live"))
        }

        fn to(&self, then: i64, is_forced: bool) -> Result<Option<License>, RevertRefusal> {
            let then = at(then);
            let later: Vec<AuditEntry> = self.1.iter().filter(|entry| entry.at > then).cloned().collect();
            reverted(&self.0, &later, (then, at(1_000)), is_forced)
        }
    }

    fn new() -> Life {
        Life(seat(), Vec::new())
    }

    #[test]
    fn what_one_user_did_is_undone_and_what_others_did_only_if_forced() {
        let ann = new().assigned("ann", "admin").activated();
        let was = ann.0.clone();
        let life = ann.revoked("operator");
        let back = life.to(25, false).expect("allowed").expect("changed");
        assert_eq!((back.status, LicenseFacts::of(&back)), (was.status, LicenseFacts::of(&was)));
        assert_eq!(
            (back.user_email, back.lms_user_id, back.activation_key),
            (was.user_email, was.lms_user_id, Some(KEY))
        );
        assert_eq!(life.to(30, false), Ok(None), "nothing has changed since");
        // The learner's own activation would be lost.
        assert_eq!(life.to(15, false), Err(RevertRefusal::ChangedByOthers));
        let back = life.to(15, true).expect("forced").expect("changed");
        assert_eq!((back.status, back.activation_date, back.lms_user_id), (LicenseStatus::Assigned, None, None));
        // It was unassigned before, and a revocation has given the plan another unassigned license.
        assert_eq!(life.to(5, true), Err(RevertRefusal::Replaced));
    }

    #[test]
    fn a_license_without_its_learner_of_then_is_refused_also_if_forced() {
        let life = new().assigned("ann", "admin").reset("admin").assigned("robert", "admin");
        assert_eq!(life.to(15, true), Err(RevertRefusal::NoAddress));
        let back = life.to(25, true).expect("allowed").expect("changed");
        assert_eq!((back.status, back.user_email), (LicenseStatus::Unassigned, None));
        // A learner who has retired does not return.
        let gone = |it: &License, now| it.anonymous(now);
        let life = new().assigned("ann", "admin").revoked("admin").after(EventKind::LearnerRetired, "gdpr", gone);
        assert_eq!(life.to(15, true), Err(RevertRefusal::NoAddress));
        // A new address of the same learner is kept.
        let renamed = |it: &License, now| it.with_email(email("ann.new"), now);
        let life = new().assigned("ann", "admin").after(EventKind::LearnerEmailChanged, "", renamed).revoked("admin");
        let back = life.to(15, true).expect("allowed").expect("changed");
        assert_eq!((back.status, back.user_email), (LicenseStatus::Assigned, Some(email("ann.new"))));
    }

    #[test]
    fn a_history_with_gaps_is_refused() {
        let life = new().assigned("ann", "admin").activated().revoked("admin");
        let lag = Life(life.0.clone(), life.1[1..].to_vec());
        assert_eq!(lag.to(15, true), Err(RevertRefusal::NoHistory));
        let gap = Life(life.0.clone(), vec![life.1[0].clone(), life.1[2].clone()]);
        assert_eq!(gap.to(5, true), Err(RevertRefusal::NoHistory));
        // An import brings the license as it was after the moment.
        let imported = Life(life.0.clone(), life.1[..1].to_vec());
        assert_eq!(imported.to(15, true), Err(RevertRefusal::NoHistory));
        assert_eq!(life.to(-1, true), Err(RevertRefusal::NotCreated));
        let many = Life(life.0.clone(), vec![life.1[0].clone(); MAX_CHANGES + 1]);
        assert_eq!(many.to(5, true), Err(RevertRefusal::TooManyChanges));
    }

    #[test]
    fn a_revert_can_be_reverted_but_a_revocation_is_not_restored() {
        let life = new().assigned("ann", "admin").revoked("operator");
        let back = life.to(15, false).expect("allowed").expect("changed");
        let life = life.after(EventKind::LicensesReverted, "operator", |_, now| License { modified: now, ..back });
        assert_eq!(life.to(25, true), Err(RevertRefusal::RevokedThen));
        assert_eq!(life.to(15, true), Ok(None));
    }

    proptest! {
        /// Whatever happened, a revert leads to the status and times of then, and to no other learner.
        #[test]
        fn a_license_is_as_it_was_or_is_refused(steps in prop::collection::vec(0_u8..6, 1..12), then in 0_i64..120) {
            let (mut life, mut states) = (new(), vec![seat()]);
            for step in steps {
                let is_free = life.0.status == LicenseStatus::Unassigned;
                let is_live = life.0.status.is_live();
                life = match step {
                    0 if is_free => life.assigned("ann", "admin"),
                    1 if is_free => life.assigned("robert", "admin"),
                    2 if life.0.status == LicenseStatus::Assigned => life.activated(),
                    3 if is_live => life.revoked("admin"),
                    4 if is_live => life.reset("admin"),
                    5 if life.0.status == LicenseStatus::Assigned =>
                        life.after(EventKind::LearnersReminded, "admin", |it, now| it.remind(now).expect("assigned")),
                    _ => life,
                };
                states.push(life.0.clone());
            }
            let was = states.iter().rev().find(|state| state.modified <= at(then)).expect("the seat");
            match life.to(then, true) {
                Ok(None) => prop_assert_eq!((life.0.status, LicenseFacts::of(&life.0)), (was.status, LicenseFacts::of(was))),
                Ok(Some(back)) => {
                    prop_assert_eq!((back.status, LicenseFacts::of(&back)), (was.status, LicenseFacts::of(was)));
                    prop_assert_eq!(&back.user_email, &was.user_email);
                    prop_assert_eq!(back.activation_key, was.activation_key);
                    prop_assert_eq!(back.lms_user_id, was.lms_user_id);
                }
                Err(refusal) => prop_assert!(refusal != RevertRefusal::ChangedByOthers && refusal != RevertRefusal::NoHistory),
            }
        }
    }
}
