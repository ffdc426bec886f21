use std::{future::Future, sync::Arc};

use crate::{Block, RosterError};

/// Where blocks are read from. Blocks are immutable: a source may cache them by name for good.
pub trait BlockSource: Send + Sync {
    /// Why a block could not be had.
    type Error: From<RosterError> + Send;

    /// The block of that name.
    fn block(&self, name: &str) -> impl Future<Output = Result<Arc<Block>, Self::Error>> + Send;
}

/// Where new blocks are written to.
pub trait BlockSink: Send + Sync {
    /// Why a block could not be written.
    type Error: From<RosterError> + Send;

    /// Keeps the block under that name, which no other block has had.
    fn put(&self, name: &str, block: Block) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl<S: BlockSource> BlockSource for &S {
    type Error = S::Error;

    fn block(&self, name: &str) -> impl Future<Output = Result<Arc<Block>, Self::Error>> + Send {
        (**self).block(name)
    }
}

impl<S: BlockSink> BlockSink for &S {
    type Error = S::Error;

    fn put(&self, name: &str, block: Block) -> impl Future<Output = Result<(), Self::Error>> + Send {
        (**self).put(name, block)
    }
}
