//! Events for the bus: lifecycle events of licenses, with the names and properties that consumers of Open edX's
//! license-manager know, and one event of our own for each change.

use serde_json::{Map, Value, json};

use crate::{
    agreement::{CustomerAgreement, Portfolio},
    clock::Timestamp,
    event::{Event, EventKind, LicenseChange},
    license::LicenseStatus,
    pii::class_of,
    plan::SubscriptionPlan,
};

/// The version of these events' format.
pub const BUS_SCHEMA: u32 = 1;

/// The prefix of the names of lifecycle events.
pub const LIFECYCLE: &str = "edx.server.license-manager.license-lifecycle.";

/// The last parts of the names of lifecycle events.
pub const LIFECYCLE_NAMES: [&str; 8] =
    ["created", "assigned", "activated", "revoked", "renewed", "expired", "not-assigned", "deleted"];

/// Properties of lifecycle events that are personal or secret, and that consumers of Open edX's license-manager know.
pub const KNOWN_TO_CONSUMERS: [&str; 2] = ["license_activation_key", "assigned_email"];

/// The name under which the peer records that a learner was unlinked.
pub const UNLINKED: &str = "edx.server.license-manager.expired.license.unlinked";

/// The name of the peer's event half a year after the activation of a license.
pub const LONG_ACTIVATED: &str = "edx.server.license-manager.license.activated.180.days.ago";

/// The prefix of the names of our own events.
pub const OWN: &str = "license-manager.";

/// An event on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    /// The id, which is the same when the event is repeated.
    pub id: String,
    pub name: String,
    pub at: Timestamp,
    pub detail: Value,
}

/// The bus events of an event: for each license those of Open edX, then one of our own. `portfolio` is the customer's
/// agreement as it is now.
pub fn bus_events(event: &Event, portfolio: Option<&Portfolio>) -> Vec<BusEvent> {
    let agreement = portfolio.map(|portfolio| &portfolio.agreement);
    let plan = portfolio.and_then(|portfolio| portfolio.plan(event.plan?));
    let source = BusEventSource { event, agreement, plan };
    let mut events: Vec<BusEvent> = Vec::new();
    for (n, change) in event.licenses.iter().enumerate() {
        events.extend(names(event.kind, change).into_iter().map(|name| source.license(n, name, change)));
    }
    if event.kind == EventKind::LicensesUnlinked {
        events.extend(event.licenses.iter().enumerate().map(|(n, change)| source.unlinked(n, change)));
    }
    if event.kind == EventKind::LicensesLongActivated {
        events.extend(event.licenses.iter().enumerate().map(|(n, change)| source.long_activated(n, change)));
    }
    events.extend(whole_plan(event).map(|name| source.plan(name)));
    events.extend((event.kind == EventKind::LicenseNotAssigned).then(|| source.not_assigned()));
    events.push(source.own());
    events
}

/// The names of the lifecycle events for a license's change.
fn names(kind: EventKind, change: &LicenseChange) -> Vec<&'static str> {
    let mut names = Vec::new();
    if change.is_first {
        names.push("created");
    }
    match kind {
        EventKind::LicensesAssigned => names.push("assigned"),
        EventKind::LicenseActivated | EventKind::LicenseAutoApplied => names.push("activated"),
        EventKind::LicensesRevoked => names.push("revoked"),
        EventKind::LicensesExpired => names.push("expired"),
        EventKind::LicensesDeleted => names.push("deleted"),
        EventKind::LicensesPurged if change.from != change.to && change.to == LicenseStatus::Revoked => {
            names.push("revoked");
        }
        // The event of the original license has only the renewal's name.
        EventKind::LicensesRenewed if change.previous.is_some() => names.push("renewed"),
        _ => {}
    }
    names
}

/// The name of the lifecycle event for a plan whose licenses no learner has held.
fn whole_plan(event: &Event) -> Option<&'static str> {
    match event.kind {
        EventKind::PlanCreated | EventKind::PlanUpdated if event.count.is_some() => Some("created"),
        EventKind::PlanDeleted => Some("deleted"),
        // Unassigned licenses of a frozen plan: the event names none of them.
        EventKind::LicensesDeleted if event.licenses.is_empty() => Some("deleted"),
        _ => None,
    }
}

struct BusEventSource<'a> {
    event: &'a Event,
    agreement: Option<&'a CustomerAgreement>,
    plan: Option<&'a SubscriptionPlan>,
}

impl BusEventSource<'_> {
    fn license(&self, n: usize, name: &str, change: &LicenseChange) -> BusEvent {
        let mut detail = self.customer();
        detail.extend(object(json!({
            "license_uuid": change.license,
            "license_activation_key": change.activation_key,
            "previous_license_uuid": change.previous,
            "assigned_date": change.after.assigned_date,
            "activation_date": change.after.activation_date,
            "assigned_lms_user_id": change.lms_user_id,
            "assigned_email": change.person(),
            "status": change.to,
            "auto_applied": change.after.auto_applied.unwrap_or_default(),
        })));
        self.finish(format!("{}.{n}.{name}", self.event.id), format!("{LIFECYCLE}{name}"), detail)
    }

    fn unlinked(&self, n: usize, change: &LicenseChange) -> BusEvent {
        let mut detail = self.customer();
        detail.insert("license_uuid".to_owned(), json!(change.license));
        self.finish(format!("{}.{n}.unlinked", self.event.id), UNLINKED.to_owned(), detail)
    }

    fn long_activated(&self, n: usize, change: &LicenseChange) -> BusEvent {
        let mut detail = self.customer();
        detail.extend(object(json!({
            "license_uuid": change.license,
            "activation_date": change.after.activation_date,
            "assigned_lms_user_id": change.lms_user_id,
            "user_email": change.person(),
        })));
        self.finish(format!("{}.{n}.long-activated", self.event.id), LONG_ACTIVATED.to_owned(), detail)
    }

    fn plan(&self, name: &str) -> BusEvent {
        let mut detail = self.customer();
        detail.insert("status".to_owned(), json!(LicenseStatus::Unassigned));
        detail.insert("count".to_owned(), json!(self.event.count));
        self.finish(format!("{}.{name}", self.event.id), format!("{LIFECYCLE}{name}"), detail)
    }

    fn not_assigned(&self) -> BusEvent {
        let mut detail = self.customer();
        let learner = self.event.learner.as_ref().filter(|learner| !learner.email.is_retired());
        detail.insert("assigned_email".to_owned(), json!(learner.map(|learner| &learner.email)));
        detail.insert("assigned_lms_user_id".to_owned(), json!(learner.and_then(|learner| learner.lms_user_id)));
        self.finish(format!("{}.not-assigned", self.event.id), format!("{LIFECYCLE}not-assigned"), detail)
    }

    /// Actor, kind and counts, without addresses.
    fn own(&self) -> BusEvent {
        let event = self.event;
        let mut detail = self.customer();
        let licenses: Vec<Value> = event
            .licenses
            .iter()
            .map(|change| json!({ "license_uuid": change.license, "from": change.from, "to": change.to }))
            .collect();
        detail.extend(object(json!({
            "subscription_plan_renewal": event.renewal,
            "actor": (!event.kind.is_learners_own()).then_some(&event.stamp.actor),
            "reason": event.stamp.reason,
            "request_id": event.stamp.request_id,
            "count": event.count,
            "licenses": licenses,
            "changes": event.changes,
        })));
        self.finish(event.id.to_string(), format!("{OWN}{}", event.kind.as_str()), detail)
    }

    fn customer(&self) -> Map<String, Value> {
        let agreement = self.agreement;
        let is_expiry = self.event.kind == EventKind::LicensesExpired;
        object(json!({
            "enterprise_customer_uuid": self.event.enterprise,
            "enterprise_customer_slug": agreement.and_then(|agreement| agreement.enterprise_customer_slug.as_ref()),
            "enterprise_customer_name": agreement.and_then(|agreement| agreement.enterprise_customer_name.as_ref()),
            "customer_agreement_uuid": self.event.agreement,
            "subscription_plan_uuid": self.event.plan,
            // The plan is marked once all of its licenses have their events.
            "expiration_processed": is_expiry || self.plan.is_some_and(|plan| plan.expiration_processed),
        }))
    }

    fn finish(&self, id: String, name: String, mut detail: Map<String, Value>) -> BusEvent {
        let at = self.event.stamp.at;
        detail.retain(|property, _| may_be_published(property, &name));
        detail.extend(object(json!({ "id": id, "version": BUS_SCHEMA, "time": at })));
        BusEvent { id, name, at, detail: Value::Object(detail) }
    }
}

/// Whether events may have a property of that name. Personal and secret ones only if consumers of Open edX's events
/// know them.
fn may_be_published(property: &str, event: &str) -> bool {
    let is_open = class_of(property).is_some_and(|class| !class.is_masked());
    is_open
        || (event.starts_with(LIFECYCLE) && KNOWN_TO_CONSUMERS.contains(&property))
        || (event == LONG_ACTIVATED && property == "user_email")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
