//! The pages in a real browser. `infra/browser.sh` fetches it; without it these tests say that they skip.

mod moments;
mod pages;
mod reference;
mod walk;
