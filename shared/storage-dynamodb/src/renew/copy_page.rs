//! A page of the prior plan's list, from which a renewal's run copies.

use license_domain::{EmailAddress, LicenseId, Timestamp};
use license_storage::{CopyPage, CopyPlace, ListedLicense, RenewalUnderWay, StoreError};
use serde::Deserialize;

use crate::Store;

/// How many licenses a page has, so that memory does not grow with the plan: their rows are less than the megabyte that
/// one Query returns.
const PAGE: usize = 1_000;

/// What is read of a row of the list.
#[derive(Deserialize)]
struct Listed {
    uuid: LicenseId,
    user_email: EmailAddress,
    #[serde(default)]
    assigned_date: Option<Timestamp>,
    #[serde(default)]
    renewed_to: Option<LicenseId>,
}

impl Store {
    /// Reads a page of one part of the list. A license that names a seat of the future plan has its copy there, because
    /// both were written by one transaction.
    pub(super) async fn read_page_to_copy(
        &self,
        renewal: &RenewalUnderWay,
        from: &CopyPlace,
    ) -> Result<CopyPage, StoreError> {
        let CopyPlace { shard, status, after } = from;
        let rows = self.listed_page::<Listed>(&renewal.prior, (*shard, *status), after.as_deref(), PAGE).await?;
        let last = rows.last().filter(|_| rows.len() == PAGE).map(|row| row.keys.sort_key().to_owned());
        let mut page = CopyPage {
            copied: 0,
            others: Vec::new(),
            next: last.map(|last| CopyPlace { after: Some(last), ..from.clone() }),
        };
        for Listed { uuid, user_email, assigned_date, renewed_to } in rows.into_iter().map(|row| row.value) {
            if renewed_to.is_some_and(|copy| renewal.future.seats.prefix.ordinal(copy).is_some()) {
                page.copied += 1;
            } else {
                page.others.push(ListedLicense { license: uuid, learner: user_email.key(), assigned_date });
            }
        }
        Ok(page)
    }
}
