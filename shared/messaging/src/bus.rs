//! The bus: `EventBridge`.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_eventbridge::{Client, error::DisplayErrorContext, primitives::DateTime, types::PutEventsRequestEntry};
use futures::{StreamExt, TryStreamExt, stream};
use license_domain::lifecycle::BusEvent;

use crate::{error::MessagingError, settings::BusSettings};

/// The source of our events.
pub const SOURCE: &str = "license-manager";

/// The most events of one call.
const AT_ONCE: usize = 10;

/// The most bytes of one call; `EventBridge` accepts 256 KiB.
const MAX_BYTES: usize = 200 * 1024;

/// The most calls at the same time.
const PARALLEL: usize = 8;

#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes all of these events. After an error some may have been published: consumers recognize a repeated event
    /// by its id.
    async fn publish(&self, events: Vec<BusEvent>) -> Result<(), MessagingError>;
}

#[derive(Clone)]
pub struct EventBus {
    client: Client,
    bus: Option<String>,
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBus").field("bus", &self.bus).finish_non_exhaustive()
    }
}

impl EventBus {
    /// A client with these settings.
    pub fn new(settings: &BusSettings, config: &aws_config::SdkConfig) -> Self {
        let mut builder = aws_sdk_eventbridge::config::Builder::from(config);
        if let Some(endpoint) = &settings.endpoint {
            builder.set_endpoint_url(Some(endpoint.clone()));
        }
        Self { client: Client::from_conf(builder.build()), bus: settings.bus.clone() }
    }

    async fn publish_some(&self, events: Vec<(BusEvent, String)>) -> Result<(), MessagingError> {
        const OPERATION: &str = "PutEvents";
        let bus = self.bus.as_deref().ok_or(MessagingError::NotConfigured("EVENT_BUS_NAME"))?;
        let sent = events.len();
        let mut call = self.client.put_events();
        for (event, detail) in events {
            let entry = PutEventsRequestEntry::builder()
                .event_bus_name(bus)
                .source(SOURCE)
                .detail_type(event.name)
                .time(DateTime::from_millis(event.at.timestamp_millis()))
                .detail(detail)
                .build();
            call = call.entries(entry);
        }
        let response = call.send().await.map_err(|error| MessagingError::Unavailable {
            operation: OPERATION,
            cause: DisplayErrorContext(&error).to_string(),
        })?;
        let refused = usize::try_from(response.failed_entry_count).expect("a number of entries");
        if refused == 0 {
            return Ok(());
        }
        let cause = response.entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_code);
        Err(MessagingError::Partly { operation: OPERATION, refused, sent, cause: cause.unwrap_or_default() })
    }
}

#[async_trait]
impl Bus for EventBus {
    async fn publish(&self, events: Vec<BusEvent>) -> Result<(), MessagingError> {
        let calls: Vec<_> = parcels(events).into_iter().map(|some| self.publish_some(some)).collect();
        stream::iter(calls).buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await.map(|_| ())
    }
}

/// Groups events into calls, each as large as a call may be.
fn parcels(events: Vec<BusEvent>) -> Vec<Vec<(BusEvent, String)>> {
    let mut parcels: Vec<Vec<(BusEvent, String)>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let detail = event.detail.to_string();
        let size = detail.len() + event.name.len() + SOURCE.len() + 14;
        match parcels.last_mut() {
            Some(parcel) if parcel.len() < AT_ONCE && bytes + size <= MAX_BYTES => {
                bytes += size;
                parcel.push((event, detail));
            }
            _ => {
                bytes = size;
                parcels.push(vec![(event, detail)]);
            }
        }
    }
    parcels
}

#[cfg(test)]
mod tests {
    use license_domain::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn no_call_holds_too_many_events_or_bytes() {
        let event = |length: usize| BusEvent {
            id: "1".into(),
            name: "n".into(),
            at: Timestamp::UNIX_EPOCH,
            detail: json!({ "text": "x".repeat(length) }),
        };
        let sizes = |events: Vec<BusEvent>| parcels(events).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..23).map(|_| event(10)).collect()), [10, 10, 3]);
        assert_eq!(sizes((0..3).map(|_| event(90 * 1024)).collect()), [2, 1]);
        assert_eq!(sizes(Vec::new()), [0; 0]);
    }
}
