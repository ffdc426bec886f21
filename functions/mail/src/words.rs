//! The words of mails, where nobody else has any: plain text, and the same as HTML.

use license_clients::Letter as PlainLetter;
use license_domain::MailKind;
use serde_json::Value;

use crate::letters::Letter;

/// The property that says that a customer's learners come by way of an identity provider, and find no search.
pub(crate) const VARIANT: &str = "has_identity_provider_and_no_search";

/// The letter in our own words.
pub(crate) fn letter(kind: MailKind, letter: &Letter) -> PlainLetter {
    let of = |name: &str| text(letter, name);
    let customer = or(of("enterprise_customer_name"), "your company");
    let (plan, portal) = (of("subscription_plan_title"), of("admin_portal_link"));
    let (subject, body) = match kind {
        MailKind::Assignment => (
            format!("{customer} has given you access to courses"),
            format!(
                "{customer} has given you a licence of \"{plan}\". Activate it and begin:\n\n{}",
                of("license_activation_link")
            ),
        ),
        MailKind::Reminder => (
            format!("Your access to courses from {customer} is waiting"),
            format!("Your licence of \"{plan}\" is not activated yet:\n\n{}", of("license_activation_link")),
        ),
        MailKind::PostActivation | MailKind::AutoApplied => {
            (format!("Welcome to learning with {customer}"), format!("Your licence of \"{plan}\" is active."))
        }
        MailKind::RevocationCapReached => (
            format!("{customer} has reached the revocation cap of a plan"),
            format!("No more activated licences of \"{plan}\" can be revoked.\n\n{portal}"),
        ),
        MailKind::Utilization => (
            format!("{}% of the licences of {customer} are allocated", of("percent_allocated")),
            format!(
                "{} of {} licences of \"{plan}\" are allocated.\n\n{portal}",
                of("num_allocated_licenses"),
                of("num_total_licenses")
            ),
        ),
        MailKind::EnrollmentResults => {
            ("The results of your enrolments".to_owned(), format!("They are here:\n\n{}", of("results_url")))
        }
    };
    let parts = [of("TEMPLATE_GREETING"), body, of("TEMPLATE_CLOSING")];
    let text = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n\n");
    let paragraphs: Vec<String> = text.split("\n\n").map(escaped).collect();
    let html = format!("<p>{}</p>\n", paragraphs.join("</p>\n<p>"));
    PlainLetter { to: letter.email.clone(), subject, text, html, reply_to: letter.reply_to.clone() }
}

fn text(letter: &Letter, name: &str) -> String {
    match letter.properties.get(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\n', "<br>")
}

#[cfg(test)]
mod tests {
    use license_domain::EmailAddress;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_has_words_and_what_admins_write_is_text() {
        for kind in MailKind::ALL {
            let properties = json!({
                "TEMPLATE_GREETING": "Dear <b>all</b>,", "TEMPLATE_CLOSING": "Yours", "enterprise_customer_name": "Pear",
                "subscription_plan_title": "R&D", "percent_allocated": 75, "license_activation_link": "https://x/y",
            });
            let properties = properties.as_object().expect("an object").clone();
            let email = EmailAddress::on_record("ann@example.com");
            let letter = super::letter(kind, &Letter { email, properties, reply_to: None });
            assert!(!letter.subject.is_empty() && !letter.subject.contains("{}"), "{kind:?}");
            assert!(letter.text.starts_with("Dear <b>all</b>,\n\n") && letter.text.ends_with("\n\nYours"), "{kind:?}");
            assert!(letter.html.starts_with("<p>Dear &lt;b&gt;all&lt;/b&gt;,</p>"), "{kind:?}: {}", letter.html);
        }
    }
}
