//! Plan types: new ones and changes. They are listed beside the products.

pub mod create;
pub mod update;
