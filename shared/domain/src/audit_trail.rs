//! The audit trail: who changed what, when and why, with the values before and after. It holds person ids and no
//! addresses, so that it can stay when a learner's data is erased.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    capacity::SeatCounts,
    change::{Changes, undo},
    clock::Timestamp,
    email::EmailAddress,
    event::{Event, EventKind, LicenseChange, LicenseFacts},
    ids::{AgreementId, EnterpriseId, EventId, LicenseId, LmsUserId, PlanId, RenewalId},
    license::{License, LicenseStatus},
    plan::SubscriptionPlan,
};

/// The field that changes when a license is transferred to another plan.
pub const PLAN: &str = "subscription_plan";

/// A learner, by an id that can be computed only from the address and the table's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PersonId(pub Uuid);

/// The thing that a trail belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    License(LicenseId),
    /// A plan and its licenses.
    Plan(PlanId),
    /// An agreement with its plans and renewals.
    Agreement(AgreementId),
    Renewal(RenewalId),
}

/// One change in the audit trail, kept permanently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub event: EventId,
    /// The version of the event's format.
    pub schema: u32,
    pub kind: EventKind,
    pub at: Timestamp,
    /// The user who made the change; none if it was the learner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The user's id in the LMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_lms_user_id: Option<LmsUserId>,
    pub reason: String,
    pub request_id: String,
    pub enterprise: EnterpriseId,
    pub agreement: AgreementId,
    /// The plan, if the change concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// The renewal, if the change concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<RenewalId>,
    /// How many licenses, if `moves` does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The changed fields of the agreement, plan or renewal.
    #[serde(default, skip_serializing_if = "Changes::is_empty")]
    pub changes: Changes,
    /// How many licenses went from one status to another, in a trail of several licenses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// The change of the license, in a license's trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseStep>,
}

/// So many licenses went from one status to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Move {
    /// The status before.
    pub from: LicenseStatus,
    /// The status after.
    pub to: LicenseStatus,
    /// How many they are.
    pub licenses: u64,
}

/// A license's change, with a person id in place of the learner's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseStep {
    pub license: LicenseId,
    pub from: LicenseStatus,
    pub to: LicenseStatus,
    /// The learner who holds it, or held it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The person id before, if the address changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_before: Option<PersonId>,
    /// The license of an earlier plan of which this one is the renewed copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<LicenseId>,
    #[serde(default, skip_serializing_if = "LicenseFacts::is_empty")]
    pub before: LicenseFacts,
    /// What is on record.
    #[serde(default, skip_serializing_if = "LicenseFacts::is_empty")]
    pub after: LicenseFacts,
}

/// The entries that an event makes: one in the trail of each thing that it concerns.
pub fn entries(event: &Event, person: impl Fn(&EmailAddress) -> PersonId) -> Vec<(Subject, AuditEntry)> {
    let whole = AuditEntry { moves: moves(&event.licenses), ..entry(event) };
    let mut entries = vec![(Subject::Agreement(event.agreement), whole.clone())];
    entries.extend(event.plan.map(|plan| (Subject::Plan(plan), whole.clone())));
    entries.extend(event.renewal.map(|renewal| (Subject::Renewal(renewal), whole)));
    entries.extend(event.licenses.iter().map(|change| {
        let step = LicenseStep {
            license: change.license,
            from: change.from,
            to: change.to,
            person: change.person().map(&person),
            person_before: change.person().and(change.email.as_ref()).and(change.email_before.as_ref()).map(&person),
            previous: change.previous,
            before: change.before,
            after: change.after,
        };
        let mut changes = event.changes.clone();
        changes.retain(|name, _| name == PLAN);
        let of_license = AuditEntry { count: None, changes, license: Some(step), ..entry(event) };
        (Subject::License(change.license), of_license)
    }));
    entries
}

fn entry(event: &Event) -> AuditEntry {
    let is_learners_own = event.kind.is_learners_own();
    AuditEntry {
        event: event.id,
        schema: event.schema,
        kind: event.kind,
        at: event.stamp.at,
        actor: (!is_learners_own).then(|| event.stamp.actor.clone()),
        actor_lms_user_id: event.stamp.actor_lms_user_id.filter(|_| !is_learners_own),
        reason: event.stamp.reason.clone(),
        request_id: event.stamp.request_id.clone(),
        enterprise: event.enterprise,
        agreement: event.agreement,
        plan: event.plan,
        renewal: event.renewal,
        count: event.count,
        changes: event.changes.clone(),
        moves: Vec::new(),
        license: None,
    }
}

fn moves(licenses: &[LicenseChange]) -> Vec<Move> {
    let mut moves: Vec<Move> = Vec::new();
    for change in licenses.iter().filter(|change| change.from != change.to) {
        match moves.iter_mut().find(|a| (a.from, a.to) == (change.from, change.to)) {
            Some(a) => a.licenses += 1,
            None => moves.push(Move { from: change.from, to: change.to, licenses: 1 }),
        }
    }
    moves
}

/// The license as it was before these changes, ordered from the newest to the oldest. If another address held it then,
/// that address is unknown, because the trail holds no addresses.
#[must_use]
pub fn undo_license(license: License, later: &[AuditEntry]) -> License {
    let mut was = license;
    for entry in later {
        if let Some(plan) = entry.changes.get(PLAN).and_then(|change| change.before.as_str()?.parse().ok()) {
            was.subscription_plan = plan;
        }
        let Some(step) = &entry.license else { continue };
        was = step.before.put_back(License { status: step.from, ..was });
        if step.person_before.is_some() || step.from == LicenseStatus::Unassigned {
            was.user_email = None;
        }
        if step.from == LicenseStatus::Unassigned {
            was.activation_key = None;
        }
        if step.from != step.to {
            was.lms_user_id = was.lms_user_id.filter(|_| step.from == LicenseStatus::Activated);
        }
    }
    was
}

/// The plan as it was before these changes, ordered from the newest to the oldest; none if it did not exist yet.
#[must_use]
pub fn undo_plan(plan: &SubscriptionPlan, later: &[AuditEntry]) -> Option<SubscriptionPlan> {
    let mut was = plan.clone();
    for entry in later {
        match entry.kind {
            EventKind::PlanCreated => return None,
            EventKind::PlanUpdated | EventKind::LicensesDeleted => {
                let Ok(Value::Object(mut record)) = serde_json::to_value(&was) else { return None };
                undo(&mut record, &entry.changes);
                was = serde_json::from_value(Value::Object(record)).ok()?;
            }
            EventKind::LicensesTransferred => {
                let moved = entry.count.unwrap_or_default();
                let total = was.seats.total;
                let has_come = came_to(plan.uuid, entry);
                was.seats.total = if has_come { total.saturating_sub(moved) } else { total + moved };
            }
            _ => {}
        }
    }
    Some(was)
}

/// The counts of the plan's licenses (the plan as it was) before these changes.
#[must_use]
pub fn undo_counts(was: &SubscriptionPlan, now: SeatCounts, later: &[AuditEntry]) -> SeatCounts {
    let mut counts = SeatCounts { total: was.seats.total, ..now };
    let mut add = |status: LicenseStatus, n: u64, is_more: bool| {
        let counter = match status {
            LicenseStatus::Assigned => &mut counts.assigned,
            LicenseStatus::Activated => &mut counts.activated,
            LicenseStatus::Revoked => &mut counts.revoked,
            LicenseStatus::Unassigned => return,
        };
        *counter = if is_more { *counter + n } else { counter.saturating_sub(n) };
    };
    for entry in later {
        for step in &entry.moves {
            add(step.to, step.licenses, false);
            add(step.from, step.licenses, true);
        }
        // Only the deletion of unassigned licenses changes the plan.
        if entry.kind == EventKind::LicensesDeleted && entry.changes.is_empty() {
            add(LicenseStatus::Revoked, entry.count.unwrap_or_default(), true);
        }
        if entry.kind == EventKind::LicensesTransferred {
            let is_back = !came_to(was.uuid, entry);
            for status in [LicenseStatus::Assigned, LicenseStatus::Activated] {
                let moved = entry.changes.get(status.as_str()).and_then(|change| change.after.as_u64());
                add(status, moved.unwrap_or_default(), is_back);
            }
        }
    }
    counts
}

/// Whether the transferred licenses came to that plan; if not, they left it.
fn came_to(plan: PlanId, entry: &AuditEntry) -> bool {
    let to = entry.changes.get(PLAN).and_then(|change| change.after.as_str()?.parse().ok());
    to == Some(plan)
}

/// Entries for tests.
#[cfg(test)]
pub(crate) mod entry_for_tests {
    use super::*;
    use crate::actor::Stamp;

    /// The entry in a license's trail of a change at the time at which the license was last modified.
    pub(crate) fn entry_of(n: u64, kind: EventKind, actor: &str, (before, after): (&License, &License)) -> AuditEntry {
        let event = Event {
            id: EventId(Uuid::from_u128(n.into())),
            schema: 1,
            kind,
            stamp: Stamp {
                actor: actor.into(),
                actor_lms_user_id: None,
                reason: "test".into(),
                request_id: "-".into(),
                at: after.modified,
            },
            enterprise: EnterpriseId(Uuid::nil()),
            agreement: AgreementId(Uuid::nil()),
            plan: None,
            renewal: None,
            count: None,
            learner: None,
            changes: Changes::default(),
            licenses: vec![LicenseChange::new(before, after)],
            consequences: Vec::new(),
        };
        let person = |email: &EmailAddress| PersonId(Uuid::from_u128(email.as_given().len() as u128));
        entries(&event, person).pop().expect("the license's own entry").1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{entry_for_tests::entry_of, *};
    use crate::ids::{ActivationKey, LicenseId};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_795_430_768 + second, 0).expect("a moment")
    }

    proptest! {
        #[test]
        fn undoing_restores_all_earlier_states(steps in prop::collection::vec(0_u8..6, 0..12)) {
            let mut states = vec![License::unassigned(LicenseId(Uuid::from_u128(1)), PlanId(Uuid::from_u128(2)), at(0))];
            let mut trail = Vec::new();
            for (n, step) in (1..).zip(steps) {
                let before = states.last().expect("a state").clone();
                let (email, key) = (EmailAddress::on_record("ann@example.com"), ActivationKey(Uuid::from_u128(3)));
                let now = at(n);
                let after = match step {
                    0 => before.assign(email, key, now).ok(),
                    1 => before.activate(Some(LmsUserId(7)), now).ok().flatten(),
                    2 => before.auto_apply(email, Some(LmsUserId(7)), key, now).ok(),
                    3 => before.revoke(now).ok(),
                    4 => before.remind(now).ok(),
                    _ => before.reset(now).ok(),
                };
                if let Some(after) = after {
                    trail.insert(0, entry_of(u64::try_from(n).expect("a number"), EventKind::LicensesAssigned, "an-admin", (&before, &after)));
                    states.push(after);
                }
            }
            let last = states.last().expect("a state").clone();
            for (undone, state) in (0..=trail.len()).zip(states.iter().rev()) {
                let was = undo_license(last.clone(), &trail[..undone]);
                prop_assert_eq!(was.status, state.status);
                prop_assert_eq!(LicenseFacts::of(&was), LicenseFacts::of(state));
                // If the seat was free at some time since, its earlier holder is unknown.
                prop_assert!(was.user_email.is_none() || was.user_email == state.user_email);
            }
        }
    }
}
