//! Writes blocks: those of a new roster, and those that changes touched.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use license_domain::{License, PlanId, Timestamp};

use crate::{
    Block, BlockSink, BlockSource, Delta, Manifest, RosterError, RowKey,
    delta::Op,
    segment::{Segment, Step, changed, segments},
    write::{SIZES, Writer},
};

/// The most blocks that are read at the same time.
const PARALLEL: usize = 8;

/// Builds a roster from rows in the list's order. It holds few rows at a time.
pub struct Builder<'a, K: BlockSink> {
    plan: PlanId,
    complete_to: Timestamp,
    writer: Writer<'a, K>,
}

impl<'a, K: BlockSink> Builder<'a, K> {
    /// Begins a roster that will be complete up to that time. All names of blocks begin with `prefix`, which no other
    /// attempt uses.
    pub fn new(sink: &'a K, plan: PlanId, complete_to: Timestamp, prefix: &str) -> Self {
        Self { plan, complete_to, writer: Writer::new(sink, prefix) }
    }

    /// Adds a row after all others.
    pub async fn push(&mut self, row: License) -> Result<(), K::Error> {
        self.writer.push(row)?;
        // The last block gets at least the smallest size of a block.
        if self.writer.waiting() >= SIZES.new + SIZES.min { self.writer.write(SIZES.new).await } else { Ok(()) }
    }

    /// Writes the remaining rows.
    pub async fn finish(self) -> Result<Manifest, K::Error> {
        Ok(Manifest::new(self.plan, self.complete_to, self.writer.finish().await?))
    }
}

/// The result of a compaction.
#[derive(Clone, Debug)]
pub struct Compacted {
    /// The new manifest.
    pub manifest: Manifest,
    /// The blocks of the old manifest that the new one does not use.
    pub replaced: Vec<String>,
}

/// Applies exactly the changes of `[manifest.complete_to, complete_to)` to the blocks. Blocks without a change stay as
/// they are.
pub async fn compact<S, K>(
    manifest: &Manifest,
    delta: &Delta,
    complete_to: Timestamp,
    source: &S,
    sink: &K,
    prefix: &str,
) -> Result<Compacted, S::Error>
where
    S: BlockSource,
    K: BlockSink<Error = S::Error>,
{
    rewrite(manifest, &delta.ops()?, complete_to, source, Writer::new(sink, prefix)).await
}

/// Corrects a manifest whose blocks were copied from the index while changes were made. `delta` has every change since
/// `manifest.complete_to`, and was read so long after the copy ended that the log shows all changes that the copy may
/// have seen. The result holds the rows as they were at `manifest.complete_to`.
pub async fn correct<S, K>(
    manifest: &Manifest,
    delta: &Delta,
    source: &S,
    sink: &K,
    prefix: &str,
) -> Result<Compacted, S::Error>
where
    S: BlockSource,
    K: BlockSink<Error = S::Error>,
{
    let ops = delta.corrections(manifest.plan)?;
    rewrite(manifest, &ops, manifest.complete_to, source, Writer::new(sink, prefix)).await
}

/// Rewrites the blocks that changes touch. A block that has become small is merged with the next one.
async fn rewrite<S, K>(
    manifest: &Manifest,
    ops: &[(RowKey, Op)],
    complete_to: Timestamp,
    source: &S,
    mut writer: Writer<'_, K>,
) -> Result<Compacted, S::Error>
where
    S: BlockSource,
    K: BlockSink<Error = S::Error>,
{
    let segments = segments(manifest, ops)?;
    let touched: Vec<_> = segments
        .iter()
        .filter(|segment| !segment.ops.is_empty())
        .map(|segment| load(manifest, segment, source))
        .collect();
    let mut touched = stream::iter(touched).buffered(PARALLEL);

    for (number, segment) in segments.iter().enumerate() {
        let entry = segment.block.map(|block| &manifest.blocks[block]);
        let steps;
        let block;
        if segment.ops.is_empty() {
            let Some(entry) = entry else { continue };
            let rows = license_domain::number::to_usize(entry.rows.total());
            let is_small = rows < SIZES.min && (writer.waiting() > 0 || number + 1 < segments.len());
            let takes_others = (1..SIZES.min).contains(&writer.waiting()) && writer.waiting() + rows <= SIZES.max;
            if !is_small && !takes_others {
                writer.flush().await?;
                writer.keep(entry.clone());
                continue;
            }
            block = load(manifest, segment, source).await?;
            steps = vec![Step::Block(0..rows)];
        } else {
            block = touched.try_next().await?.flatten();
            steps = segment.steps(block.as_deref(), ops)?;
            if let (Some(entry), [Step::Block(rows)], Some(block)) = (entry, steps.as_slice(), &block)
                && rows.len() == block.len()
                && !(1..SIZES.min).contains(&writer.waiting())
            {
                // The changes cancel each other.
                writer.flush().await?;
                writer.keep(entry.clone());
                continue;
            }
        }
        let decoded = block.as_deref().map(Block::rows).transpose()?;
        for step in steps {
            match (step, &decoded) {
                (Step::Block(rows), Some(decoded)) => {
                    for row in rows {
                        writer.push(decoded.get(row)?)?;
                    }
                }
                (Step::Block(_), None) => {}
                (Step::Changed(n), _) => writer.push(changed(&ops[n].1).ok_or(RosterError::Inconsistent)?.clone())?,
            }
        }
        if writer.waiting() >= SIZES.min {
            writer.flush().await?;
        }
    }
    let manifest_new = Manifest::new(manifest.plan, complete_to, writer.finish().await?);
    let replaced = manifest.not_in(&manifest_new).into_iter().map(str::to_owned).collect();
    Ok(Compacted { manifest: manifest_new, replaced })
}

async fn load<S: BlockSource>(
    manifest: &Manifest,
    segment: &Segment,
    source: &S,
) -> Result<Option<Arc<Block>>, S::Error> {
    match segment.block {
        Some(block) => Ok(Some(source.block(&manifest.blocks[block].name).await?)),
        None => Ok(None),
    }
}
