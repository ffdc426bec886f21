//! `/licenses/`: licenses of whatever plan.

pub(crate) mod assign;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod revoke;
