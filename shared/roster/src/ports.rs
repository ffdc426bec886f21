use std::{future::Future, sync::Arc};

use crate::{Block, RosterError};

/// Reads blocks. Blocks are immutable, so they may be cached by name without expiration.
pub trait BlockSource: Send + Sync {
    /// Why a block could not be read.
    type Error: From<RosterError> + Send;

    /// The block of that name.
    fn block(&self, name: &str) -> impl Future<Output = Result<Arc<Block>, Self::Error>> + Send;
}

/// Writes new blocks.
pub trait BlockSink: Send + Sync {
    /// Why a block could not be written.
    type Error: From<RosterError> + Send;

    /// Stores a block under that name, which no other block has had.
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
