//! Response bodies, field for field as in the contract; our additional fields come last.

mod agreement;
mod history;
mod license;
mod plan;
mod renewal;
pub mod time;

pub use agreement::{Agreement, MinimalAgreement, ProvisionedAgreement};
pub use history::HistoryEntry;
pub use license::{LearnerLicense, License, activation_link};
pub use plan::{MinimalPlan, Plan};
pub use renewal::Renewal;
pub use time::timestamp;
