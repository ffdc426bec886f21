//! Writing blocks: those of a new roster, and those that changes touched.

use std::marker::PhantomData;

use license_domain::{License, PlanId, Timestamp};

use crate::{BlockSink, BlockSource, Delta, Manifest};

/// Builds a roster of rows that come in the list's order. It holds few rows at a time.
pub struct Builder<K> {
    sink: PhantomData<K>,
}

impl<K: BlockSink> Builder<K> {
    /// A roster that will be complete up to that moment. All names of blocks begin with `prefix`, which no other attempt uses.
    pub fn new(_sink: K, _plan: PlanId, _complete_to: Timestamp, _prefix: &str) -> Self {
        todo!()
    }

    /// Adds a row behind all others.
    pub async fn push(&mut self, _row: License) -> Result<(), K::Error> {
        todo!()
    }

    /// Writes what is left.
    pub async fn finish(self) -> Result<Manifest, K::Error> {
        todo!()
    }
}

/// What a compaction made.
#[derive(Clone, Debug)]
pub struct Compacted {
    /// The new manifest.
    pub manifest: Manifest,
    /// The names of the old manifest's blocks that the new one does not use.
    pub replaced: Vec<String>,
}

/// Applies the changes of `[manifest.complete_to, complete_to)`, all of them and no others, to the blocks. Blocks without a
/// change stay as they are.
pub async fn compact<S, K, E>(
    _manifest: &Manifest,
    _delta: &Delta,
    _complete_to: Timestamp,
    _source: &S,
    _sink: &K,
    _prefix: &str,
) -> Result<Compacted, E>
where
    S: BlockSource<Error = E>,
    K: BlockSink<Error = E>,
{
    todo!()
}

/// Corrects a manifest whose blocks were copied from the index while changes went on: `delta` has every change since
/// `manifest.complete_to`, read so long after the copy ended that the log shows all that the copy may have seen.
/// The result holds the rows as they were at that moment.
pub async fn correct<S, K, E>(
    _manifest: &Manifest,
    _delta: &Delta,
    _source: &S,
    _sink: &K,
    _prefix: &str,
) -> Result<Compacted, E>
where
    S: BlockSource<Error = E>,
    K: BlockSink<Error = E>,
{
    todo!()
}
