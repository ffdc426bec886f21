//! Every page of the console, as it looks: no fault that axe-core finds, in light and dark; no page that is wider than a
//! phone's screen; nothing that a page's own policy forbids. Pictures go to `target/screenshots`, or to the folder that
//! `SCREENSHOTS` names.

use std::{
    env,
    path::{Path, PathBuf},
};

use license_tests::chromium::{self, Hand, Tab};

use crate::console::sights::Sights;

/// A picture of the page.
pub async fn picture(tab: &mut Tab, name: &str) {
    let folder = env::var_os("SCREENSHOTS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots"));
    tab.picture(&folder.join(format!("{name}.png")), false).await;
}

#[tokio::test]
async fn every_page_is_accessible_in_light_and_dark_and_fits_a_phone() {
    if !chromium::is_there() {
        return;
    }
    let sights = Sights::new().await;
    let mut tab = Tab::open(&sights.app, Hand::Mouse).await;
    tab.sign_in("demo-superuser").await;
    let mut wrong = Vec::new();
    let pages = sights.pages();
    assert!(pages.len() > 20, "{pages:?}");
    for (name, path) in pages.iter().cloned().chain([("landing".to_owned(), "/".to_owned())]) {
        tab.resize(1280, 800).await;
        tab.prefer("light").await;
        tab.open_page(&path).await;
        // The demo's job is done, and nothing of its plan is due: stopping the one and beginning the other is refused, by a page.
        let is_refusal = ["control", "clock-work", "process-renewals"].iter().any(|refused| name.contains(refused));
        if tab.status() != 200 && !(tab.status() == 409 && is_refusal) {
            wrong.push(format!("{name}: status {}", tab.status()));
        }
        picture(&mut tab, &name).await;
        for scheme in ["light", "dark"] {
            tab.prefer(scheme).await;
            wrong.extend(tab.violations().await.into_iter().map(|fault| format!("{name} ({scheme}): {fault}")));
        }
        if ["admin", "admin-plans-plan"].contains(&name.as_str()) {
            picture(&mut tab, &format!("{name}-dark")).await;
        }
        tab.prefer("light").await;
        for width in [1280, 360] {
            tab.resize(width, 800).await;
            let needed = tab.evaluate("document.documentElement.scrollWidth").await;
            if needed.as_u64().is_none_or(|needed| needed > u64::from(width)) {
                wrong.push(format!("{name}: {needed} wide on a screen of {width}"));
            }
        }
        picture(&mut tab, &format!("{name}-narrow")).await;
        wrong.extend(tab.faults().into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
