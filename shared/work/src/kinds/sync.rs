//! Gives an agreement the name and the slug that the enterprise service has of the customer.

use license_domain::{CustomerAgreement, RowOutcome, maxima::MAX_SLUG};
use license_storage::{Change, UpdateError};

use super::{Acted, AllKinds, ChunkRows, one_row};
use crate::WorkError;

impl AllKinds {
    /// Reads the customer anew and changes the agreement. A customer without a slug is refused: links to the learner
    /// portal need it. An agreement without a default catalog gets the customer's first one.
    pub(super) async fn sync(&self, chunk: ChunkRows<'_>, change: Change) -> Result<Acted, WorkError> {
        let before = &chunk.portfolio.agreement;
        let refused = |detail: &str| Ok(Acted::ToRecord(one_row(RowOutcome::Refused, detail.to_owned())));
        let Some(customer) = self.services.enterprises.customer_now(before.enterprise_customer_uuid).await? else {
            return refused("The enterprise service has no such customer.");
        };
        let Some(slug) = customer.slug.filter(|slug| !slug.is_empty() && slug.chars().count() <= MAX_SLUG) else {
            return refused("The enterprise service has no usable slug of the customer.");
        };
        let catalog = customer.enterprise_customer_catalogs.first().copied();
        let after = CustomerAgreement {
            enterprise_customer_slug: Some(slug),
            enterprise_customer_name: customer.name.or_else(|| before.enterprise_customer_name.clone()),
            default_enterprise_catalog_uuid: before.default_enterprise_catalog_uuid.or(catalog),
            modified: change.at,
            ..before.clone()
        };
        let is_same = CustomerAgreement { modified: before.modified, ..after.clone() } == *before;
        let results = one_row(RowOutcome::Synced, differences(before, &after));
        if is_same || chunk.run.dry_run {
            return Ok(Acted::ToRecord(results));
        }
        match self.update.update_agreement(before, &after, &change.recording(&results)).await {
            Ok(()) => Ok(Acted::Recorded(results)),
            Err(UpdateError::Taken { .. }) => refused("Another agreement has this slug."),
            Err(error) => Err(error.into()),
        }
    }
}

/// What becomes different, for people.
fn differences(before: &CustomerAgreement, after: &CustomerAgreement) -> String {
    let changed = [
        ("slug", before.enterprise_customer_slug != after.enterprise_customer_slug),
        ("name", before.enterprise_customer_name != after.enterprise_customer_name),
        ("default catalog", before.default_enterprise_catalog_uuid != after.default_enterprise_catalog_uuid),
    ];
    let changed: Vec<&str> = changed.iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| *name).collect();
    if changed.is_empty() { "Nothing differs.".to_owned() } else { format!("Changed: {}.", changed.join(", ")) }
}
