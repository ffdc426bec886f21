//! When the sweeper examines runs. A run without progress is postponed, so that it does not block the runs behind it.

use std::collections::{BTreeMap, VecDeque};

use chrono::TimeDelta;

use crate::{
    clock::Timestamp,
    ids::{AgreementId, JobId},
};

/// A run that is due to be examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub run: JobId,
    /// The agreement whose run it is.
    pub agreement: AgreementId,
    /// When it became due.
    pub at: Timestamp,
    /// How often it was postponed since its last progress.
    pub attempts: u32,
}

/// The waits before the sweeper examines a run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// The first wait; it doubles with each attempt.
    pub first: TimeDelta,
    pub longest: TimeDelta,
}

impl Waits {
    /// An internal run: for the first minute only its request works on it, since the API's functions time out after
    /// half of it.
    pub const INTERNAL: Self = Self { first: TimeDelta::seconds(60), longest: TimeDelta::seconds(3_600) };
    /// A job. Its lanes continue by their own messages unless something interrupted them.
    pub const JOB: Self = Self { first: TimeDelta::seconds(300), longest: TimeDelta::seconds(3_600) };
    /// A job with rows that wait for seats.
    pub const SEATS: Self = Self { first: TimeDelta::seconds(60), longest: TimeDelta::seconds(300) };

    /// The wait after that many attempts.
    pub fn after(self, attempts: u32) -> TimeDelta {
        let doubled = 2_i32.checked_pow(attempts).and_then(|factor| self.first.checked_mul(factor));
        doubled.map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// Reorders the runs so that each agreement has its turn: the oldest run of each, then the second oldest of each.
pub fn in_turns(due: Vec<Due>) -> Vec<Due> {
    let count = due.len();
    let mut turns: Vec<VecDeque<Due>> = Vec::new();
    let mut places: BTreeMap<AgreementId, usize> = BTreeMap::new();
    for one in due {
        let place = *places.entry(one.agreement).or_insert_with(|| {
            turns.push(VecDeque::new());
            turns.len() - 1
        });
        turns[place].push_back(one);
    }
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        ordered.extend(turns.iter_mut().filter_map(VecDeque::pop_front));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound() {
        let minutes = |waits: Waits| [0, 1, 2, 5, 40].map(|attempts| waits.after(attempts).num_minutes());
        assert_eq!(minutes(Waits::INTERNAL), [1, 2, 4, 32, 60]);
        assert_eq!(minutes(Waits::SEATS), [1, 2, 4, 5, 5]);
    }

    #[test]
    fn each_agreement_has_its_turn() {
        let due = |n: u128, agreement: u128| Due {
            run: JobId(Uuid::from_u128(n)),
            agreement: AgreementId(Uuid::from_u128(agreement)),
            at: Timestamp::UNIX_EPOCH,
            attempts: 0,
        };
        let ordered = in_turns(vec![due(1, 7), due(2, 7), due(3, 7), due(4, 5), due(5, 6), due(6, 5)]);
        let ids = |due: &Due| due.run.0.as_u128();
        assert_eq!(ordered.iter().map(ids).collect::<Vec<_>>(), [1, 4, 5, 2, 6, 3]);
    }
}
