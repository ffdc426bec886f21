//! The audit trail: who changed what, when and why, before and after. It names no learner's address, but a person
//! id, so that it can stay when the learner's data goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ambient::Timestamp,
    change::Changes,
    email::EmailAddress,
    event::{Event, EventKind, LicenseChange, LicenseFacts},
    ids::{AgreementId, EnterpriseId, EventId, LicenseId, LmsUserId, PlanId, RenewalId},
    license::LicenseStatus,
};

/// The field in which licences change that go over to another plan.
pub const PLAN: &str = "subscription_plan";

/// A learner, by an id that leads back to an address only for whoever knows the address and the table's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PersonId(pub Uuid);

/// What a trail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A licence.
    License(LicenseId),
    /// A plan and its licences.
    Plan(PlanId),
    /// An agreement and all that belongs to it.
    Agreement(AgreementId),
    /// A renewal.
    Renewal(RenewalId),
}

/// One change, as it is kept for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// The change's event.
    pub event: EventId,
    /// The version of the event's shape.
    pub schema: u32,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// Who did it; none where it was the learner themself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The same in the LMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_lms_user_id: Option<LmsUserId>,
    /// Why.
    pub reason: String,
    /// In which request.
    pub request_id: String,
    /// The customer.
    pub enterprise: EnterpriseId,
    /// The customer's agreement.
    pub agreement: AgreementId,
    /// The plan, where one is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// The renewal, where one is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<RenewalId>,
    /// How many licences, where they are not counted below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What changed of the agreement, plan or renewal itself.
    #[serde(default, skip_serializing_if = "Changes::is_empty")]
    pub changes: Changes,
    /// How many licences went from one status to another, in the trail of more than one licence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// What changed of the licence, in a licence's trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseStep>,
}

/// So many licences went from one status to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Move {
    /// Where they stood.
    pub from: LicenseStatus,
    /// Where they stand.
    pub to: LicenseStatus,
    /// How many they are.
    pub licenses: u64,
}

/// A licence's change without its learner's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseStep {
    /// The licence.
    pub license: LicenseId,
    /// Where it stood.
    pub from: LicenseStatus,
    /// Where it stands.
    pub to: LicenseStatus,
    /// Who holds it, or held it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The same under the address before, where it was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_before: Option<PersonId>,
    /// The licence of an earlier plan that this one carries on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<LicenseId>,
    /// What was on record.
    #[serde(default, skip_serializing_if = "LicenseFacts::is_empty")]
    pub before: LicenseFacts,
    /// What is on record.
    #[serde(default, skip_serializing_if = "LicenseFacts::is_empty")]
    pub after: LicenseFacts,
}

/// The entries that an event makes: one in the trail of each thing that it concerns.
pub fn entries(event: &Event, person: impl Fn(&EmailAddress) -> PersonId) -> Vec<(Subject, TrailEntry)> {
    let whole = TrailEntry { moves: moves(&event.licenses), ..entry(event) };
    let mut entries = vec![(Subject::Agreement(event.agreement), whole.clone())];
    entries.extend(event.plan.map(|plan| (Subject::Plan(plan), whole.clone())));
    entries.extend(event.renewal.map(|renewal| (Subject::Renewal(renewal), whole)));
    entries.extend(event.licenses.iter().map(|change| {
        let step = LicenseStep {
            license: change.license,
            from: change.from,
            to: change.to,
            person: change.person().map(&person),
            person_before: change.email.as_ref().and(change.email_before.as_ref()).map(&person),
            previous: change.previous,
            before: change.before,
            after: change.after,
        };
        let mut changes = event.changes.clone();
        changes.retain(|name, _| name == PLAN);
        let of_license = TrailEntry { count: None, changes, license: Some(step), ..entry(event) };
        (Subject::License(change.license), of_license)
    }));
    entries
}

fn entry(event: &Event) -> TrailEntry {
    let is_learners_own = event.kind.is_learners_own();
    TrailEntry {
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
