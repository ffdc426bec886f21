//! What holds for every page.

use license_tests::{Browser, TestApp};

use crate::table::PAGES;

#[tokio::test]
async fn no_page_runs_a_script_or_is_kept_or_framed() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-superuser").await;
    let paths = PAGES.iter().filter(|page| page.method == "GET").map(|page| page.path.replace(['{', '}'], "x"));
    for path in paths.chain(["/admin/nowhere/".to_owned(), "/logout/".to_owned()]) {
        let page = browser.get(&path).await;
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
        let text = page.text.to_lowercase();
        for active in ["<script", "javascript:", " onclick", " onload", " style="] {
            assert!(!text.contains(active), "{path}: {active}");
        }
        assert!(page.text.len() < 100_000, "{path}: {} bytes", page.text.len());
        if page.status.is_success() {
            assert!(text.contains("<html lang=\"en\">") && text.contains("<main id=\"main\">"), "{path}");
            assert_eq!(text.matches("<h1>").count(), 1, "{path}");
        }
    }
}
