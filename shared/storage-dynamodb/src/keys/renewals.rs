//! Keys of renewals in lists, and of their numbers.

use license_domain::RenewalId;

use super::{GSI2, IndexKey, Key};

/// Partition of the list of renewals.
pub const ALL_RENEWALS: &str = "ALL#RENEWAL";

/// A renewal's key in the operator's list.
pub fn renewal_listing(renewal: RenewalId) -> IndexKey {
    IndexKey { index: GSI2, pk: ALL_RENEWALS.to_owned(), sk: format!("{:020}", renewal.0) }
}

/// From renewal to agreement.
pub fn renewal(renewal: RenewalId) -> Key {
    Key::head(format!("RENEWAL#{}", renewal.0))
}

/// The last renewal's number.
pub fn renewal_sequence() -> Key {
    Key::head("SEQUENCE#RENEWAL")
}
