//! Keys of what is kept of requests: their idempotency records and counts.

use license_domain::Timestamp;
use license_storage::IdempotencyKey;

use super::{JobKeys, Key, result};

/// The record of a change that takes effect once. The record of a job's chunk is in the job's partition, as its result.
pub fn idempotency(key: &IdempotencyKey) -> Key {
    match key {
        IdempotencyKey::Request(digest) => Key::head(format!("IDEMPOTENCY#{digest}")),
        IdempotencyKey::Chunk { job, chunk, round } => {
            Key::new(JobKeys(*job).partition(), format!("{}.{round:04}", result(*chunk)))
        }
    }
}

/// The request count of a requester in one minute.
pub fn throttle(digest: &str, at: Timestamp) -> Key {
    Key::head(format!("THROTTLE#{digest}#{}", at.format("%Y-%m-%dT%H:%M")))
}
