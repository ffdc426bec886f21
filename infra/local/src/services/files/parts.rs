//! Files that are uploaded in parts.

use std::collections::{BTreeMap, HashMap};

use axum::body::Bytes;

use super::tag_of;

/// S3 accepts no smaller part, except the last one.
const MIN_PART_BYTES: usize = 5 << 20;

/// An open upload.
#[derive(Debug, Default)]
struct Upload {
    file: String,
    parts: BTreeMap<usize, Bytes>,
}

/// Open uploads, by their ids.
#[derive(Debug, Default)]
pub(super) struct Uploads(HashMap<String, Upload>);

impl Uploads {
    /// Begins an upload of that file.
    pub fn begin(&mut self, id: &str, file: String) {
        self.0.insert(id.to_owned(), Upload { file, parts: BTreeMap::new() });
    }

    /// Stores a part; false if there is no such upload.
    pub fn put(&mut self, id: &str, file: &str, number: usize, part: Bytes) -> bool {
        let upload = self.0.get_mut(id).filter(|upload| upload.file == file);
        upload.map(|upload| upload.parts.insert(number, part)).is_some()
    }

    /// The file that consists of the parts with these numbers and tags, or S3's error code.
    pub fn end(&mut self, id: &str, file: &str, named: &[(usize, String)]) -> Result<Bytes, &'static str> {
        let upload = self.0.get(id).filter(|upload| upload.file == file).ok_or("NoSuchUpload")?;
        if named.is_empty() {
            return Err("MalformedXML");
        }
        if !named.is_sorted_by(|a, b| a.0 < b.0) {
            return Err("InvalidPartOrder");
        }
        let mut whole = Vec::new();
        for (at, (number, tag)) in named.iter().enumerate() {
            let part = upload.parts.get(number).filter(|part| tag_of(part) == *tag).ok_or("InvalidPart")?;
            if part.len() < MIN_PART_BYTES && at + 1 < named.len() {
                return Err("EntityTooSmall");
            }
            whole.extend_from_slice(part);
        }
        self.0.remove(id);
        Ok(whole.into())
    }

    /// Deletes an upload; false if there is none.
    pub fn abort(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.0.len()
    }
}
