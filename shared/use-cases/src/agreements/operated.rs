//! Settings of an agreement that the API does not change: mails of onboarding, the time before personal data is purged, and the
//! message that learners of an expired plan see.

use license_api::{
    Change, Complaints, Field, body,
    fields::{BOOLEAN, integer, text},
};
use license_domain::{CustomerAgreement, agreement::ExpirationMessaging, maxima::MAX_MAIL_TEXT};

/// The most days for which personal data is kept after a plan's end: a century.
const MAX_DAYS: i64 = 36_500;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The most characters of the dialog's title and of its button's address, and of the button's label.
const MAX_HEADER: usize = 512;
const MAX_LABEL: usize = 255;

const MESSAGE: &str = "expired_subscription_modal_messaging_v2";
const BUTTON: &str = "url_for_button_in_modal_v2";

body! {
    /// A change of these settings. What is left out stays.
    pub struct OperatedPatch {
        disable_onboarding_notifications: Option<bool> =
            Field::new(BOOLEAN, "Whether no mail invites learners.").optional(),
        license_duration_before_purge_days: Option<i64> =
            Field::new(integer(1, MAX_DAYS), "For how many days personal data is kept after a plan's end.").optional(),
        has_custom_license_expiration_messaging_v2: Option<bool> =
            Field::new(BOOLEAN, "Whether learners of an expired plan see the customer's own message.").optional(),
        #[serde(default)]
        modal_header_text_v2: Change<String> =
            Field::new(text(MAX_HEADER), "The title of the dialog.").nullable().optional(),
        #[serde(default)]
        expired_subscription_modal_messaging_v2: Change<String> =
            Field::new(text(MAX_MAIL_TEXT), "The text of the dialog, as HTML.").nullable().optional(),
        #[serde(default)]
        button_label_in_modal_v2: Change<String> =
            Field::new(text(MAX_LABEL), "The label of the button.").nullable().optional(),
        #[serde(default)]
        url_for_button_in_modal_v2: Change<String> =
            Field::new(text(MAX_HEADER), "Where the button leads.").nullable().optional(),
    }
}

/// The days of an agreement's setting, which imports may bring with parts of a day.
pub const fn purge_days(agreement: &CustomerAgreement) -> i64 {
    agreement.license_duration_before_purge_seconds / DAY_SECONDS
}

impl OperatedPatch {
    const fn has_messaging(&self) -> bool {
        self.has_custom_license_expiration_messaging_v2.is_some()
            || self.modal_header_text_v2.is_named()
            || self.expired_subscription_modal_messaging_v2.is_named()
            || self.button_label_in_modal_v2.is_named()
            || self.url_for_button_in_modal_v2.is_named()
    }

    /// The agreement with the change. HTML is made safe: learners see it as it is stored.
    #[must_use]
    pub fn apply(&self, before: CustomerAgreement) -> CustomerAgreement {
        let seconds = self.license_duration_before_purge_days.map(|days| days * DAY_SECONDS);
        let messaging = self.has_messaging().then(|| self.messaging(before.messaging_v2.clone().unwrap_or_default()));
        CustomerAgreement {
            disable_onboarding_notifications: self
                .disable_onboarding_notifications
                .unwrap_or(before.disable_onboarding_notifications),
            license_duration_before_purge_seconds: seconds.unwrap_or(before.license_duration_before_purge_seconds),
            messaging_v2: messaging.or(before.messaging_v2),
            ..before
        }
    }

    fn messaging(&self, before: ExpirationMessaging) -> ExpirationMessaging {
        let text = self.expired_subscription_modal_messaging_v2.over(before.expired_subscription_modal_messaging);
        ExpirationMessaging {
            has_custom_license_expiration_messaging: self
                .has_custom_license_expiration_messaging_v2
                .unwrap_or(before.has_custom_license_expiration_messaging),
            modal_header_text: self.modal_header_text_v2.over(before.modal_header_text),
            expired_subscription_modal_messaging: text.map(|text| license_html::html(&text)),
            button_label_in_modal: self.button_label_in_modal_v2.over(before.button_label_in_modal),
            url_for_button_in_modal: self.url_for_button_in_modal_v2.over(before.url_for_button_in_modal),
        }
    }

    /// Refuses a button that would run a script, and a message that is switched on without a text.
    pub fn check(&self, after: &CustomerAgreement) -> Result<(), Complaints> {
        let Some(messaging) = after.messaging_v2.as_ref().filter(|_| self.has_messaging()) else { return Ok(()) };
        let mut complaints = Complaints::default();
        let is_blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        if messaging.has_custom_license_expiration_messaging
            && is_blank(&messaging.expired_subscription_modal_messaging)
        {
            complaints.add(MESSAGE, "The message is required while the customer has one of its own.");
        }
        let button = messaging.url_for_button_in_modal.clone();
        if button.is_some_and(|address| license_html::address(address).is_none()) {
            complaints.add(BUTTON, "Enter an address that begins with https, http or mailto.");
        }
        complaints.finish()
    }
}

#[cfg(test)]
mod tests {
    use license_api::Body;
    use license_domain::{AgreementId, EnterpriseId};
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn changed(fields: &Value) -> Result<CustomerAgreement, Value> {
        let body = Body::json(fields.as_object().expect("an object").clone());
        let patch = OperatedPatch::read(&body).map_err(Complaints::into_value)?;
        let now = "2026-11-23T10:46:08Z".parse().expect("a date");
        let after = patch.apply(CustomerAgreement::new(AgreementId(Uuid::nil()), EnterpriseId(Uuid::nil()), now));
        patch.check(&after).map_err(Complaints::into_value)?;
        Ok(after)
    }

    #[test]
    fn scripts_are_removed_and_links_keep_their_targets() {
        let text = "<p>Bye<script>steal()</script> <a href=\"https://example.com/\">renew</a></p>";
        let after =
            changed(&json!({ MESSAGE: text, "has_custom_license_expiration_messaging_v2": true })).expect("valid");
        let stored = after.messaging_v2.and_then(|messaging| messaging.expired_subscription_modal_messaging);
        let stored = stored.expect("a text");
        assert!(!stored.contains("steal") && stored.contains("href=\"https://example.com/\""), "{stored}");
        assert_eq!(after.license_duration_before_purge_seconds, 90 * DAY_SECONDS);
    }

    #[test]
    fn what_makes_no_sense_is_refused_beside_its_field() {
        for (field, wrong) in [
            ("license_duration_before_purge_days", json!(-3)),
            ("license_duration_before_purge_days", json!("soon")),
            (BUTTON, json!("javascript:steal()")),
            (BUTTON, json!("x".repeat(513))),
        ] {
            let refused = changed(&json!({ field: wrong })).expect_err("a complaint");
            assert_eq!(
                refused.as_object().map(|fields| fields.keys().collect::<Vec<_>>()),
                Some(vec![&field.to_owned()])
            );
        }
        let bare = changed(&json!({ "has_custom_license_expiration_messaging_v2": true })).expect_err("a complaint");
        assert!(bare.get(MESSAGE).is_some(), "{bare}");
    }
}
