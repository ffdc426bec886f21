//! `/subscriptions/{plan}/license/`: the requester's own licenses of a plan.

pub(crate) mod get;
pub(crate) mod list;
