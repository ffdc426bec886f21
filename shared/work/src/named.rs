//! Learners who were named before, among a million.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use license_domain::EmailKey;

/// Which learners were named. Kept are two hashes under random keys, 128 bits, and not the address: a million learners take
/// at most 54 MB, however long their addresses are, and that two of them are taken for one does not happen.
#[derive(Debug, Default)]
pub(crate) struct Named {
    hashers: [RandomState; 2],
    hashes: HashSet<[u64; 2]>,
}

impl Named {
    /// Remembers the learner; whether it is the first time.
    pub(crate) fn insert(&mut self, learner: &EmailKey) -> bool {
        self.hashes.insert(self.hashers.each_ref().map(|hasher| hasher.hash_one(learner)))
    }
}
