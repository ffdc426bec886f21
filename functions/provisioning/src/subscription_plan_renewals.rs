//! `/provisioning-admins/subscription-plan-renewals/`: renewals.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod process;
