//! A renewal under way, as it is stored.

use license_domain::{AgreementId, BatchId, PlanId, RenewalId, Stamp, SubscriptionPlanRenewal};
use serde::{Deserialize, Serialize};

use crate::{
    batch::record::{GRACE, State},
    keys::{self, BatchKeys, Item},
    rows,
};
use license_storage::StoreError;

/// What kind of work a batch is; one that names none assigns.
const KIND: &str = "kind";

/// The one kind that is named.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Renewal,
}

/// A renewal that was begun. It has no chunks: what is copied shows in the licenses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Renewing {
    pub id: BatchId,
    pub kind: Kind,
    pub state: State,
    pub customer_agreement: AgreementId,
    pub renewal: RenewalId,
    /// The plan that follows.
    pub plan: PlanId,
    /// The epochs of its buckets until somebody closes: what is drawn in them was drawn before.
    pub epochs: Vec<u64>,
    pub stamp: Stamp,
}

impl Renewing {
    /// A batch that builds the plan with these epochs for the renewal.
    pub(crate) fn new(
        id: BatchId,
        renewal: &SubscriptionPlanRenewal,
        (plan, epochs): (PlanId, Vec<u64>),
        stamp: Stamp,
    ) -> Self {
        let (customer_agreement, renewal) = (renewal.customer_agreement, renewal.id);
        Self { id, kind: Kind::Renewal, state: State::Pending, customer_agreement, renewal, plan, epochs, stamp }
    }

    /// The item, to be found in the index of what is due. It does not expire before it is done.
    pub(crate) fn item(&self) -> Result<Item, StoreError> {
        let keys = BatchKeys(self.id);
        let mut item = rows::to_item(self)?;
        item.extend(keys.batch().attributes());
        keys::due(self.customer_agreement, self.stamp.at + GRACE, 0).put(&mut item);
        Ok(item)
    }

    /// What is said of it in errors.
    pub(crate) fn corrupt(&self, cause: &str) -> StoreError {
        StoreError::Corrupt { key: format!("batch {}", self.id), cause: cause.to_owned() }
    }
}

/// Whether a batch's item is a renewal under way.
pub(crate) fn is_renewal(item: &Item) -> bool {
    item.contains_key(KIND)
}
