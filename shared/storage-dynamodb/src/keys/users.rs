//! Keys of users, their roles and their sessions.

use license_domain::{RoleGrant, RoleName, Scope, Timestamp};

use super::{GSI2, GSI3, IndexKey, Key, time};

/// The keys of a user and of the user's roles. User names are compared exactly.
#[derive(Clone, Copy, Debug)]
pub struct UserKeys<'a>(pub &'a str);

/// The prefix of the partitions of users.
pub const USER_PREFIX: &str = "USER#";
/// Partition of the list of all explicit roles, by their users' names.
pub const ALL_ROLES: &str = "ALL#ROLE";
/// The prefix of the sort keys of explicit roles.
pub const ROLE_PREFIX: &str = "ROLE#";

impl UserKeys<'_> {
    pub fn partition(&self) -> String {
        format!("{USER_PREFIX}{}", self.0)
    }

    /// The name of the user of such a partition.
    pub fn name_of(pk: &str) -> Option<&str> {
        pk.strip_prefix(USER_PREFIX)
    }

    pub fn user(&self) -> Key {
        Key::head(self.partition())
    }

    /// The partition of what was changed of the user's roles.
    pub fn changes(&self) -> String {
        format!("ROLES#{}", self.0)
    }

    /// A change of the user's roles.
    pub fn role_change(&self, at: Timestamp, id: uuid::Uuid) -> Key {
        Key::new(self.changes(), format!("{}#{id}", time(at)))
    }

    pub fn role(&self, grant: RoleGrant) -> Key {
        Key::new(self.partition(), format!("{ROLE_PREFIX}{}", Self::assignment(grant)))
    }

    /// The assignment's key in the list of all of them.
    pub fn role_listing(&self, grant: RoleGrant) -> IndexKey {
        IndexKey { index: GSI2, pk: ALL_ROLES.to_owned(), sk: format!("{}#{}", self.0, Self::assignment(grant)) }
    }

    fn assignment(grant: RoleGrant) -> String {
        let role = match grant.role {
            RoleName::SubscriptionsAdmin => "subscriptions_admin",
            RoleName::SubscriptionsLearner => "subscriptions_learner",
            RoleName::ProvisioningAdmin => "provisioning_admin",
        };
        let scope = match grant.scope {
            Scope::All => "*".to_owned(),
            Scope::Enterprise(enterprise) => enterprise.to_string(),
        };
        format!("{role}#{scope}")
    }
}

/// The keys of a session of the console, by the digest of its id.
#[derive(Clone, Copy, Debug)]
pub struct SessionKeys<'a>(pub &'a str);

impl SessionKeys<'_> {
    pub fn session(&self) -> Key {
        Key::head(format!("SESSION#{}", self.0))
    }

    /// The session's key in the list of its user's sessions.
    pub fn listing(&self, username: &str, created: Timestamp) -> IndexKey {
        IndexKey { index: GSI2, pk: sessions_of(username), sk: format!("{}#{}", time(created), self.0) }
    }

    /// The session's key in the list of all sessions.
    pub fn listing_of_all(&self, username: &str) -> IndexKey {
        IndexKey { index: GSI3, pk: ALL_SESSIONS.to_owned(), sk: format!("{username}#{}", self.0) }
    }
}

/// Partition of the list of all sessions, by their users' names.
pub const ALL_SESSIONS: &str = "ALL#SESSION";

/// The name in a sort key of that list.
pub fn name_in_session_list(sk: &str) -> Option<&str> {
    Some(sk.rsplit_once('#')?.0)
}

/// The list of a user's sessions.
pub fn sessions_of(username: &str) -> String {
    format!("SESSIONS#{username}")
}
