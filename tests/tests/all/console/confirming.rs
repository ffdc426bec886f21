//! The page before a change that needs a reason, as a person uses it.

use license_tests::{Browser, TestResponse};

/// The value of the first hidden field of that name.
pub fn hidden<'a>(page: &'a TestResponse, name: &str) -> &'a str {
    let rest = page.text.split(&format!("name=\"{name}\" value=\"")).nth(1);
    rest.and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

/// Confirms without a reason, which is refused, then twice with one: where the second leads.
pub async fn confirm(browser: &Browser, path: &str, fields: &[(&str, &str)], page: &TestResponse) -> String {
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    let key = hidden(page, "key").to_owned();
    let mut form = fields.to_vec();
    form.push(("key", &key));
    let refused = browser.post(path, &form).await;
    assert!(refused.status.as_u16() == 400 && refused.text.contains("Enter a reason"), "{}", refused.text);
    form.push(("reason", "ticket 12"));
    let mut led = Vec::new();
    for _ in 0..2 {
        let done = browser.post(path, &form).await;
        assert_eq!(done.status.as_u16(), 303, "{}", done.text);
        led.push(done.header("location").expect("an address").to_owned());
    }
    assert_eq!(led[0], led[1]);
    led.remove(0)
}
