//! What was put on record of a license once it had been done for it.

use license_domain::{LicenseId, Timestamp, clock::to_micros};
use license_storage::LicenseEvent;
use serde::{Deserialize, Serialize};

use super::{Reading, WrittenRow, fields, model};
use crate::dump::Row;

/// The longest name, in bytes: it is part of a key.
const MAX_NAME_BYTES: usize = 255;

#[derive(Deserialize, Serialize)]
struct LicenseEventFields {
    license: LicenseId,
    event_name: String,
    created: Timestamp,
    modified: Timestamp,
}

pub fn license_event(row: &Row) -> Reading<(LicenseId, LicenseEvent)> {
    let LicenseEventFields { license, event_name, created, .. } = fields(row)?;
    if event_name.is_empty() || event_name.len() > MAX_NAME_BYTES {
        return Err(format!("event_name has {} bytes; 1 to {MAX_NAME_BYTES} are possible", event_name.len()));
    }
    if created.timestamp_millis() < 0 {
        return Err("created is before 1970".to_owned());
    }
    Ok((license, LicenseEvent { name: event_name, at: to_micros(created) }))
}

/// The row of a license event.
pub fn license_event_row(pk: u64, license: LicenseId, event: &LicenseEvent) -> WrittenRow<u64, impl Serialize + use<>> {
    let LicenseEvent { name, at } = event.clone();
    let fields = LicenseEventFields { license, event_name: name, created: at, modified: at };
    WrittenRow { model: model::LICENSE_EVENT, pk, fields }
}
