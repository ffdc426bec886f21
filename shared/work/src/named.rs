//! A set for a million learners, to find those who occur again.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use license_domain::EmailKey;

/// The learners who occurred so far. It stores two hashes under random keys, 128 bits, and not the address: a million
/// learners take at most 54 MB, however long their addresses are, and a collision is practically impossible.
#[derive(Debug, Default)]
pub(crate) struct Named {
    hashers: [RandomState; 2],
    hashes: HashSet<[u64; 2]>,
}

impl Named {
    /// Adds the learner; returns whether they are new.
    pub(crate) fn insert(&mut self, learner: &EmailKey) -> bool {
        self.hashes.insert(self.hashers.each_ref().map(|hasher| hasher.hash_one(learner)))
    }
}
