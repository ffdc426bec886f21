//! Properties of every page.

use license_tests::{Browser, TestApp};

use crate::table::PAGES;

#[tokio::test]
async fn the_root_is_a_page_for_browsers_and_unchanged_for_other_clients() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    let accept = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = browser.send(reqwest::Method::GET, "/", None, &accept).await;
    assert_eq!(page.status.as_u16(), 200);
    for shown in ["href=\"/admin/\"", "href=\"/api-docs/\"", "href=\"/health/\""] {
        assert!(page.text.contains(shown), "{shown}");
    }
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), (Some("DENY"), Some("no-store")));
    assert!(page.headers.contains_key("content-security-policy") && page.headers.contains_key("x-request-id"));
    for other in ["application/json", "*/*"] {
        let unknown = browser.send(reqwest::Method::GET, "/", None, &[("accept", other)]).await;
        assert_eq!(unknown.status.as_u16(), 404, "{other}");
    }
    let below = browser.send(reqwest::Method::GET, "/nowhere", None, &accept).await;
    assert_eq!(below.status.as_u16(), 404);
}

#[tokio::test]
async fn no_page_runs_a_script_of_another_or_is_kept_or_framed() {
    let app = TestApp::start().await;
    let browser = Browser::signed_in(&app, "demo-superuser").await;
    let paths = PAGES.iter().filter(|page| page.method == "GET").map(|page| page.path.replace(['{', '}'], "x"));
    for path in paths.chain(["/admin/nowhere/".to_owned(), "/logout/".to_owned()]) {
        let page = browser.get(&path).await;
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'sha256-"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
        let text = page.text.to_lowercase();
        // The one script is a file of ours: nothing within a page runs.
        let scripts = text.matches("<script defer src=\"/admin/moments-").count();
        assert_eq!(scripts, text.matches("<html").count(), "{path}");
        let text = text.replacen("<script ", "", 1);
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

#[tokio::test]
async fn the_script_is_kept_for_good_and_needs_no_session() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    let page = browser.get("/admin/nowhere/").await.text;
    let path = page.split("<script defer src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("the script");
    let script = browser.get(path).await;
    assert_eq!(script.status.as_u16(), 200);
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!((script.header("x-content-type-options"), script.header("set-cookie")), (Some("nosniff"), None));
    assert!(script.text.contains("Intl.DateTimeFormat") && script.text.len() < 2_000, "{}", script.text);
    assert_eq!(browser.get("/admin/moments-0123456789abcdef.js").await.status.as_u16(), 404);
}
