//! A real browser for the tests of pages: headless Chromium, controlled over its DevTools protocol. `infra/browser.sh` fetches
//! it; without it these tests print that they skip.

mod devtools;
mod process;
mod tab;

pub use self::{
    process::{axe, is_there},
    tab::{Hand, Tab},
};
