//! Files that are written as they come: a large one in parts, so that it never lies in memory as a whole.

use crate::{ClientError, Exports};

/// How large a part is, at least. S3 takes 5 MiB at least, and 10,000 parts.
const PART_BYTES: usize = 8 << 20;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is as small as that: it was not put anywhere.
    Small(Vec<u8>),
    /// It lies in the bucket.
    File,
}

/// A file that is being written to the bucket. It appears there as a whole, once [`FileWriter::end`] has put its last part
/// there. Where the process ends before, the bucket's own rule removes the parts.
pub struct FileWriter<'a> {
    exports: &'a dyn Exports,
    name: String,
    /// A file that has not more bytes is handed back instead of being put into the bucket.
    small: usize,
    buffer: Vec<u8>,
    /// Its id, and the tags of the parts that were put there.
    upload: Option<(String, Vec<String>)>,
}

impl std::fmt::Debug for FileWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWriter").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> FileWriter<'a> {
    /// Begins the file of that name.
    pub fn new(exports: &'a dyn Exports, name: String) -> Self {
        Self { exports, name, small: 0, buffer: Vec::new(), upload: None }
    }

    /// The same, but a file that has not more bytes is handed back.
    #[must_use]
    pub fn unless_small(self, bytes: usize) -> Self {
        Self { small: bytes, ..self }
    }

    /// Takes the next bytes.
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

    /// Ends the file, or gives it up where it could not be filled.
    pub async fn end<E: From<ClientError>>(mut self, filled: Result<(), E>) -> Result<Written, E> {
        let ended = match filled {
            Ok(()) => self.finish().await.map_err(E::from),
            Err(error) => Err(error),
        };
        if let (Err(_), Some((id, _))) = (&ended, &self.upload)
            && let Err(error) = self.exports.abort_parts(&self.name, id).await
        {
            // The bucket's rule removes the parts a day later.
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
