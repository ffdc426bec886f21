//! Keys of the records of mails.

use license_domain::{DeliveryId, Timestamp};

use super::{GSI3, IndexKey, Key, time};

/// A mail's record.
pub fn delivery(id: &DeliveryId) -> Key {
    Key::head(format!("SENT#{id}"))
}

/// Partition of mails of unknown fate, and of refused ones.
pub const UNSETTLED_MAILS: &str = "DUE#MAIL";

/// A mail's key in that partition.
pub fn unsettled_mail(id: &DeliveryId, at: Timestamp) -> IndexKey {
    IndexKey { index: GSI3, pk: UNSETTLED_MAILS.to_owned(), sk: format!("{}#{id}", time(at)) }
}
