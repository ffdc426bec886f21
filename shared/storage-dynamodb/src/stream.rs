//! Reads events from the table's stream: each is an item that is written once.

use aws_lambda_events::event::dynamodb::EventRecord;
use license_domain::EventId;
use license_storage::{EventStream, StoreError, StreamedEvent};

use crate::{
    Store,
    failures::scrub,
    keys::{self, Key, PK, SK},
};

impl EventStream<EventRecord> for Store {
    fn event_of(&self, record: EventRecord) -> Option<StreamedEvent> {
        let id = new_event(&record)?;
        let event = serde_dynamo::from_item(record.change.new_image)
            .map_err(|error| StoreError::Corrupt { key: id.to_string(), cause: scrub(&error.to_string()) });
        Some(StreamedEvent { id, event })
    }
}

fn new_event(record: &EventRecord) -> Option<EventId> {
    if record.event_name != "INSERT" {
        return None;
    }
    let keys = record.change.keys.as_ref();
    let text = |name: &str| match keys.get(name)? {
        serde_dynamo::AttributeValue::S(text) => Some(text.clone()),
        _ => None,
    };
    keys::event_at(&Key { pk: text(PK)?, sk: text(SK)? })
}
