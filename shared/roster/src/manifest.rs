use std::collections::HashSet;

use license_domain::{PlanId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Counts, FreeSeats, RosterError, RowKey};

const SCHEMA: u32 = 1;

/// The blocks of a roster, in order, and the time up to which they are complete. It is an immutable object of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    schema: u32,
    pub plan: PlanId,
    /// The blocks hold the sum of exactly the changes before this time.
    pub complete_to: Timestamp,
    pub blocks: Vec<BlockEntry>,
    /// The imported free seats at that time, if they are many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<FreeSeats>,
}

/// The entry of a block in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockEntry {
    /// The name of the block's object, below the roster's prefix.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many rows it has of each status.
    pub rows: Counts,
    /// How many of these name no learner.
    pub without_learner: Counts,
    /// The key of its first row.
    pub first: RowKey,
    /// The key of its last row.
    pub last: RowKey,
}

impl Manifest {
    pub const fn new(plan: PlanId, complete_to: Timestamp, blocks: Vec<BlockEntry>) -> Self {
        Self { schema: SCHEMA, plan, complete_to, blocks, free: None }
    }

    /// How many rows the blocks have, by status.
    pub fn counts(&self) -> Counts {
        self.blocks.iter().map(|block| block.rows).sum()
    }

    /// The content of an object with this manifest.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists of them are JSON")
    }

    /// Reads a manifest from the content of an object.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RosterError> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| RosterError::Malformed("manifest"))?;
        let is_sorted = manifest.blocks.iter().all(|block| block.first <= block.last && block.rows.total() > 0)
            && manifest.blocks.windows(2).all(|pair| pair[0].last < pair[1].first);
        match (manifest.schema, is_sorted) {
            (SCHEMA, true) => Ok(manifest),
            (SCHEMA, false) => Err(RosterError::Malformed("order of blocks")),
            _ => Err(RosterError::Malformed("schema of a manifest")),
        }
    }

    /// The names of this manifest's blocks that the other one does not have.
    pub fn not_in<'a>(&'a self, other: &Self) -> Vec<&'a str> {
        let kept: HashSet<&str> = other.blocks.iter().map(|block| block.name.as_str()).collect();
        self.blocks.iter().map(|block| block.name.as_str()).filter(|name| !kept.contains(name)).collect()
    }
}
