//! One module for each group of routes: the responses of successful requests, and each refusal.

mod assign;
mod auto_apply;
mod bulk_enrollment;
mod bulk_revoke;
mod csv;
mod customer_agreement;
mod health;
mod history;
mod learner_licenses;
mod learner_subscriptions;
mod license_activation;
mod license_subsidy;
mod licenses;
mod overview;
mod own_licenses;
mod products;
mod provisioning;
mod remind;
mod renewal_process;
mod renewals;
mod retire_user;
mod revoke_all;
mod subscriptions;
mod support;
mod tokens;
mod unprefixed_aliases;
mod utilization;

/// No plan, license or agreement has it.
const UNKNOWN: &str = "00000000-0000-4000-8000-0000000000ff";
