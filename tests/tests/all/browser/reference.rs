//! The API's reference is a program (Swagger UI) that runs under a strict policy.

use license_tests::{
    TestApp,
    chromium::{self, Hand, Tab},
};

/// Rules that Swagger UI itself breaks, with its colors, headings, controls, and what it leaves outside its landmarks.
const OF_SWAGGER_UI: [&str; 5] =
    ["color-contrast ", "heading-order ", "nested-interactive ", "region ", "select-name "];

#[tokio::test]
async fn the_api_reference_runs_under_its_policy_and_lists_operations() {
    if !chromium::is_there() {
        return;
    }
    let app = TestApp::start().await;
    let mut tab = Tab::open(&app, Hand::Mouse).await;
    tab.open_page("/api-docs/").await;
    // The page is there before the document that it fetches.
    let wait = "new Promise((done, failed) => { let n = 0; const look = () => { \
                const all = document.querySelectorAll('.opblock').length; \
                if (all > 0) done(all); else if (n++ > 300) failed('no operation'); else setTimeout(look, 100) }; look() })";
    let operations = tab.evaluate(wait).await.as_u64().expect("a number");
    assert!(operations > 40, "{operations}");
    assert_eq!(tab.faults(), [""; 0]);
    let narrow = "document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(tab.evaluate(narrow).await, true);
    super::pages::picture(&mut tab, "api-docs").await;
    let mut faults = tab.violations().await;
    faults.retain(|fault| !OF_SWAGGER_UI.iter().any(|rule| fault.starts_with(rule)));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
