//! A batch and its chunks as they are stored.

use chrono::TimeDelta;
use license_domain::{AgreementId, BatchId, EmailAddress, License, LicenseId, PlanId, Stamp, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    keys::{self, BatchKeys, Item, TTL},
    rows,
};
use license_storage::{AssignRequest, Assignment, Prefetch, StoreError};

/// How long the request that opened a batch has it to itself. A Lambda behind the API ends after half of it.
pub(crate) const GRACE: TimeDelta = TimeDelta::seconds(60);

/// How far a batch or a chunk of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// To be done.
    Pending,
    /// Done.
    Done,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
        }
    }
}

/// A request to assign that takes several transactions. Once it is stored, its seats are drawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Batch {
    pub id: BatchId,
    pub state: State,
    pub customer_agreement: AgreementId,
    pub plan: PlanId,
    pub notify: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<String>,
    /// Until when its chunks are kept. The sweeper puts it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
    /// How many learners the request named, those included who held a license.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<u64>,
    pub stamp: Stamp,
}

impl Batch {
    /// The item, to be found in the index of what is due. It does not expire before it is done.
    pub(crate) fn item(&self) -> Result<Item, StoreError> {
        let keys = BatchKeys(self.id);
        let mut item = rows::to_item(self)?;
        item.extend(keys.batch().attributes());
        keys::due(self.customer_agreement, self.stamp.at + GRACE, 0).put(&mut item);
        Ok(item)
    }

    /// What the request asked for, apart from the learners.
    pub(crate) fn request(&self, now: Timestamp) -> AssignRequest {
        AssignRequest {
            assignments: Vec::new(),
            notify: self.notify,
            greeting: self.greeting.clone(),
            closing: self.closing.clone(),
            prefetch: Prefetch::default(),
            change: Stamp { at: now, ..self.stamp.clone() }.into(),
        }
    }
}

/// A learner's wish in a chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub email: EmailAddress,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
}

impl From<&Assignment> for Wish {
    fn from(wish: &Assignment) -> Self {
        Self { email: wish.email.clone(), source_id: wish.source_id.clone() }
    }
}

/// What one transaction of a batch hands out: as many seats of one bucket as there are learners.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// Its number in the batch.
    pub number: usize,
    pub state: State,
    /// The learners.
    pub wishes: Vec<Wish>,
    /// The bucket that the seats were drawn from.
    pub bucket: u16,
    /// Untouched seats from this sequence number …
    pub from: u64,
    /// … up to this one, which is not among them.
    pub upto: u64,
    /// Seats that came back, whose rows still lie in the bucket.
    #[serde(default)]
    pub returned: Vec<License>,
    /// What was handed out, once it is done.
    #[serde(default)]
    pub assigned: Vec<(EmailAddress, LicenseId)>,
}

impl Chunk {
    pub(crate) fn item(&self, batch: BatchId, opened: Timestamp) -> Result<Item, StoreError> {
        let mut item = rows::to_item(self)?;
        item.extend(BatchKeys(batch).chunk(self.number).attributes());
        item.insert(TTL.to_owned(), rows::batch_ttl(opened));
        Ok(item)
    }
}
