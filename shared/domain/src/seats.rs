//! Seats as numbers: an untouched seat has a stable UUID without being stored.
//!
//! A plan owns a random 60-bit prefix. The UUID (version 8) of an untouched seat is the prefix, then the number of its
//! bucket, then its sequence number within the bucket:
//!
//! ```text
//! pppppppp-pppp-8ppp-vbbs-ssssssssssss     p prefix   v variant bits   b bucket (12 bits)   s sequence (48 bits)
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::LicenseId;

/// The common prefix of the ids of one plan's untouched seats; unique among plans.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeatPrefix(u64);

const VERSION_MASK: u64 = 0xf000;
const VERSION_8: u64 = 0x8000;
const VARIANT: u64 = 0b10 << 62;
const SEQUENCE_BITS: u32 = 48;
const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;
const BUCKET_MASK: u64 = 0xfff;

/// The position of a seat in its plan: its bucket, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ordinal {
    pub bucket: u16,
    /// The seat's number within the bucket.
    pub sequence: u64,
}

impl SeatPrefix {
    /// A prefix of random bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self((bits & !VERSION_MASK) | VERSION_8)
    }

    /// The id of the seat at that position.
    pub fn license(self, at: Ordinal) -> LicenseId {
        let low = VARIANT | ((u64::from(at.bucket) & BUCKET_MASK) << SEQUENCE_BITS) | (at.sequence & SEQUENCE_MASK);
        LicenseId(Uuid::from_u64_pair(self.0, low))
    }

    /// The position of that seat, if its id has this prefix.
    pub fn ordinal(self, license: LicenseId) -> Option<Ordinal> {
        let (prefix, low) = license.0.as_u64_pair();
        let spare = (low >> (SEQUENCE_BITS + 12)) & 0b11;
        if prefix != self.0 || low & VARIANT != VARIANT || spare != 0 {
            return None;
        }
        let bucket = u16::try_from((low >> SEQUENCE_BITS) & BUCKET_MASK).ok()?;
        Some(Ordinal { bucket, sequence: low & SEQUENCE_MASK })
    }

    /// The prefix of the id, if it is the id of an untouched seat.
    pub fn of(license: LicenseId) -> Option<Self> {
        let (prefix, _) = license.0.as_u64_pair();
        (prefix & VERSION_MASK == VERSION_8).then_some(Self(prefix))
    }
}

impl fmt::Display for SeatPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SeatPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeatPrefix({self})")
    }
}

impl From<SeatPrefix> for String {
    fn from(prefix: SeatPrefix) -> Self {
        prefix.to_string()
    }
}

impl TryFrom<String> for SeatPrefix {
    type Error = std::num::ParseIntError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&text, 16).map(Self::from_bits)
    }
}

/// How many seats a plan has, and the buckets and list shards for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatLayout {
    /// Every license that is not revoked.
    pub total: u64,
    pub buckets: u16,
    /// The number of list shards.
    pub list_shards: u16,
    /// The prefix of the ids of its untouched seats.
    pub prefix: SeatPrefix,
}

impl SeatLayout {
    /// The layout of a new plan of that size.
    pub const fn for_total(total: u64, prefix: SeatPrefix) -> Self {
        Self { total, buckets: buckets_for(total), list_shards: list_shards_for(total), prefix }
    }

    /// The layout after the plan has grown to at least that many seats. It never shrinks. Listed licenses stay in their
    /// shards until they change: the first shards remain the same, and readers merge all of them.
    #[must_use]
    pub fn grown_to(self, total: u64) -> Self {
        let total = total.max(self.total);
        let buckets = self.buckets.max(buckets_for(total));
        Self { total, buckets, list_shards: self.list_shards.max(list_shards_for(total)), ..self }
    }

    /// The list shard of this license.
    pub fn list_shard(&self, license: LicenseId) -> u16 {
        // The low bits of a UUID are random (version 4) or a sequence number: both spread evenly.
        let (_, low) = license.0.as_u64_pair();
        u16::try_from(low % u64::from(self.list_shards.max(1))).expect("a number below one of 16 bits")
    }
}

/// How many buckets a plan of that size has, so that concurrent assignments seldom conflict.
pub const fn buckets_for(total: u64) -> u16 {
    match total {
        0..64 => 1,
        64..10_000 => 4,
        _ => 16,
    }
}

/// How many list shards a plan of that size has.
pub const fn list_shards_for(total: u64) -> u16 {
    match total {
        0..10_000 => 1,
        10_000..100_000 => 4,
        _ => 16,
    }
}

/// Divides `total` seats evenly among `buckets`: the number of seats of each.
pub fn deal(total: u64, buckets: u16) -> Vec<u64> {
    let n = u64::from(buckets.max(1));
    (0..n).map(|k| total / n + u64::from(k < total % n)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_ordinal_and_its_uuid_are_the_same_thing(bits: u64, bucket in 0_u16..4096, sequence in 0_u64..1 << 48) {
            let prefix = SeatPrefix::from_bits(bits);
            let at = Ordinal { bucket, sequence };
            let id = prefix.license(at);
            prop_assert_eq!(id.0.get_version_num(), 8);
            prop_assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
            prop_assert_eq!(prefix.ordinal(id), Some(at));
            prop_assert_eq!(SeatPrefix::of(id), Some(prefix));
        }

        #[test]
        fn ids_sort_as_their_ordinals(bits: u64, a in (0_u16..4096, 0_u64..1 << 48), b in (0_u16..4096, 0_u64..1 << 48)) {
            let prefix = SeatPrefix::from_bits(bits);
            let [a, b] = [a, b].map(|(bucket, sequence)| Ordinal { bucket, sequence });
            prop_assert_eq!(a.cmp(&b), prefix.license(a).cmp(&prefix.license(b)));
        }

        #[test]
        fn dealing_loses_no_seat(total in 0_u64..2_000_000, buckets in 1_u16..32) {
            let dealt = deal(total, buckets);
            prop_assert_eq!(dealt.iter().sum::<u64>(), total);
            prop_assert!(dealt.iter().max().unwrap() - dealt.iter().min().unwrap() <= 1);
        }
    }

    #[test]
    fn a_plan_that_grows_is_listed_as_one_that_was_made_so_large() {
        let prefix = SeatPrefix::from_bits(7);
        for total in [64, 10_000, 100_000, 1_000_000] {
            assert_eq!(SeatLayout::for_total(10, prefix).grown_to(total), SeatLayout::for_total(total, prefix));
        }
        let large = SeatLayout::for_total(1_000_000, prefix);
        assert_eq!(large.grown_to(10), large, "never shrinks");
    }

    #[test]
    fn a_random_uuid_is_not_a_seat_of_a_plan() {
        let other = LicenseId(Uuid::from_u128(0x1111_0000_0000_4000_8000_0002_0000_0000));
        assert_eq!(SeatPrefix::of(other), None);
        assert_eq!(SeatPrefix::from_bits(7).ordinal(other), None);
    }
}
