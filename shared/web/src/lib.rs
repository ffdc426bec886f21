//! HTTP as the contract has it: who calls, may they, what do they ask for, and how answers and refusals look.
//! It knows the store's ports (for explicit roles) and nothing of the table behind them.

mod auth;
mod body;
mod caller;
mod cookies;
mod cors;
pub mod csrf;
mod digest;
mod endpoints;
mod error;
pub mod etag;
mod fields;
mod gate;
mod jwks;
mod negotiation;
mod once;
mod options;
pub mod origin;
mod page;
mod params;
pub mod plans;
mod reach;
mod request;
mod route;
mod security;
pub mod selection;
mod settings;
mod throttle;
mod users;
mod web;
pub mod wire;

pub use body::Body;
pub use caller::{ADMINS, Caller, LEARNERS_AND_ADMINS, Missing, PROVISIONERS};
pub use endpoints::Endpoints;
pub use error::ApiError;
pub use etag::Conditions;
pub use fields::{Fields, Presence, Text, email};
pub use once::{stored, stored_empty};
pub use page::{NumberedPage, Page, PageNumber, PageQuery, Window};
pub use params::{Params, id};
pub use reach::{Reach, reach};
pub use route::{Grants, Route};
pub use settings::{JwkSource, JwtSettings, Secret, Settings, SettingsError};
pub use throttle::Limits;
pub use web::Web;
