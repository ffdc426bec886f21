//! A plan's counts by day, and the activations and revocations between two days.

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::{
    audit_trail::AuditEntry, capacity::SeatCounts, clock::Timestamp, ids::PlanId, license::LicenseStatus,
    plan::SubscriptionPlan,
};

/// How long a day is kept.
pub const KEPT: TimeDelta = TimeDelta::days(3 * 366);

/// Changes enter the history some seconds after they happened. What is younger than this is counted the next day.
pub const SETTLED: TimeDelta = TimeDelta::minutes(5);

/// With more changes than this since the last snapshot, activations and revocations are not counted.
pub const MAX_CHANGES: usize = 20_000;

/// A plan's counts on a day, taken at the first look of that day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDay {
    pub plan: PlanId,
    pub day: NaiveDate,
    /// When they were taken.
    pub at: Timestamp,
    pub seats: SeatCounts,
    /// The time up to which changes are counted, from that of the day before.
    pub counted_until: Timestamp,
    /// How many licenses were activated since the last snapshot; none if there were too many changes to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activations: Option<u64>,
    /// How many licenses were revoked since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocations: Option<u64>,
}

impl PlanDay {
    /// The day of `now`, after the last snapshot and the changes between it and the time up to which they are counted.
    /// `None` for the changes: there are more than [`MAX_CHANGES`].
    pub fn new(plan: &SubscriptionPlan, seats: SeatCounts, changes: Option<&[AuditEntry]>, now: Timestamp) -> Self {
        let to = |status| {
            let moves = changes?.iter().flat_map(|entry| &entry.moves);
            Some(moves.filter(|step| step.to == status && step.from != status).map(|step| step.licenses).sum())
        };
        Self {
            plan: plan.uuid,
            day: now.date_naive(),
            at: now,
            seats,
            counted_until: now - SETTLED,
            activations: to(LicenseStatus::Activated),
            revocations: to(LicenseStatus::Revoked),
        }
    }

    /// The sum of a count over days; none if it is unknown of one of them.
    pub fn sum(days: &[Self], count: impl Fn(&Self) -> Option<u64>) -> Option<u64> {
        days.iter().map(count).sum()
    }

    /// The period whose changes the next snapshot counts.
    pub fn period(plan: &SubscriptionPlan, last: Option<&Self>, now: Timestamp) -> (Timestamp, Timestamp) {
        (last.map_or(plan.created, |last| last.counted_until), now - SETTLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit_trail::Move, event::EventKind};

    fn entry(moves: &[(LicenseStatus, LicenseStatus, u64)]) -> AuditEntry {
        let moves = moves.iter().map(|(from, to, licenses)| Move { from: *from, to: *to, licenses: *licenses });
        let text = r#"{"event":"00000000-0000-0000-0000-000000000000","schema":1,"kind":"licenses-assigned",
            "at":"2026-11-23T00:00:00Z","reason":"","request_id":"","enterprise":"00000000-0000-0000-0000-000000000000",
            "agreement":"00000000-0000-0000-0000-000000000000"}"#;
        let entry: AuditEntry = serde_json::from_str(text).expect("an entry");
        assert_eq!(entry.kind, EventKind::LicensesAssigned);
        AuditEntry { moves: moves.collect(), ..entry }
    }

    #[test]
    fn activations_and_revocations_are_counted_by_what_licenses_became() {
        use LicenseStatus::{Activated, Assigned, Revoked, Unassigned};
        let plan: SubscriptionPlan = serde_json::from_value(serde_json::json!({
            "uuid": uuid::Uuid::nil(), "title": "", "customer_agreement": uuid::Uuid::nil(),
            "start_date": "2026-01-01T00:00:00Z", "expiration_date": "2027-01-01T00:00:00Z",
            "expiration_processed": false, "is_active": true, "is_revocation_cap_enabled": false,
            "revoke_max_percentage": 5, "num_revocations_applied": 0, "for_internal_use_only": false,
            "can_freeze_unused_licenses": false, "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
            "change_reason": "new",
            "seats": { "total": 10, "buckets": 1, "list_shards": 1, "prefix": "0000000000008000" },
        }))
        .expect("a plan");
        let changes = [
            entry(&[(Unassigned, Assigned, 5)]),
            entry(&[(Assigned, Activated, 2), (Unassigned, Activated, 1)]),
            entry(&[(Activated, Revoked, 1), (Assigned, Revoked, 3), (Revoked, Revoked, 9)]),
        ];
        let now = "2026-11-23T10:00:00Z".parse().expect("a time");
        let day = PlanDay::new(&plan, SeatCounts::default(), Some(&changes), now);
        assert_eq!((day.activations, day.revocations), (Some(3), Some(4)));
        assert_eq!(PlanDay::period(&plan, Some(&day), now + TimeDelta::days(1)).0, now - SETTLED);
        assert_eq!(PlanDay::new(&plan, SeatCounts::default(), None, now).activations, None);
    }
}
