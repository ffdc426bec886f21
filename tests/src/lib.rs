//! The harness of the end-to-end tests: a whole License Manager in this process, on a free port of loopback, over an
//! embedded engine; builders for state, clients for each role, and a proxy before the engine that records calls and can
//! make them fail.

pub mod app;
pub mod browser;
pub mod builders;
pub mod chromium;
pub mod client;
pub mod consequences;
pub mod dump;
pub mod dynamodb_local;
pub mod form;
pub mod history;
pub mod invariants;
pub mod large_plan;
pub mod proxy;
pub mod roles;
pub mod wire;

pub use app::{NOW, TestApp};
pub use browser::Browser;
pub use client::{Client, TestResponse};
pub use invariants::Invariants;
pub use proxy::{Call, Fault, Proxy};
pub use roles::Role;
