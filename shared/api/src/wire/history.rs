//! Entries of the audit trail.

use license_domain::{
    AgreementId, AuditEntry, Changes, EnterpriseId, EventId, EventKind, FieldChange, LicenseFacts, LicenseId,
    LicenseStatus, LmsUserId, PersonId, PlanId, RenewalId, Timestamp,
    audit_trail::{LicenseStep, Move},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::time;

/// The one field that is shown as a number but recorded as more than that.
const SEATS: &str = "seats";

/// One change: what happened, when, who did it and why, before and after.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HistoryEntry {
    id: EventId,
    kind: EventKind,
    #[serde(serialize_with = "time::serialize")]
    at: Timestamp,
    actor: Option<String>,
    actor_lms_user_id: Option<LmsUserId>,
    reason: String,
    request_id: String,
    enterprise_customer_uuid: EnterpriseId,
    customer_agreement_uuid: AgreementId,
    subscription_plan_uuid: Option<PlanId>,
    renewal: Option<RenewalId>,
    count: Option<u64>,
    changes: Changes,
    moves: Vec<Move>,
    license: Option<LicenseHistory>,
}

/// What changed of a license. Its learner is a person id.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct LicenseHistory {
    uuid: LicenseId,
    status: StatusChange,
    person: Option<PersonId>,
    person_before: Option<PersonId>,
    previous: Option<LicenseId>,
    before: LicenseFacts,
    after: LicenseFacts,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
struct StatusChange {
    before: LicenseStatus,
    after: LicenseStatus,
}

impl HistoryEntry {
    pub fn new(entry: AuditEntry) -> Self {
        Self {
            id: entry.event,
            kind: entry.kind,
            at: entry.at,
            actor: entry.actor,
            actor_lms_user_id: entry.actor_lms_user_id,
            reason: entry.reason,
            request_id: entry.request_id,
            enterprise_customer_uuid: entry.enterprise,
            customer_agreement_uuid: entry.agreement,
            subscription_plan_uuid: entry.plan,
            renewal: entry.renewal,
            count: entry.count,
            changes: entry.changes.into_iter().map(shown).collect(),
            moves: entry.moves,
            license: entry.license.as_ref().map(LicenseHistory::new),
        }
    }
}

impl LicenseHistory {
    fn new(step: &LicenseStep) -> Self {
        Self {
            uuid: step.license,
            status: StatusChange { before: step.from, after: step.to },
            person: step.person,
            person_before: step.person_before,
            previous: step.previous,
            before: step.before,
            after: step.after,
        }
    }
}

/// The history shows the number of seats and not how buckets divide them.
fn shown((name, change): (String, FieldChange)) -> (String, FieldChange) {
    if name != SEATS {
        return (name, change);
    }
    let total = |seats: &Value| seats.get("total").cloned().unwrap_or_default();
    let change = FieldChange { before: total(&change.before), after: total(&change.after) };
    (name, change)
}
