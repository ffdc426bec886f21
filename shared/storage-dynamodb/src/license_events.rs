//! License events of another system: a mark beside the plan's pointer, by which it is known what was done for a license
//! already, and an entry of the license's trail.

use license_domain::{
    AuditEntry, Changes, EventId, EventKind, LicenseFacts, LicenseId, PlanId, Stamp, Subject, Timestamp,
    audit_trail::LicenseStep, event::EVENT_SCHEMA,
};
use license_storage::{ImportedLicense, LicenseEvent, StoreError};
use sha2::{Digest, Sha256};

use crate::{
    Store,
    keys::{self, Item, Key},
    rows,
    table::Range,
};

/// When it was done.
const UNLINKED: &str = "unlinked";

/// The items of a license's events.
pub(crate) fn items(imported: &ImportedLicense, stamp: &Stamp) -> Result<Vec<(Key, Item)>, StoreError> {
    let mut items = Vec::with_capacity(2 * imported.events.len());
    let license = &imported.placed.license;
    for event in &imported.events {
        let mark = keys::license_event(license.subscription_plan, license.uuid, &event.name);
        let mut item = mark.attributes();
        item.insert(UNLINKED.to_owned(), rows::text(keys::time(event.at)));
        items.push((mark, item));
        let entry = entry(imported, event, stamp);
        let key = keys::trail_entry(Subject::License(license.uuid), entry.event);
        let mut item = rows::to_item(&entry)?;
        item.extend(key.attributes());
        items.push((key, item));
    }
    Ok(items)
}

/// The entry's id is made of the event alone, so that an import that is repeated writes the same entry.
fn entry(imported: &ImportedLicense, event: &LicenseEvent, stamp: &Stamp) -> AuditEntry {
    let license = &imported.placed.license;
    let digest = Sha256::new().chain_update(license.uuid.0.as_bytes()).chain_update(&event.name).finalize();
    let millis = u64::try_from(event.at.timestamp_millis()).expect("the importer refuses times before 1970");
    let random = digest[..10].try_into().expect("SHA-256 has 32 bytes");
    let step = LicenseStep {
        license: license.uuid,
        from: license.status,
        to: license.status,
        person: None,
        person_before: None,
        previous: None,
        before: LicenseFacts::default(),
        after: LicenseFacts::default(),
    };
    AuditEntry {
        event: EventId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()),
        schema: EVENT_SCHEMA,
        kind: EventKind::LicenseEventImported,
        at: event.at,
        actor: Some(stamp.actor.clone()),
        actor_lms_user_id: None,
        reason: event.name.clone(),
        request_id: stamp.request_id.clone(),
        enterprise: imported.enterprise,
        agreement: imported.agreement,
        plan: Some(license.subscription_plan),
        renewal: None,
        count: None,
        changes: Changes::default(),
        moves: Vec::new(),
        license: Some(step),
    }
}

impl Store {
    /// Up to so many of a plan's license events, behind that sort key; also the key behind which the next ones lie.
    pub(crate) async fn license_events_part(
        &self,
        plan: PlanId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(LicenseId, LicenseEvent)>, Option<String>), StoreError> {
        // Nothing lies between a key and the same with a space behind it.
        let from = after.map_or_else(|| "A".to_owned(), |key| format!("{key} "));
        let range = Range {
            partition: keys::plan(plan).pk,
            between: Some((&from, "~")),
            limit: Some(limit),
            consistent: true,
            ..Range::default()
        };
        let items = self.table.query(range).await?;
        let last = items.last().and_then(Key::of).map(|key| key.sk).filter(|_| items.len() == limit);
        let mut events = Vec::with_capacity(items.len());
        for item in items {
            let Some(key) = Key::of(&item) else { continue };
            // Other items of the partition, such as notices for admins, are no license events.
            let Some((license, name)) = keys::license_event_in(&key) else { continue };
            let at = item.get(UNLINKED).and_then(|at| at.as_s().ok()?.parse::<Timestamp>().ok());
            let at = at.ok_or_else(|| StoreError::Corrupt { key: key.sk.clone(), cause: "no time".to_owned() })?;
            events.push((license, LicenseEvent { name: name.to_owned(), at }));
        }
        Ok((events, last))
    }
}
