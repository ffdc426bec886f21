//! A real browser for the tests of pages: headless Chromium, controlled over the protocol of its developer tools.
//! `infra/browser.sh` fetches it; without it these tests print that they skip.

mod devtools;
mod process;
mod tab;

pub use self::{
    process::{axe, is_there},
    tab::{Hand, Tab},
};
