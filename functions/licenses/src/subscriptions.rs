//! `/subscriptions/{plan}/licenses/`: the licenses of one plan.

pub(crate) mod assign;
pub(crate) mod bulk_revoke;
pub(crate) mod csv;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod overview;
pub(crate) mod remind;
pub(crate) mod remind_all;
pub(crate) mod revoke_all;
