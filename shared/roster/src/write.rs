use std::pin::Pin;

use futures::{TryStreamExt, stream::FuturesUnordered};
use license_domain::License;

use crate::{Block, BlockEntry, BlockSink, RosterError, RowKey};

/// The sizes of blocks, in rows.
pub(crate) struct Sizes {
    /// The rows of a new block.
    pub(crate) new: usize,
    /// A block with more rows is split.
    pub(crate) max: usize,
    /// A block with fewer rows is merged with the next one.
    pub(crate) min: usize,
}

/// This crate's own tests have many blocks of few rows.
pub(crate) const SIZES: Sizes =
    if cfg!(test) { Sizes { new: 16, max: 32, min: 4 } } else { Sizes { new: 4_096, max: 8_192, min: 1_024 } };

/// The most blocks that are written at the same time.
const PARALLEL: usize = 8;

type Put<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'a>>;

/// Makes blocks of rows that arrive in the list's order.
pub(crate) struct Writer<'a, K: BlockSink> {
    sink: &'a K,
    prefix: String,
    written: usize,
    entries: Vec<BlockEntry>,
    rows: Vec<License>,
    last: Option<RowKey>,
    puts: FuturesUnordered<Put<'a, K::Error>>,
}

impl<'a, K: BlockSink> Writer<'a, K> {
    pub(crate) fn new(sink: &'a K, prefix: &str) -> Self {
        Self {
            sink,
            prefix: prefix.to_owned(),
            written: 0,
            entries: Vec::new(),
            rows: Vec::new(),
            last: None,
            puts: FuturesUnordered::new(),
        }
    }

    /// How many rows are in no block yet.
    pub(crate) const fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row after all others.
    pub(crate) fn push(&mut self, row: License) -> Result<(), RosterError> {
        let key = RowKey::of(&row).ok_or(RosterError::Malformed("a free seat"))?;
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            return Err(RosterError::Malformed("the order of rows"));
        }
        self.last = Some(key);
        self.rows.push(row);
        Ok(())
    }

    /// Adds an existing block. No row may be waiting.
    pub(crate) fn keep(&mut self, entry: BlockEntry) {
        debug_assert!(self.rows.is_empty(), "rows before the block are written first");
        self.last = Some(entry.last.clone());
        self.entries.push(entry);
    }

    /// Writes a block of the first `rows` waiting rows.
    pub(crate) async fn write(&mut self, rows: usize) -> Result<(), K::Error> {
        let block = Block::encode(&self.rows[..rows]);
        self.rows.drain(..rows);
        let name = format!("{}.{:05}", self.prefix, self.written);
        self.written += 1;
        self.entries.push(block.entry(name.clone())?);
        while self.puts.len() >= PARALLEL {
            self.puts.try_next().await?;
        }
        let sink = self.sink;
        self.puts.push(Box::pin(async move { sink.put(&name, block).await }));
        Ok(())
    }

    /// Writes all waiting rows, in blocks of about the same size.
    pub(crate) async fn flush(&mut self) -> Result<(), K::Error> {
        let mut blocks = if self.rows.len() > SIZES.max { self.rows.len() / SIZES.new } else { 1 };
        while !self.rows.is_empty() {
            self.write(self.rows.len().div_ceil(blocks)).await?;
            blocks = blocks.saturating_sub(1).max(1);
        }
        Ok(())
    }

    /// Waits until all blocks are written.
    pub(crate) async fn finish(mut self) -> Result<Vec<BlockEntry>, K::Error> {
        self.flush().await?;
        while self.puts.try_next().await?.is_some() {}
        Ok(self.entries)
    }
}
