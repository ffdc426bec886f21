//! `/learner-subscriptions/`: the plans of a learner's customers.

pub(crate) mod get;
pub(crate) mod list;
