//! Users and their explicit roles.

use license_domain::{EnterpriseId, RoleGrant, RoleName, Scope};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Reading, WrittenRow, fields, key, model};
use crate::dump::Row;

#[derive(Debug, Deserialize, Serialize)]
pub struct User {
    /// The user name, as tokens have it.
    pub username: String,
    /// Whether every check passes.
    #[serde(default)]
    pub is_superuser: bool,
}

/// Reads a user, with its key. Dumps with natural keys have none.
pub fn user(row: &Row) -> Reading<(Option<i64>, User)> {
    let key = if row.pk.is_null() { None } else { Some(key(&row.pk)?) };
    Ok((key, fields(row)?))
}

#[derive(Deserialize, Serialize)]
struct RoleFields {
    name: String,
}

/// A role: its key and name.
pub fn role(row: &Row) -> Reading<(i64, String)> {
    Ok((key(&row.pk)?, fields::<RoleFields>(row)?.name))
}

/// A user, as another row refers to them.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum UserReference {
    Key(i64),
    /// By the natural key, which is the name.
    Name((String,)),
}

/// A role that a user has.
#[derive(Debug, Deserialize, Serialize)]
pub struct AssignedRole {
    pub user: UserReference,
    pub role: i64,
    /// The customer for which it holds; `None` for all.
    #[serde(alias = "enterprise_id")]
    pub enterprise_customer_uuid: Option<EnterpriseId>,
}

pub fn role_assignment(row: &Row) -> Reading<AssignedRole> {
    fields(row)
}

/// The row of a user without a key, because keys belong to other users in another installation.
pub fn user_row(username: &str, is_superuser: bool) -> WrittenRow<Value, User> {
    WrittenRow { model: model::USER, pk: Value::Null, fields: User { username: username.to_owned(), is_superuser } }
}

/// The row of a role.
pub fn role_row(role: RoleName) -> WrittenRow<i64, impl Serialize + use<>> {
    WrittenRow { model: model::ROLE, pk: role_key(role), fields: RoleFields { name: role.assignment().to_owned() } }
}

/// The row of a role that a user was given.
pub fn role_assignment_row(pk: u64, username: &str, grant: RoleGrant) -> WrittenRow<u64, AssignedRole> {
    let enterprise_customer_uuid = match grant.scope {
        Scope::All => None,
        Scope::Enterprise(enterprise) => Some(enterprise),
    };
    let user = UserReference::Name((username.to_owned(),));
    let fields = AssignedRole { user, role: role_key(grant.role), enterprise_customer_uuid };
    WrittenRow { model: model::ROLE_ASSIGNMENT, pk, fields }
}

const fn role_key(role: RoleName) -> i64 {
    match role {
        RoleName::SubscriptionsAdmin => 1,
        RoleName::SubscriptionsLearner => 2,
        RoleName::ProvisioningAdmin => 3,
    }
}
