//! `/provisioning-admins/customer-agreement/`: customer agreements.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod update;
