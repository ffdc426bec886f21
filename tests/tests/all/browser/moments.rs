//! Moments in a browser: in the viewer's zone, with UTC in the title; in UTC where no script runs.

use license_tests::chromium::{self, Hand, Tab};

use crate::console::sights::Sights;

/// The exact moment, the title and the text of the plan's end.
const LAST: &str = "(() => { const all = [...document.querySelectorAll('dd time')]; const time = all[all.length - 1]; \
                    return [time.dateTime, time.title, time.textContent] })()";

#[tokio::test]
async fn moments_are_in_the_viewers_zone() {
    if !chromium::is_there() {
        return;
    }
    let sights = Sights::new().await;
    let path = format!("/admin/plans/{}/", sights.of["plan"]);
    let mut tab = Tab::open(&sights.app, Hand::Mouse).await;
    tab.sign_in("demo-superuser").await;
    let mut texts = Vec::new();
    // New York has summer time in October and winter time in December; Kathmandu is no whole number of hours ahead.
    for zone in ["UTC", "America/New_York", "Asia/Kathmandu"] {
        tab.in_zone(zone).await;
        tab.open_page(&path).await;
        let shown = tab.evaluate(LAST).await;
        let exact = shown[0].as_str().expect("a moment").to_owned();
        assert_eq!(shown[1], exact.replace('T', " ").replace('Z', " UTC"), "{zone}: the title stays UTC");
        texts.push((exact, shown[2].as_str().expect("a text").to_owned()));
    }
    let (exact, in_utc) = &texts[0];
    assert_eq!(*in_utc, format!("{} UTC", exact[..16].replace('T', " ")));
    assert!(texts[1].1.ends_with(" EDT") || texts[1].1.ends_with(" EST"), "{texts:?}");
    assert!(texts[2].1.ends_with(" GMT+5:45"), "{texts:?}");
    let minutes = |text: &str| text[14..16].parse::<u32>().expect("minutes");
    assert_eq!(minutes(&texts[2].1), (minutes(in_utc) + 45) % 60, "{texts:?}");
    assert_eq!(tab.faults(), [""; 0]);

    tab.without_scripts().await;
    tab.in_zone("Asia/Kathmandu").await;
    tab.open_page(&path).await;
    tab.expect(in_utc).await;
}
