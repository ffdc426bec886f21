//! Moments on pages: all of them are elements that say them in UTC, which the script shows in the viewer's zone.

use license_tests::Browser;

use super::sights::Sights;

/// The page without its elements of that kind, and how many there were.
fn without(page: &str, begin: &str, end: &str) -> (String, usize) {
    let mut parts = page.split(begin);
    let mut rest = parts.next().unwrap_or_default().to_owned();
    let mut count = 0;
    for part in parts {
        count += 1;
        rest.push_str(part.split_once(end).map_or("", |(_, after)| after));
    }
    (rest, count)
}

/// What looks like a day with a time.
fn moments(text: &str) -> Vec<&str> {
    let shape = |part: &[u8]| {
        let like = b"0000-00-00 00:00";
        part.iter().zip(like).all(|(is, like)| match like {
            b'0' => is.is_ascii_digit(),
            b' ' => matches!(is, b' ' | b'T'),
            like => is == like,
        })
    };
    let windows = text.as_bytes().windows(16).enumerate().filter(|(_, part)| shape(part));
    windows.map(|(begin, _)| text.get(begin..begin + 16).expect("digits")).collect()
}

#[tokio::test]
async fn every_moment_of_every_page_says_its_zone_and_is_exact_for_the_script() {
    let sights = Sights::new().await;
    let browser = Browser::signed_in(&sights.app, "demo-superuser").await;
    let mut seen = 0;
    for (name, path) in sights.pages() {
        let page = browser.get(&path).await.text;
        for element in page.split("<time ").skip(1) {
            let of = |part: &str| element.split(part).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("none");
            let (exact, title) = (of("datetime=\""), of("title=\""));
            assert_eq!(title, exact.replace('T', " ").replace('Z', " UTC"), "{name}: {element:.200}");
            let shown = element.split_once('>').and_then(|(_, rest)| rest.split_once("</time>")).expect("it ends").0;
            assert_eq!(shown, format!("{} UTC", title.get(..16).expect("a day and a time")), "{name}");
        }
        let (rest, count) = without(&page, "<time ", "</time>");
        seen += count;
        // Fields of forms have UTC, which their labels say.
        let (rest, fields) = without(&rest, "<input ", ">");
        assert!(fields == 0 || !page.contains("datetime-local") || page.contains("(UTC)</label>"), "{name}");
        assert_eq!(moments(&rest), [""; 0], "{name}");
    }
    assert!(seen > 50, "{seen} moments");
}

#[tokio::test]
async fn a_moment_within_a_sentence_is_one_too() {
    let sights = Sights::new().await;
    let browser = Browser::signed_in(&sights.app, "demo-superuser").await;
    let page = browser.get(&format!("/admin/renewals/{}/process/", sights.of["renewal"])).await.text;
    assert!(page.contains("<time datetime=\"2027-10-24T00:00:00Z\""), "{page}");
}
