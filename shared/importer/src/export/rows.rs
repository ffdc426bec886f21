//! Writes rows to a file, in a thread of its own.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::fields::WrittenRow;

/// How many bytes are sent to the thread at once.
const BLOCK: usize = 256 * 1024;

/// The most blocks that wait: a slow file slows the reading down.
const BLOCKS: usize = 3;

/// Writes rows as one JSON list, one row in each line.
pub(super) struct RowWriter {
    block: Vec<u8>,
    blocks: mpsc::Sender<Vec<u8>>,
    writing: JoinHandle<io::Result<()>>,
    counts: BTreeMap<&'static str, u64>,
    written: u64,
}

impl RowWriter {
    pub(super) fn new(mut to: impl Write + Send + 'static) -> Self {
        let (blocks, mut received) = mpsc::channel::<Vec<u8>>(BLOCKS);
        let writing = tokio::task::spawn_blocking(move || {
            while let Some(block) = received.blocking_recv() {
                to.write_all(&block)?;
            }
            to.flush()
        });
        Self { block: b"[".to_vec(), blocks, writing, counts: BTreeMap::new(), written: 0 }
    }

    /// How many rows were written so far.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    pub(super) async fn write<K: Serialize, F: Serialize>(&mut self, row: &WrittenRow<K, F>) -> io::Result<()> {
        self.block.extend_from_slice(if self.written == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut self.block, row)?;
        self.written += 1;
        *self.counts.entry(row.model).or_default() += 1;
        if self.block.len() < BLOCK {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK + BLOCK / 8));
        match self.blocks.send(block).await {
            Ok(()) => Ok(()),
            // The thread has ended; its result has the reason.
            Err(_) => Err(self.end().await.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Ends the list; returns how many rows of each model it has.
    pub(super) async fn finish(mut self) -> io::Result<BTreeMap<&'static str, u64>> {
        self.block.extend_from_slice(b"\n]\n");
        // If sending fails, the thread has ended, and its result has the reason.
        let _ = self.blocks.send(std::mem::take(&mut self.block)).await;
        self.blocks = mpsc::channel(1).0;
        self.end().await?;
        Ok(self.counts)
    }

    async fn end(&mut self) -> io::Result<()> {
        (&mut self.writing).await.map_err(io::Error::other)?
    }
}
