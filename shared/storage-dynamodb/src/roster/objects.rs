//! The objects of rosters, and the process's cache of them.

use std::sync::Arc;

use license_domain::{PlanId, Timestamp};
use license_roster::{Block, BlockSink, BlockSource, Manifest};
use license_storage::{Objects, StoreError};
use quick_cache::{Weighter, sync::Cache};

use crate::{Store, roster::RosterFault};

/// The most bytes of blocks in the cache, in compressed form.
const MAX_BYTES: u64 = 32 << 20;

/// The approximate number of blocks in the cache.
const BLOCKS: usize = 512;

/// The number of manifests in the cache.
const MANIFESTS: usize = 64;

/// The cache of rosters' objects, which never change.
pub struct RosterCache {
    /// The plans whose roster this process has read, and up to when it was complete then.
    pub(super) complete_to: license_cache::Cache<PlanId, Timestamp>,
    blocks: Cache<String, Arc<Block>, Bytes>,
    manifests: Cache<String, Arc<Manifest>>,
}

impl RosterCache {
    /// Whether this process has read the plan's roster.
    pub(crate) fn is_known(&self, plan: PlanId) -> bool {
        self.complete_to.get(&plan).is_some()
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<Block>> for Bytes {
    fn weight(&self, name: &String, block: &Arc<Block>) -> u64 {
        license_domain::number::to_u64(name.len() + block.as_bytes().len())
    }
}

impl Default for RosterCache {
    fn default() -> Self {
        let complete_to = license_cache::Cache::default();
        Self { complete_to, blocks: Cache::with_weighter(BLOCKS, MAX_BYTES, Bytes), manifests: Cache::new(MANIFESTS) }
    }
}

// `Debug` shows no blocks, because they contain personal data.
impl std::fmt::Debug for RosterCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RosterCache")
    }
}

/// The prefix of the names of all objects of a plan's roster.
pub(super) fn prefix(plan: PlanId) -> String {
    format!("rosters/{plan}/")
}

/// The objects of one plan's roster.
pub(crate) struct Blocks<'a> {
    store: &'a Store,
    objects: &'a dyn Objects,
    prefix: String,
}

impl<'a> Blocks<'a> {
    /// The objects of that plan; `None` for a store without rosters.
    pub(super) fn of(store: &'a Store, plan: PlanId) -> Option<Self> {
        let objects = store.objects.as_deref()?;
        Some(Self { store, objects, prefix: prefix(plan) })
    }

    pub(super) async fn manifest(&self, name: &str) -> Result<Arc<Manifest>, RosterFault> {
        let name = format!("{}{name}", self.prefix);
        if let Some(manifest) = self.store.cached.rosters.manifests.get(&name) {
            return Ok(manifest);
        }
        let bytes = self.objects.get(&name).await?.ok_or_else(|| RosterFault::Missing(name.clone()))?;
        let manifest = Arc::new(Manifest::from_bytes(&bytes)?);
        self.store.cached.rosters.manifests.insert(name, manifest.clone());
        Ok(manifest)
    }

    pub(super) async fn put_manifest(&self, name: &str, manifest: &Manifest) -> Result<(), StoreError> {
        self.objects.put(&format!("{}{name}", self.prefix), manifest.to_bytes()).await
    }

    /// The names of all objects, below the prefix.
    pub(super) async fn names(&self) -> Result<Vec<String>, StoreError> {
        let names = self.objects.list(&self.prefix).await?;
        Ok(names.iter().filter_map(|name| name.strip_prefix(&self.prefix)).map(str::to_owned).collect())
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let name = format!("{}{name}", self.prefix);
        self.store.cached.rosters.blocks.remove(&name);
        self.objects.delete(&name).await
    }
}

impl BlockSource for Blocks<'_> {
    type Error = RosterFault;

    async fn block(&self, name: &str) -> Result<Arc<Block>, RosterFault> {
        let name = format!("{}{name}", self.prefix);
        if let Some(block) = self.store.cached.rosters.blocks.get(&name) {
            return Ok(block);
        }
        let bytes = self.objects.get(&name).await?.ok_or_else(|| RosterFault::Missing(name.clone()))?;
        let block = Arc::new(Block::from_bytes(bytes)?);
        self.store.cached.rosters.blocks.insert(name, block.clone());
        Ok(block)
    }
}

impl BlockSink for Blocks<'_> {
    type Error = RosterFault;

    async fn put(&self, name: &str, block: Block) -> Result<(), RosterFault> {
        let name = format!("{}{name}", self.prefix);
        Ok(self.objects.put(&name, block.as_bytes().to_vec()).await?)
    }
}
