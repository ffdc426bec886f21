//! Writes files as their bytes are produced: a large one in parts, so that it is never in memory as a whole.

use crate::{ClientError, Exports};

/// The size at which a part is uploaded. S3 requires parts of at least 5 MiB, and at most 10,000 of them.
const PART_BYTES: usize = 8 << 20;

/// The outcome of writing a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The content is small and was not stored.
    Small(Vec<u8>),
    /// The file is in the bucket.
    File,
}

/// A file that is being written to the bucket. It appears there as a whole when [`FileWriter::end`] has uploaded its
/// last part. If the process ends before, the bucket's lifecycle rule deletes the parts.
pub struct FileWriter<'a> {
    exports: &'a dyn Exports,
    name: String,
    /// A file of at most so many bytes is returned instead of stored.
    small: usize,
    buffer: Vec<u8>,
    /// The upload's id, and the tags of the uploaded parts.
    upload: Option<(String, Vec<String>)>,
}

impl std::fmt::Debug for FileWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWriter").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> FileWriter<'a> {
    pub fn new(exports: &'a dyn Exports, name: String) -> Self {
        Self { exports, name, small: 0, buffer: Vec::new(), upload: None }
    }

    /// A copy that returns a file of at most so many bytes instead of storing it.
    #[must_use]
    pub fn unless_small(self, bytes: usize) -> Self {
        Self { small: bytes, ..self }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() <= self.small.max(PART_BYTES) { Ok(()) } else { self.put_part().await }
    }

    async fn put_part(&mut self) -> Result<(), ClientError> {
        let (id, tags) = match &mut self.upload {
            Some(upload) => upload,
            None => self.upload.insert((self.exports.begin_parts(&self.name).await?, Vec::new())),
        };
        let part = std::mem::take(&mut self.buffer);
        let tag = self.exports.put_part(&self.name, id, tags.len() + 1, part).await?;
        tags.push(tag);
        Ok(())
    }

    /// Ends the file, or aborts the upload if `filled` is an error.
    pub async fn end<E: From<ClientError>>(mut self, filled: Result<(), E>) -> Result<Written, E> {
        let ended = match filled {
            Ok(()) => self.finish().await.map_err(E::from),
            Err(error) => Err(error),
        };
        if let (Err(_), Some((id, _))) = (&ended, &self.upload)
            && let Err(error) = self.exports.abort_parts(&self.name, id).await
        {
            // The bucket's lifecycle rule deletes the parts a day later.
            tracing::warn!(%error, "parts of an unfinished file were not removed");
        }
        ended
    }

    async fn finish(&mut self) -> Result<Written, ClientError> {
        if self.upload.is_none() && self.buffer.len() <= self.small {
            return Ok(Written::Small(std::mem::take(&mut self.buffer)));
        }
        if self.upload.is_none() {
            self.exports.put(&self.name, std::mem::take(&mut self.buffer)).await?;
            return Ok(Written::File);
        }
        if !self.buffer.is_empty() {
            self.put_part().await?;
        }
        if let Some((id, tags)) = &self.upload {
            self.exports.end_parts(&self.name, id, tags).await?;
        }
        Ok(Written::File)
    }
}
