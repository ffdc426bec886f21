//! The rights of persons in the console.

use license_domain::{Principal, RoleName, Scope};

/// A right. Each page and each action declares the one that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To see customers, plans, licenses and jobs.
    View,
    /// To see one learner's licenses, and to have a mail sent again.
    Support,
    /// To change licenses of every customer.
    Operate,
    /// To create and change agreements, plans and renewals.
    Provision,
    /// Only for superusers.
    Superuser,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::View, Self::Support, Self::Operate, Self::Provision, Self::Superuser];

    /// Its name on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Support => "support",
            Self::Operate => "operate",
            Self::Provision => "provision",
            Self::Superuser => "superuser",
        }
    }

    /// Whether that person has it. Staff may see; a role for all customers lets them change, as in the API; superusers
    /// have all rights; other persons have none, whatever their roles.
    pub fn is_of(self, person: &Principal) -> bool {
        let everywhere =
            |role: RoleName| person.grants.iter().any(|grant| grant.role == role && grant.scope == Scope::All);
        person.is_superuser
            || person.is_staff
                && match self {
                    Self::View | Self::Support => true,
                    Self::Operate => everywhere(RoleName::SubscriptionsAdmin),
                    Self::Provision => everywhere(RoleName::ProvisioningAdmin),
                    Self::Superuser => false,
                }
    }
}

#[cfg(test)]
mod tests {
    use license_domain::{EnterpriseId, RoleGrant};

    use super::*;

    fn person(is_staff: bool, is_superuser: bool, grants: &[(RoleName, Scope)]) -> Principal {
        Principal {
            username: "ada".to_owned(),
            email: None,
            lms_user_id: None,
            is_staff,
            is_superuser,
            grants: grants.iter().map(|(role, scope)| RoleGrant { role: *role, scope: *scope }).collect(),
        }
    }

    fn rights(person: &Principal) -> Vec<Right> {
        Right::ALL.into_iter().filter(|right| right.is_of(person)).collect()
    }

    #[test]
    fn staff_see_roles_let_them_change_and_superusers_may_everything() {
        let one = Scope::Enterprise("00000000-0000-0000-0000-000000000001".parse::<EnterpriseId>().expect("a uuid"));
        let operator = [(RoleName::SubscriptionsAdmin, Scope::All)];
        assert_eq!(rights(&person(false, false, &operator)), []);
        assert_eq!(rights(&person(true, false, &[])), [Right::View, Right::Support]);
        assert_eq!(rights(&person(true, false, &[(RoleName::SubscriptionsAdmin, one)])), [Right::View, Right::Support]);
        assert_eq!(rights(&person(true, false, &operator)), [Right::View, Right::Support, Right::Operate]);
        let provisioner = [(RoleName::ProvisioningAdmin, Scope::All)];
        assert_eq!(rights(&person(true, false, &provisioner)), [Right::View, Right::Support, Right::Provision]);
        assert_eq!(rights(&person(false, true, &[])), Right::ALL);
    }
}
