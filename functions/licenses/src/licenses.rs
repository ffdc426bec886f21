//! `/licenses/`: licenses of all plans.

pub(crate) mod assign;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod revoke;
