//! A block of rows, stored as one immutable object.
//!
//! ```text
//! "LROS"  version  CRC-32 of what follows  plan  rows of each status  column lengths (raw, stored)  columns
//! ```
//!
//! Each column is compressed by itself, so that a search decompresses addresses only.

use std::borrow::Cow;

use license_domain::{LicenseStatus, PlanId, number::to_u64};

use crate::{
    BlockEntry, Counts, RosterError,
    columns::{Reader, write_length, write_number},
    counts::STATUSES,
    decode::Rows,
};

const MAGIC: [u8; 4] = *b"LROS";
const VERSION: u8 = 1;
const CHECKED_FROM: usize = MAGIC.len() + 1 + size_of::<u32>();

/// The most rows of a block, and the most bytes of a column. A larger number means that the object is damaged.
const MAX_ROWS: u64 = 1 << 16;
const MAX_COLUMN: usize = 1 << 26;

/// The columns, in the order in which they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Addresses,
    Spellings,
    Ids,
    ActivationKeys,
    LmsUsers,
    RenewedTo,
    AutoApplied,
    Sources,
    Assigned,
    Activated,
    Reminded,
    Revoked,
    Created,
    Modified,
}

const ALL: [Column; COLUMNS] = [
    Column::Addresses,
    Column::Spellings,
    Column::Ids,
    Column::ActivationKeys,
    Column::LmsUsers,
    Column::RenewedTo,
    Column::AutoApplied,
    Column::Sources,
    Column::Assigned,
    Column::Activated,
    Column::Reminded,
    Column::Revoked,
    Column::Created,
    Column::Modified,
];

pub(crate) const COLUMNS: usize = 14;

/// The dates, in the order in which a date may be encoded as equal to an earlier one.
pub(crate) const DATES: [Column; 6] =
    [Column::Assigned, Column::Activated, Column::Reminded, Column::Revoked, Column::Created, Column::Modified];

/// Rows of a roster, compressed by columns. A column is decompressed when it is needed.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: Vec<u8>,
    plan: PlanId,
    rows: Counts,
    columns: [Stored; COLUMNS],
}

/// The position of a column, and its length after decompression.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    from: usize,
    length: usize,
    raw: usize,
}

impl Block {
    pub(crate) fn of_columns(plan: PlanId, rows: Counts, columns: [Vec<u8>; COLUMNS]) -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.resize(CHECKED_FROM, 0);
        bytes.extend_from_slice(plan.0.as_bytes());
        for status in STATUSES {
            write_number(&mut bytes, rows.of(status));
        }
        let columns = columns.map(|raw| {
            let compressed = lz4_flex::block::compress(&raw);
            // A column that compression does not make smaller is stored uncompressed.
            (raw.len(), if compressed.len() < raw.len() { compressed } else { raw })
        });
        for (raw, stored) in &columns {
            write_length(&mut bytes, *raw);
            write_length(&mut bytes, stored.len());
        }
        let mut from = bytes.len();
        for (_, stored) in &columns {
            bytes.extend_from_slice(stored);
        }
        let columns = columns.map(|(raw, stored)| {
            let column = Stored { from, length: stored.len(), raw };
            from += stored.len();
            column
        });
        let checksum = crc32fast::hash(&bytes[CHECKED_FROM..]);
        bytes[CHECKED_FROM - size_of::<u32>()..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
        Self { bytes, plan, rows, columns }
    }

    /// Reads a block from the content of an object.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, RosterError> {
        let mut reader = Reader(&bytes);
        if reader.array()? != MAGIC || reader.byte()? != VERSION {
            return Err(RosterError::Malformed("the version of a block"));
        }
        if u32::from_le_bytes(reader.array()?) != crc32fast::hash(reader.0) {
            return Err(RosterError::Malformed("the checksum of a block"));
        }
        let plan = PlanId(uuid::Uuid::from_bytes(reader.array()?));
        let mut rows = Counts::default();
        for status in STATUSES {
            rows.add(status, reader.number()?.min(MAX_ROWS + 1));
        }
        let mut columns = [Stored::default(); COLUMNS];
        for column in &mut columns {
            (column.raw, column.length) = (reader.length()?, reader.length()?);
        }
        let mut from = bytes.len() - reader.0.len();
        for column in &mut columns {
            column.from = from;
            from = from.checked_add(column.length).ok_or(RosterError::Malformed("the length of a column"))?;
        }
        let is_bounded = columns.iter().all(|column| column.raw <= MAX_COLUMN) && rows.total() <= MAX_ROWS;
        if from != bytes.len() || !is_bounded {
            return Err(RosterError::Malformed("the length of a block"));
        }
        Ok(Self { bytes, plan, rows, columns })
    }

    /// The content of an object with this block.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The plan that its licenses belong to.
    pub const fn plan(&self) -> PlanId {
        self.plan
    }

    /// How many rows it has of each status.
    pub const fn counts(&self) -> Counts {
        self.rows
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        license_domain::number::to_usize(self.rows.total())
    }

    /// The status of that row.
    pub(crate) fn status(&self, row: usize) -> LicenseStatus {
        let row = to_u64(row);
        if row < self.rows.activated {
            LicenseStatus::Activated
        } else if row < self.rows.activated + self.rows.assigned {
            LicenseStatus::Assigned
        } else {
            LicenseStatus::Revoked
        }
    }

    /// The decompressed bytes of a column.
    pub(crate) fn column(&self, column: Column) -> Result<Cow<'_, [u8]>, RosterError> {
        let Stored { from, length, raw } = self.columns[column as usize];
        let bytes = &self.bytes[from..from + length];
        if length == raw {
            return Ok(Cow::Borrowed(bytes));
        }
        let bytes = lz4_flex::block::decompress(bytes, raw).map_err(|_| RosterError::Malformed("compression"))?;
        if bytes.len() == raw { Ok(Cow::Owned(bytes)) } else { Err(RosterError::Malformed("the length of a column")) }
    }

    /// The stored and the decompressed size of each column, in bytes.
    pub fn column_sizes(&self) -> Vec<(String, usize, usize)> {
        ALL.iter()
            .zip(&self.columns)
            .map(|(column, stored)| (format!("{column:?}"), stored.length, stored.raw))
            .collect()
    }

    /// All rows, decoded.
    pub fn rows(&self) -> Result<Rows<'_>, RosterError> {
        Rows::of(self)
    }

    /// The block's entry in a manifest.
    pub fn entry(&self, name: String) -> Result<BlockEntry, RosterError> {
        let keys = self.keys()?;
        let mut without_learner = Counts::default();
        for row in (0..self.len()).filter(|row| keys.address(*row).is_empty()) {
            without_learner.add(self.status(row), 1);
        }
        let last = self.len().checked_sub(1).ok_or(RosterError::Malformed("a block without rows"))?;
        Ok(BlockEntry {
            name,
            bytes: to_u64(self.bytes.len()),
            rows: self.rows,
            without_learner,
            first: keys.key(0)?,
            last: keys.key(last)?,
        })
    }
}
