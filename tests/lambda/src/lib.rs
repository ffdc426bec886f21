//! Runs the functions as Lambda does: the built bootstraps behind a small Lambda runtime API, with the environment and
//! the policies of the transformed template, over the runner's stand-ins for AWS.
//!
//! 1. `infra/transform.py` writes `template.yaml` as CloudFormation sees it; [`template`] evaluates its intrinsic
//!    functions and fails on unknown ones.
//! 2. [`runtime`] starts each function's bootstrap and serves it the runtime API.
//! 3. [`gateway`] serves all AWS endpoints of the functions. It recognizes the function by the access key of the
//!    request's signature, and refuses what the function's role does not permit, as AWS does.
//! 4. [`front`] is the stand-in for API Gateway; [`sources`] that for event sources and schedules.

pub mod access;
pub mod build;
pub mod dynamodb_local;
pub mod front;
pub mod gateway;
pub mod limit;
pub mod policy;
pub mod runtime;
pub mod sources;
pub mod stack;
pub mod template;

pub use build::Build;
pub use stack::{Options, Stack};
