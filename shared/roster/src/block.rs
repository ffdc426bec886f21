use license_domain::License;

use crate::{BlockEntry, RosterError};

/// Rows of a roster, compressed by columns. A column is decompressed when it is needed.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Vec<u8>,
}

impl Block {
    /// Encodes rows, which are in the list's order.
    pub fn encode(_rows: &[License]) -> Self {
        todo!()
    }

    /// The block in that object.
    pub fn from_bytes(_bytes: Vec<u8>) -> Result<Self, RosterError> {
        todo!()
    }

    /// The block as the content of an object.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All rows, in order.
    pub fn rows(&self) -> Result<Vec<License>, RosterError> {
        todo!()
    }

    /// What a manifest says of it.
    pub fn entry(&self, _name: String) -> Result<BlockEntry, RosterError> {
        todo!()
    }
}
