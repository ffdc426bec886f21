//! Keys of an agreement's partition, and of the names that lead to it.

use license_domain::{AgreementId, EnterpriseId, PlanId, RenewalId};

use super::{GSI2, HEAD, IndexKey, Key};

/// The keys of an agreement's partition.
#[derive(Clone, Copy, Debug)]
pub struct AgreementKeys(pub AgreementId);

impl AgreementKeys {
    /// The partition with the agreement, its plans, renewals and titles.
    pub fn partition(self) -> String {
        format!("AGREEMENT#{}", self.0)
    }

    /// The agreement of such a partition.
    pub fn of_partition(pk: &str) -> Option<AgreementId> {
        pk.strip_prefix("AGREEMENT#")?.parse().ok()
    }

    pub fn agreement(self) -> Key {
        Key::head(self.partition())
    }

    pub fn plan(self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("PLAN#{plan}"))
    }

    /// A renewal. Numbers are padded so that they sort.
    pub fn renewal(self, renewal: RenewalId) -> Key {
        Key::new(self.partition(), format!("RENEWAL#{:020}", renewal.0))
    }

    /// A webhook. The numbers of slots limit how many an agreement can have.
    pub fn webhook(self, slot: u8) -> Key {
        Key::new(self.partition(), format!("{WEBHOOK_PREFIX}{slot:02}"))
    }

    /// The work that the clock began last on a plan.
    pub fn plan_work(self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("WORK#{plan}"))
    }

    /// The renewal of which the plan is the prior plan: there is at most one.
    pub fn leaving(self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("RENEWS#{plan}"))
    }

    /// The renewal of which the plan is the future plan: there is at most one.
    pub fn entering(self, plan: PlanId) -> Key {
        Key::new(self.partition(), format!("RENEWS-TO#{plan}"))
    }

    /// A claimed title.
    pub fn title(self, title: &str) -> Key {
        Key::new(self.partition(), format!("TITLE#{}", title.trim().to_lowercase()))
    }

    /// The key in the operator's list.
    pub fn listing(self) -> IndexKey {
        IndexKey { index: GSI2, pk: ALL_AGREEMENTS.to_owned(), sk: self.0.to_string() }
    }
}

/// The kind of an item of an agreement's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreementPart {
    /// The agreement itself.
    Agreement,
    Plan,
    Renewal,
    /// Anything else, for example titles and the audit trail.
    Other,
}

impl AgreementPart {
    /// Decides by the sort key.
    pub fn of(key: &Key) -> Self {
        match key.sk.split('#').next() {
            Some(HEAD) => Self::Agreement,
            Some("PLAN") => Self::Plan,
            Some("RENEWAL") => Self::Renewal,
            _ => Self::Other,
        }
    }
}

/// The sort keys of an agreement's portfolio are between these. All other items of the partition (titles, the audit
/// trail) must sort after them, so that one Query reads no more than needed.
pub const PORTFOLIO_RANGE: (&str, &str) = ("@", "RENEWAL#~");

/// The prefix of a webhook's sort key.
pub const WEBHOOK_PREFIX: &str = "WEBHOOK#";
/// Partition of the list of agreements.
pub const ALL_AGREEMENTS: &str = "ALL#AGREEMENT";

/// From customer to agreement.
pub fn enterprise(enterprise: EnterpriseId) -> Key {
    Key::head(format!("ENT#{enterprise}"))
}

/// From slug to agreement. Slugs are compared without case.
pub fn slug(slug: &str) -> Key {
    Key::head(format!("SLUG#{}", slug.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_portfolio_range_holds_agreement_plans_and_renewals_only() {
        let keys = AgreementKeys(AgreementId(Uuid::nil()));
        let inside = [keys.agreement(), keys.plan(PlanId(Uuid::max())), keys.renewal(RenewalId(i64::MAX))];
        let (from, to) = PORTFOLIO_RANGE;
        for key in inside {
            assert!(from <= key.sk.as_str() && key.sk.as_str() <= to, "{key:?}");
            assert_ne!(AgreementPart::of(&key), AgreementPart::Other);
        }
        assert!(keys.title("any").sk.as_str() > to);
        assert!(keys.webhook(0).sk.as_str() > to);
        assert!(keys.leaving(PlanId(Uuid::nil())).sk.as_str() > to);
        assert!(keys.entering(PlanId(Uuid::nil())).sk.as_str() > to);
    }
}
