//! Forms of pages, as a browser fills and sends them.

use license_tests::{Browser, TestResponse};

/// The fields of a page's form as a browser would send them: hidden ones, inputs, checked boxes, chosen options.
pub fn fields(page: &TestResponse) -> Vec<(String, String)> {
    let unescaped = |text: &str| {
        text.replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#38;", "&")
    };
    let form = page.text.split("<main").nth(1).expect("a page");
    let mut found = Vec::new();
    let of = |tag: &str, name: &str| {
        tag.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).map(unescaped)
    };
    for part in form.split('<').skip(1) {
        let tag = part.split('>').next().unwrap_or_default();
        if tag.starts_with("input ") {
            let is_off = tag.contains("type=\"checkbox\"") && !tag.ends_with(" checked") && !tag.contains(" checked ");
            if let (false, Some(name)) = (is_off, of(tag, "name")) {
                found.push((name, of(tag, "value").unwrap_or_default()));
            }
        } else if tag.starts_with("textarea ") {
            // Browsers leave out the first end of a line, and send the others as two characters.
            let text = part.split_once('>').map(|(_, text)| unescaped(text)).unwrap_or_default();
            let text = text.strip_prefix('\n').unwrap_or(&text).replace('\n', "\r\n");
            found.push((of(tag, "name").expect("a name"), text));
        } else if tag.starts_with("select ") {
            found.push((of(tag, "name").expect("a name"), String::new()));
        } else if tag.starts_with("option ") && (tag.ends_with(" selected")) {
            found.last_mut().expect("an option is in a select").1 = of(tag, "value").unwrap_or_default();
        }
    }
    found.retain(|(name, _)| name != "csrfmiddlewaretoken");
    found
}

/// Sends the form of a page, with these fields changed.
pub async fn send(browser: &Browser, page: &TestResponse, path: &str, changes: &[(&str, &str)]) -> TestResponse {
    let mut form = fields(page);
    for (name, value) in changes {
        form.retain(|(known, _)| known != name);
        form.push(((*name).to_owned(), (*value).to_owned()));
    }
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(path, &form).await
}
