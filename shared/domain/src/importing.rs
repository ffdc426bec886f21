//! Importing licenses of another system: which license gets the learner's slot in a plan, where the others are stored,
//! and how the seats of an imported plan are laid out. The same rows give the same result at every import.

use std::{
    cmp::Reverse,
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU64,
};

use crate::{License, LicenseId, LicenseSource, LicenseStatus, PlanId, SeatLayout, SeatPrefix, Timestamp};

/// Where an imported license is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In a bucket of its plan, as a returned seat.
    FreeSeat,
    /// In its learner's slot in the plan. A revoked license without a person is stored as an item of its own.
    Slot,
    /// In the archive, because another license of the learner has the slot.
    Archive,
}

/// A license with its placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedLicense {
    pub license: License,
    pub placement: Placement,
}

/// The digest of a learner and a plan. It is two numbers, because a million addresses would take too much memory.
type Holder = (u64, Option<NonZeroU64>);

/// The precedence of a license: activated before assigned before revoked; then the newest; then the lower id, so that
/// the order of rows does not matter.
type Rank = (u8, Option<Timestamp>, Reverse<LicenseId>);

#[derive(Clone, Copy, Debug)]
struct Winner {
    is_live: bool,
    rank: Rank,
}

impl Winner {
    const fn license(&self) -> LicenseId {
        let (_, _, Reverse(license)) = self.rank;
        license
    }
}

/// Decides for all licenses with a learner which one gets the learner's slot.
///
/// Another system may have given a learner two live licenses of a plan. One stays live: the activated one, else the one
/// that was assigned last, else the one with the lower id. The others become free seats; revoked ones are archived.
#[derive(Debug, Default)]
pub struct Holders {
    winners: HashMap<Holder, Winner>,
    losers: Vec<(LicenseId, Holder)>,
    sources: HashMap<LicenseId, LicenseSource>,
}

impl Holders {
    /// Records a license.
    pub fn add(&mut self, license: &License) {
        if license.status == LicenseStatus::Unassigned {
            return;
        }
        let Some(holder) = holder(license) else { return };
        let next = Winner { is_live: license.status.is_live(), rank: rank(license) };
        match self.winners.get_mut(&holder) {
            None => drop(self.winners.insert(holder, next)),
            Some(winner) => {
                let loser = if next.rank > winner.rank { std::mem::replace(winner, next) } else { next };
                if loser.is_live {
                    self.losers.push((loser.license(), holder));
                }
            }
        }
    }

    /// Records the sale that a license comes from.
    pub fn add_source(&mut self, license: LicenseId, source: LicenseSource) {
        self.sources.insert(license, source);
    }

    /// Live licenses that become free seats, each with the license that stays.
    pub fn losers(&self) -> impl Iterator<Item = (LicenseId, LicenseId)> {
        self.losers.iter().filter_map(|(loser, holder)| Some((*loser, self.winners.get(holder)?.license())))
    }

    /// The license as it is stored, and its placement. All licenses must have been added before.
    pub fn place(&self, license: License) -> PlacedLicense {
        if license.status == LicenseStatus::Unassigned {
            return free_seat(&license);
        }
        let winner = holder(&license).and_then(|holder| self.winners.get(&holder));
        let has_slot = winner.is_none_or(|winner| winner.license() == license.uuid);
        if !has_slot && license.status.is_live() {
            return free_seat(&license);
        }
        let source = self.sources.get(&license.uuid).cloned();
        let placement = if has_slot { Placement::Slot } else { Placement::Archive };
        PlacedLicense { license: License { source, ..license }, placement }
    }
}

fn free_seat(license: &License) -> PlacedLicense {
    let unassigned = License::unassigned(license.uuid, license.subscription_plan, license.created);
    let license = License { modified: license.modified, ..unassigned };
    PlacedLicense { license, placement: Placement::FreeSeat }
}

fn holder(license: &License) -> Option<Holder> {
    let email = license.user_email.as_ref()?.key();
    let digest = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, license.subscription_plan, email.as_str()).hash(&mut hasher);
        hasher.finish()
    };
    // The second digest may be 0, and is then None; None is compared like any value.
    Some((digest(0), NonZeroU64::new(digest(1))))
}

fn rank(license: &License) -> Rank {
    let id = Reverse(license.uuid);
    match license.status {
        LicenseStatus::Activated => (2, license.assigned_date, id),
        LicenseStatus::Assigned => (1, license.assigned_date, id),
        LicenseStatus::Revoked | LicenseStatus::Unassigned => (0, license.revoked_date, id),
    }
}

/// The bucket that counts an imported license, and stores it if it is a free seat.
pub fn bucket_of(license: LicenseId, layout: &SeatLayout) -> u16 {
    let (_, low) = license.0.as_u64_pair();
    let bucket = low % u64::from(layout.buckets.max(1));
    u16::try_from(bucket).expect("a remainder is smaller than the 16-bit number of buckets")
}

/// The layout of an imported plan with so many seats. Its prefix derives from the plan's id; `take` returns whether the
/// prefix was still free.
pub fn layout(plan: PlanId, total: u64, mut take: impl FnMut(SeatPrefix) -> bool) -> SeatLayout {
    let mut bits = mixed(plan.0.as_u64_pair());
    while !take(SeatPrefix::from_bits(bits)) {
        bits = bits.wrapping_add(1);
    }
    SeatLayout::for_total(total, SeatPrefix::from_bits(bits))
}

/// Mixes bits so that two plans almost certainly differ (the finalizer of `SplitMix64`).
fn mixed((high, low): (u64, u64)) -> u64 {
    let mut bits = high ^ low.rotate_left(32);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::EmailAddress;

    const PLAN: PlanId = PlanId(Uuid::from_u128(0xb));

    fn at(day: u32) -> Timestamp {
        format!("2026-02-{day:02}T00:00:00Z").parse().expect("a moment")
    }

    fn license(n: u128, status: LicenseStatus, email: Option<&str>, day: u32) -> License {
        License {
            status,
            user_email: email.map(|email| EmailAddress::on_record(email.to_owned())),
            assigned_date: status.is_live().then(|| at(day)),
            revoked_date: (status == LicenseStatus::Revoked).then(|| at(day)),
            ..License::unassigned(LicenseId(Uuid::from_u128(n)), PLAN, at(1))
        }
    }

    fn placements<const N: usize>(licenses: [License; N]) -> [Placement; N] {
        let mut holders = Holders::default();
        for license in &licenses {
            holders.add(license);
        }
        licenses.map(|license| holders.place(license).placement)
    }

    #[test]
    fn the_activated_license_stays_then_the_newest_then_the_one_with_the_lower_id() {
        use LicenseStatus::{Activated, Assigned};
        use Placement::{FreeSeat, Slot};
        let ann = Some("ann@example.com");
        let activated = [license(1, Assigned, ann, 9), license(2, Activated, Some("ANN@example.com"), 2)];
        assert_eq!(placements(activated), [FreeSeat, Slot]);
        assert_eq!(placements([license(1, Assigned, ann, 3), license(2, Assigned, ann, 4)]), [FreeSeat, Slot]);
        assert_eq!(placements([license(1, Assigned, ann, 4), license(2, Assigned, ann, 4)]), [Slot, FreeSeat]);
        assert_eq!(placements([license(2, Assigned, ann, 4), license(1, Assigned, ann, 4)]), [FreeSeat, Slot]);
    }

    #[test]
    fn revoked_licenses_are_archived_beside_the_slot_and_none_is_lost() {
        use LicenseStatus::{Assigned, Revoked, Unassigned};
        use Placement::{Archive, FreeSeat, Slot};
        let ann = Some("ann@example.com");
        let licenses = [license(1, Revoked, ann, 9), license(2, Assigned, ann, 2), license(3, Revoked, ann, 1)];
        assert_eq!(placements(licenses), [Archive, Slot, Archive]);
        assert_eq!(placements([license(1, Revoked, ann, 3), license(2, Revoked, ann, 5)]), [Archive, Slot]);
        // A license without a person has no slot.
        assert_eq!(placements([license(1, Revoked, None, 3), license(2, Revoked, None, 3)]), [Slot, Slot]);
        assert_eq!(placements([license(1, Unassigned, ann, 3)]), [FreeSeat]);
    }

    #[test]
    fn a_free_seat_names_no_person_and_losers_are_named_with_the_license_that_stays() {
        let ann = Some("ann@example.com");
        let (first, second) =
            (license(1, LicenseStatus::Assigned, ann, 3), license(2, LicenseStatus::Assigned, ann, 4));
        let mut holders = Holders::default();
        holders.add(&first);
        holders.add(&second);
        holders.add_source(second.uuid, LicenseSource { source_id: "a".to_owned(), source_type: "b".to_owned() });
        assert_eq!(holders.losers().collect::<Vec<_>>(), [(first.uuid, second.uuid)]);
        let freed = holders.place(first).license;
        assert_eq!((freed.status, freed.user_email, freed.source), (LicenseStatus::Unassigned, None, None));
        assert!(holders.place(second).license.source.is_some());
    }

    #[test]
    fn prefixes_are_the_same_at_every_import_and_never_taken_twice() {
        let first = layout(PLAN, 10, |_| true);
        assert_eq!(layout(PLAN, 10, |_| true), first);
        assert_ne!(layout(PLAN, 10, |prefix| prefix != first.prefix).prefix, first.prefix);
        let buckets = SeatLayout { buckets: 4, ..first };
        let of = |n: u128| bucket_of(LicenseId(Uuid::from_u128(n)), &buckets);
        assert_eq!([of(0), of(5), of(7)], [0, 1, 3]);
    }
}
