//! The requester's identity, and the customers that their roles cover.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    email::EmailAddress,
    ids::{EnterpriseId, LmsUserId},
};

/// A role, with its names in tokens and in stored assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// May administer licenses (`enterprise_admin`, `enterprise_openedx_operator`, stored
    /// `enterprise_subscriptions_admin`).
    SubscriptionsAdmin,
    /// May use licenses (`enterprise_learner`, stored `enterprise_subscriptions_learner`).
    SubscriptionsLearner,
    /// May create plans and agreements (`enterprise_provisioning_admin`).
    ProvisioningAdmin,
}

impl RoleName {
    /// The role behind a name in a token's `roles`.
    pub fn from_token(name: &str) -> Option<Self> {
        match name {
            "enterprise_admin" | "enterprise_openedx_operator" => Some(Self::SubscriptionsAdmin),
            "enterprise_learner" => Some(Self::SubscriptionsLearner),
            "enterprise_provisioning_admin" => Some(Self::ProvisioningAdmin),
            _ => None,
        }
    }

    /// The name of the role in explicit assignments.
    pub const fn assignment(self) -> &'static str {
        match self {
            Self::SubscriptionsAdmin => "enterprise_subscriptions_admin",
            Self::SubscriptionsLearner => "enterprise_subscriptions_learner",
            Self::ProvisioningAdmin => "enterprise_provisioning_admin",
        }
    }

    /// The role behind a name in the store's explicit assignments.
    pub fn from_assignment(name: &str) -> Option<Self> {
        match name {
            "enterprise_subscriptions_admin" => Some(Self::SubscriptionsAdmin),
            "enterprise_subscriptions_learner" => Some(Self::SubscriptionsLearner),
            "enterprise_provisioning_admin" | "enterprise_subscriptions_provisioning_admin" => {
                Some(Self::ProvisioningAdmin)
            }
            _ => None,
        }
    }
}

/// The customers that a grant covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every customer (`*`).
    All,
    /// One customer.
    Enterprise(EnterpriseId),
}

/// A role within a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoleGrant {
    pub role: RoleName,
    /// The customers for which it holds.
    pub scope: Scope,
}

/// An authenticated requester. `grants` are those of the token until the stored ones are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub username: String,
    /// The address in the token.
    pub email: Option<EmailAddress>,
    /// The id in the LMS.
    pub lms_user_id: Option<LmsUserId>,
    /// Whether the requester is staff of the operator.
    pub is_staff: bool,
    /// Whether every check passes.
    pub is_superuser: bool,
    /// The requester's roles.
    pub grants: Vec<RoleGrant>,
}

/// The customers that a requester may access through a set of roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every customer.
    All,
    /// These customers, possibly none.
    Only(BTreeSet<EnterpriseId>),
}

impl Access {
    /// Whether that customer is included.
    pub fn includes(&self, enterprise: EnterpriseId) -> bool {
        match self {
            Self::All => true,
            Self::Only(enterprises) => enterprises.contains(&enterprise),
        }
    }

    /// Whether no customer is included.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(enterprises) if enterprises.is_empty())
    }
}

impl Principal {
    /// The customers that any of `roles` covers; all of them for a superuser.
    pub fn access(&self, roles: &[RoleName]) -> Access {
        if self.is_superuser {
            return Access::All;
        }
        let mut enterprises = BTreeSet::new();
        for grant in self.grants.iter().filter(|grant| roles.contains(&grant.role)) {
            match grant.scope {
                Scope::All => return Access::All,
                Scope::Enterprise(enterprise) => {
                    enterprises.insert(enterprise);
                }
            }
        }
        Access::Only(enterprises)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn principal(grants: Vec<RoleGrant>) -> Principal {
        Principal {
            username: "ada".to_owned(),
            email: None,
            lms_user_id: None,
            is_staff: false,
            is_superuser: false,
            grants,
        }
    }

    #[test]
    fn access_is_the_sum_of_the_grants_of_the_given_roles() {
        let customer = |n| EnterpriseId(Uuid::from_u128(n));
        let grant = |role, scope| RoleGrant { role, scope };
        let ada = principal(vec![
            grant(RoleName::SubscriptionsAdmin, Scope::Enterprise(customer(1))),
            grant(RoleName::SubscriptionsLearner, Scope::Enterprise(customer(2))),
            grant(RoleName::ProvisioningAdmin, Scope::All),
        ]);
        let admin = ada.access(&[RoleName::SubscriptionsAdmin]);
        assert!(admin.includes(customer(1)) && !admin.includes(customer(2)) && !admin.is_empty());
        let either = ada.access(&[RoleName::SubscriptionsAdmin, RoleName::SubscriptionsLearner]);
        assert!(either.includes(customer(1)) && either.includes(customer(2)) && !either.includes(customer(3)));
        assert_eq!(ada.access(&[RoleName::ProvisioningAdmin]), Access::All);
        assert!(principal(vec![]).access(&[RoleName::SubscriptionsAdmin]).is_empty());
        let root = Principal { is_superuser: true, ..principal(vec![]) };
        assert_eq!(root.access(&[RoleName::SubscriptionsAdmin]), Access::All);
    }
}
