//! Every page × every kind of person: the page's own declaration decides who may see it, and `rights.txt` has all declarations, so
//! that a change of one is reviewed. `UPDATE_ACCESS=1` writes the file.

use std::{collections::BTreeMap, env, fs, path::Path};

use function_console::{Access, Page, Right};
use license_tests::{Browser, Client, TestApp, TestResponse};
use reqwest::Method;
use serde_json::json;

use crate::table::PAGES;

/// Pages that need no right, for signing in and out. The list may only shrink.
const OPEN: [(&str, &str); 3] = [("GET", "/complete/edx-oauth2/"), ("GET", "/login/"), ("POST", "/logout/")];

#[test]
fn only_signing_in_and_out_needs_no_right() {
    let mut open: Vec<(&str, &str)> =
        PAGES.iter().filter(|page| page.access == Access::Anyone).map(|page| (page.method, page.path)).collect();
    open.sort_unstable();
    assert_eq!(open, OPEN);
}

#[test]
fn the_table_of_rights_has_every_page() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/console/rights.txt");
    let of = |access: Access| match access {
        Access::Anyone => "anyone",
        Access::Needs(right) => right.as_str(),
    };
    let rights: BTreeMap<(&str, &str), &str> =
        PAGES.iter().map(|page| ((page.path, page.method), of(page.access))).collect();
    assert_eq!(rights.len(), PAGES.len(), "no page is declared twice");
    let lines: Vec<String> =
        rights.iter().map(|((path, method), right)| format!("{right:<9} {method:<4} {path}\n")).collect();
    if env::var_os("UPDATE_ACCESS").is_some() {
        fs::write(&file, lines.concat()).expect("written");
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), lines.concat(), "UPDATE_ACCESS=1 writes the file");
}

/// A request for that page, about missing things: without the right a person must not even learn that they are missing.
async fn ask(browser: &Browser, page: &Page) -> TestResponse {
    let mut path = page.path.to_owned();
    while let Some((head, rest)) = path.split_once('{') {
        let (_, tail) = rest.split_once('}').expect("a parameter ends");
        path = format!("{head}00000000-0000-0000-0000-000000000000{tail}");
    }
    match page.method {
        "POST" => browser.post(&path, &[]).await,
        _ => browser.get(&path).await,
    }
}

#[tokio::test]
async fn a_page_is_for_those_who_have_its_right() {
    let app = TestApp::start().await;
    let people: [(&str, &[Right]); 4] = [
        ("demo-support", &[Right::View, Right::Support]),
        ("demo-operator", &[Right::View, Right::Support, Right::Operate, Right::Provision]),
        ("demo-provisioner", &[Right::View, Right::Support, Right::Provision]),
        ("demo-superuser", &Right::ALL),
    ];
    let mut wrong = Vec::new();
    for page in PAGES.iter() {
        let Access::Needs(right) = page.access else { continue };
        for (name, rights) in people {
            let browser = Browser::signed_in(&app, name).await;
            let given = ask(&browser, page).await;
            let is_admitted = given.status.as_u16() != 403;
            if is_admitted != rights.contains(&right) || given.status.is_server_error() {
                wrong.push(format!("{} {} as {name}: {}", page.method, page.path, given.status));
            }
        }
        let stranger = Browser::new(&app);
        stranger.get("/admin/").await;
        let given = ask(&stranger, page).await;
        let is_led = given.header("location").is_some_and(|to| to.starts_with("/login/?next="));
        if if page.method == "GET" { !is_led } else { given.status.as_u16() != 403 } {
            wrong.push(format!("{} {} without a session: {}", page.method, page.path, given.status));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn tokens_of_the_api_do_not_open_the_console() {
    let app = TestApp::start().await;
    let root: Client =
        app.client_with(json!({ "preferred_username": "root", "superuser": true, "administrator": true }));
    for page in PAGES.iter().filter(|page| page.access != Access::Anyone && !page.path.contains('{')) {
        let given = root.send(page.method.parse::<Method>().expect("a method"), page.path, None).await;
        // The client follows the redirect to the sign-in, up to the stand-in's page.
        assert!(!given.text.contains("Signed in as"), "{}: {}", page.path, given.text);
    }
}
