//! The prefetch for a change: slots, and perhaps a bucket with its returned seats.

use std::collections::{HashMap, HashSet};

use license_domain::{EmailKey, License, LicenseStatus, PlanId};
use license_storage::{Prefetched, StoreError};

use crate::{
    keys::{Item, Key},
    rows::Bucket,
    write::slots_in,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct ReadAhead {
    pub slots: Option<HashMap<Key, Item>>,
    pub bucket: Option<(u16, Bucket)>,
    pub returned: Vec<License>,
}

impl Prefetched for ReadAhead {
    fn held(&self, plan: PlanId, emails: &[EmailKey], status: LicenseStatus) -> Result<HashSet<EmailKey>, StoreError> {
        let slots = slots_in(plan, emails, self.slots.clone().unwrap_or_default())?;
        let held = emails.iter().filter(|email| slots.get(email).is_some_and(|slot| slot.license.status == status));
        Ok(held.cloned().collect())
    }
}
