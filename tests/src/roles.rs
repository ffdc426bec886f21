//! Requesters: one kind for each role, and some without a role.

use license_domain::EnterpriseId;
use serde_json::{Value, json};

/// A kind of requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Administers the licenses of the customer.
    Admin,
    /// Administers those of another customer.
    ForeignAdmin,
    /// A learner of the customer.
    Learner,
    /// A learner of another customer.
    ForeignLearner,
    /// Administers the licenses of all customers.
    Operator,
    /// Creates plans and agreements.
    Provisioner,
    /// May provision for one customer only, which is not enough.
    OneCustomersProvisioner,
    /// Staff without a role.
    Staff,
    /// Passes every check.
    Superuser,
    RetirementWorker,
    /// Administers the licenses of the customer, by a stored role and not by the token.
    RecordedAdmin,
    /// The same for another customer.
    RecordedForeignAdmin,
    /// Has a token without any role.
    NoRole,
    /// Had every right until the token expired.
    Expired,
    /// Claims every right in a token with a wrong signature.
    Forged,
    /// Has every right in another service: the token has another audience.
    WrongAudience,
    /// Has no token.
    Anonymous,
}

impl Role {
    pub const ALL: [Self; 17] = [
        Self::Admin,
        Self::ForeignAdmin,
        Self::Learner,
        Self::ForeignLearner,
        Self::Operator,
        Self::Provisioner,
        Self::OneCustomersProvisioner,
        Self::Staff,
        Self::Superuser,
        Self::RetirementWorker,
        Self::RecordedAdmin,
        Self::RecordedForeignAdmin,
        Self::NoRole,
        Self::Expired,
        Self::Forged,
        Self::WrongAudience,
        Self::Anonymous,
    ];

    /// Whether there is a token that the service accepts.
    pub const fn is_known(self) -> bool {
        !matches!(self, Self::Anonymous | Self::Expired | Self::Forged | Self::WrongAudience)
    }

    /// The claims of such a requester; `foreign` is another customer than `enterprise`.
    pub fn claims(self, enterprise: EnterpriseId, foreign: EnterpriseId) -> Value {
        let name = match self {
            Self::RetirementWorker => license_local::RETIREMENT_WORKER.to_owned(),
            _ => format!("{self:?}").to_lowercase(),
        };
        let roles = match self {
            Self::Admin => vec![format!("enterprise_admin:{enterprise}")],
            Self::ForeignAdmin => vec![format!("enterprise_admin:{foreign}")],
            Self::Learner => vec![format!("enterprise_learner:{enterprise}")],
            Self::ForeignLearner => vec![format!("enterprise_learner:{foreign}")],
            Self::Operator => vec!["enterprise_openedx_operator:*".to_owned()],
            Self::Provisioner => vec!["enterprise_provisioning_admin:*".to_owned()],
            Self::OneCustomersProvisioner => vec![format!("enterprise_provisioning_admin:{enterprise}")],
            _ => Vec::new(),
        };
        let mut claims = json!({
            "preferred_username": name,
            "email": format!("{name}@example.com"),
            "user_id": 1000 + self as i64,
            "administrator": self == Self::Staff,
            "superuser": self == Self::Superuser || !self.is_known(),
            "roles": roles,
        });
        match self {
            Self::Expired => claims["exp"] = json!(1),
            Self::WrongAudience => claims["aud"] = json!("another service"),
            _ => {}
        }
        claims
    }
}
