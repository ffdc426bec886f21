//! Our own texts of mails, for SES: plain text, and the same as HTML.

use license_clients::Email;
use license_domain::MailKind;
use serde_json::Value;

use crate::messages::PersonalMail;

/// The property that says that a customer's learners sign in by an identity provider and have no search.
pub(crate) const VARIANT: &str = "has_identity_provider_and_no_search";

/// The mail with our own text.
pub(crate) fn message(kind: MailKind, message: &PersonalMail) -> Email {
    let of = |name: &str| text(message, name);
    let customer = or(of("enterprise_customer_name"), "your company");
    let (plan, portal) = (of("subscription_plan_title"), of("admin_portal_link"));
    let (subject, body) = match kind {
        MailKind::Assignment => (
            format!("{customer} has given you access to courses"),
            format!(
                "{customer} has given you a license of \"{plan}\". Activate it and begin:\n\n{}",
                of("license_activation_link")
            ),
        ),
        MailKind::Reminder => (
            format!("Your access to courses from {customer} is waiting"),
            format!("Your license of \"{plan}\" is not activated yet:\n\n{}", of("license_activation_link")),
        ),
        MailKind::PostActivation | MailKind::AutoApplied => {
            (format!("Welcome to learning with {customer}"), format!("Your license of \"{plan}\" is active."))
        }
        MailKind::ExpirationReminder => (
            format!("Your access to courses from {customer} ends soon"),
            format!(
                "Your license of \"{plan}\" ends in {} days, at {}.",
                of("days_until_expiration"),
                of("expiration_date")
            ),
        ),
        MailKind::Expiration => (
            format!("Your access to courses from {customer} has ended"),
            format!("Your license of \"{plan}\" has ended at {}.", of("expiration_date")),
        ),
        MailKind::RevocationCapReached => (
            format!("{customer} has reached the revocation cap of a plan"),
            format!("No more activated licenses of \"{plan}\" can be revoked.\n\n{portal}"),
        ),
        MailKind::Utilization => (
            format!("{}% of the licenses of {customer} are allocated", of("percent_allocated")),
            format!(
                "{} of {} licenses of \"{plan}\" are allocated.\n\n{portal}",
                of("num_allocated_licenses"),
                of("num_total_licenses")
            ),
        ),
        MailKind::FirstWeek => (
            format!("The first week in which learners of {customer} could take licenses"),
            format!(
                "Learners took {} licenses of \"{plan}\"; {} of {} are allocated.\n\n{portal}",
                of("num_auto_applied_licenses_since_turned_on"),
                of("num_allocated_licenses"),
                of("num_licenses")
            ),
        ),
        MailKind::WeeklyUtilization => (
            format!("The last week of the licenses of {customer}"),
            format!(
                "{} of {} licenses of \"{plan}\" are allocated. In the last week {} were activated and {} revoked.\n\n{portal}",
                of("num_allocated_licenses"),
                of("num_licenses"),
                or(of("num_activations_in_week"), "an unknown number"),
                or(of("num_revocations_in_week"), "an unknown number")
            ),
        ),
        MailKind::EnrollmentResults => {
            ("The results of your enrollments".to_owned(), format!("They are here:\n\n{}", of("results_url")))
        }
    };
    let parts = [of("TEMPLATE_GREETING"), body, of("TEMPLATE_CLOSING")];
    let text = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n\n");
    let paragraphs: Vec<String> = text.split("\n\n").map(escaped).collect();
    let html = format!("<p>{}</p>\n", paragraphs.join("</p>\n<p>"));
    Email { to: message.email.clone(), subject, text, html, reply_to: message.reply_to.clone() }
}

fn text(message: &PersonalMail, name: &str) -> String {
    match message.properties.get(name) {
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
    fn every_kind_has_a_text_and_admins_texts_are_escaped() {
        for kind in MailKind::ALL.iter().copied() {
            let properties = json!({
                "TEMPLATE_GREETING": "Dear <b>all</b>,", "TEMPLATE_CLOSING": "Yours", "enterprise_customer_name": "Pear",
                "subscription_plan_title": "R&D", "percent_allocated": 75, "license_activation_link": "https://x/y",
            });
            let properties = properties.as_object().expect("an object").clone();
            let email = EmailAddress::on_record("ann@example.com");
            let message = super::message(
                kind,
                &PersonalMail { email, properties, attributes: serde_json::Map::new(), reply_to: None },
            );
            assert!(!message.subject.is_empty() && !message.subject.contains("{}"), "{kind:?}");
            assert!(
                message.text.starts_with("Dear <b>all</b>,\n\n") && message.text.ends_with("\n\nYours"),
                "{kind:?}"
            );
            assert!(message.html.starts_with("<p>Dear &lt;b&gt;all&lt;/b&gt;,</p>"), "{kind:?}: {}", message.html);
        }
    }
}
