//! Every function with its routes.

use std::sync::LazyLock;

use function_console::Page;
use license_api::Route;
use license_runtime::{Error, Parts};
use license_settings::Declared;

/// The functions of the API by the names of their crates, with the routes of their routers.
pub static FUNCTIONS: LazyLock<[(&str, &[Route]); 9]> = LazyLock::new(|| {
    macro_rules! of {
        ($name:literal, $function:ident) => {
            ($name, &*$function::endpoints().routes().to_vec().leak())
        };
    }
    [
        of!("function-agreements", function_agreements),
        of!("function-subscriptions", function_subscriptions),
        of!("function-licenses", function_licenses),
        of!("function-learners", function_learners),
        of!("function-provisioning", function_provisioning),
        of!("function-enrollments", function_enrollments),
        of!("function-jobs", function_jobs),
        of!("function-support", function_support),
        of!("function-site", function_site),
    ]
});

/// The function of the console: its pages are not part of the API, so they have a separate list.
pub const CONSOLE: &str = "function-console";

/// The console's pages.
pub static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| function_console::pages().list().to_vec());

/// The functions without HTTP routes.
pub const WORKERS: [&str; 5] =
    ["function-sweeper", "function-workers", "function-mail", "function-relay", "function-webhooks"];

/// Builds a function from its settings.
pub type Compose = fn(&Parts) -> Result<(), Error>;

/// Every function: its name, its declared settings, and how it is built.
pub fn compositions() -> [(&'static str, Declared, Compose); 15] {
    macro_rules! of {
        ($name:literal, $function:ident) => {
            ($name, $function::SETTINGS, |parts: &Parts| $function::compose(parts).map(|_| ()))
        };
    }
    [
        of!("function-agreements", function_agreements),
        of!("function-sweeper", function_sweeper),
        of!("function-workers", function_workers),
        of!("function-enrollments", function_enrollments),
        of!("function-jobs", function_jobs),
        of!("function-learners", function_learners),
        of!("function-licenses", function_licenses),
        of!("function-mail", function_mail),
        of!("function-provisioning", function_provisioning),
        of!("function-relay", function_relay),
        of!("function-site", function_site),
        of!("function-console", function_console),
        of!("function-subscriptions", function_subscriptions),
        of!("function-support", function_support),
        of!("function-webhooks", function_webhooks),
    ]
}

/// Every route.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    FUNCTIONS.into_iter().flat_map(|(_, routes)| routes)
}

/// Whether the path (without query) matches the pattern, with or without the slash at its end.
pub fn is_of(pattern: &str, path: &str) -> bool {
    let segments = |path: &str| path.trim_end_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, path) = (segments(pattern), segments(path));
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(
            |(wanted, given)| {
                if wanted.starts_with('{') { !given.is_empty() } else { wanted == given }
            },
        )
}
