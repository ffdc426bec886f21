//! Settings of mails: what they refer to, and which service sends them.

use std::collections::HashMap;

use license_domain::{EmailAddress, MailKind};
use license_settings::{Setting, text, url};

/// The service that sends mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Braze, with a campaign for each kind.
    Braze,
    /// SES, with our own texts.
    Ses,
    /// None: mails are counted, and logged without addresses.
    Log,
}

/// What mails refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailSettings {
    /// `LEARNER_PORTAL_URL`: the base URL of links for learners.
    pub learner_portal: Option<String>,
    /// `ADMIN_PORTAL_URL`: the base URL of links for admins.
    pub admin_portal: Option<String>,
    /// `CUSTOMER_SUCCESS_EMAIL`: the recipient of mails about reached revocation caps.
    pub customer_success: Option<EmailAddress>,
    /// The ids of Braze's campaigns.
    pub campaigns: HashMap<MailCampaign, String>,
    /// `MAIL_SENDER`: `braze`, `ses` or `log`. If it is not set, the other settings decide.
    pub sender: Option<Sender>,
}

/// A campaign: a kind of mail, or a variant of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailCampaign {
    /// The default one of a kind.
    Of(MailKind),
    /// The variant for auto-applied licenses of customers with an identity provider and without search in the portal.
    AutoAppliedWithIdentityProvider,
}

impl MailCampaign {
    /// The setting with its id.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Of(MailKind::Assignment) => "BRAZE_ASSIGNMENT_EMAIL_CAMPAIGN",
            Self::Of(MailKind::Reminder) => "BRAZE_REMIND_EMAIL_CAMPAIGN",
            Self::Of(MailKind::PostActivation) => "BRAZE_ACTIVATION_EMAIL_CAMPAIGN",
            Self::Of(MailKind::AutoApplied) => "BRAZE_AUTO_APPLY_EMAIL_CAMPAIGN",
            Self::Of(MailKind::ExpirationReminder) => "BRAZE_LICENSE_EXPIRATION_REMINDER_CAMPAIGN",
            Self::Of(MailKind::Expiration) => "BRAZE_SUBSCRIPTION_PLAN_EXPIRATION_CAMPAIGN",
            Self::Of(MailKind::RevocationCapReached) => "BRAZE_REVOKE_CAP_EMAIL_CAMPAIGN",
            Self::Of(MailKind::Utilization) => "BRAZE_UTILIZATION_EMAIL_CAMPAIGN",
            Self::Of(MailKind::FirstWeek) => "INITIAL_LICENSE_UTILIZATION_CAMPAIGN",
            Self::Of(MailKind::WeeklyUtilization) => "WEEKLY_LICENSE_UTILIZATION_CAMPAIGN",
            Self::Of(MailKind::EnrollmentResults) => "BRAZE_BULK_ENROLL_RESULT_CAMPAIGN",
            Self::AutoAppliedWithIdentityProvider => "BRAZE_AUTO_APPLY_IDP_EMAIL_CAMPAIGN",
        }
    }

    /// Every campaign.
    pub fn all() -> impl Iterator<Item = Self> {
        MailKind::ALL.iter().copied().map(Self::Of).chain([Self::AutoAppliedWithIdentityProvider])
    }
}

mod names {
    pub const LEARNER_PORTAL_URL: &str = "LEARNER_PORTAL_URL";
    pub const ADMIN_PORTAL_URL: &str = "ADMIN_PORTAL_URL";
    pub const CUSTOMER_SUCCESS_EMAIL: &str = "CUSTOMER_SUCCESS_EMAIL";
    pub const MAIL_SENDER: &str = "MAIL_SENDER";
}

impl MailSettings {
    /// The settings that are read here, besides those of Braze and SES.
    pub const DECLARED: &[Setting] = &[
        Setting::plain(names::LEARNER_PORTAL_URL).url(),
        Setting::plain(names::ADMIN_PORTAL_URL).url(),
        Setting::plain(names::CUSTOMER_SUCCESS_EMAIL),
        Setting::plain(names::MAIL_SENDER),
        Setting::plain(MailCampaign::Of(MailKind::Assignment).setting()),
        Setting::plain(MailCampaign::Of(MailKind::Reminder).setting()),
        Setting::plain(MailCampaign::Of(MailKind::PostActivation).setting()),
        Setting::plain(MailCampaign::Of(MailKind::AutoApplied).setting()),
        Setting::plain(MailCampaign::Of(MailKind::ExpirationReminder).setting()),
        Setting::plain(MailCampaign::Of(MailKind::Expiration).setting()),
        Setting::plain(MailCampaign::Of(MailKind::RevocationCapReached).setting()),
        Setting::plain(MailCampaign::Of(MailKind::Utilization).setting()),
        Setting::plain(MailCampaign::Of(MailKind::FirstWeek).setting()),
        Setting::plain(MailCampaign::Of(MailKind::WeeklyUtilization).setting()),
        Setting::plain(MailCampaign::Of(MailKind::EnrollmentResults).setting()),
        Setting::plain(MailCampaign::AutoAppliedWithIdentityProvider.setting()),
    ];

    /// Reads the settings by `lookup`. An empty value counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| text(&lookup, name);
        let sender = match text(names::MAIL_SENDER).as_deref() {
            Some("braze") => Some(Sender::Braze),
            Some("ses") => Some(Sender::Ses),
            Some("log") => Some(Sender::Log),
            _ if text("BRAZE_API_KEY").is_some() => Some(Sender::Braze),
            _ if text("SES_SENDER").is_some() => Some(Sender::Ses),
            _ => None,
        };
        Self {
            learner_portal: url(&lookup, names::LEARNER_PORTAL_URL),
            admin_portal: url(&lookup, names::ADMIN_PORTAL_URL),
            customer_success: text(names::CUSTOMER_SUCCESS_EMAIL).and_then(|email| EmailAddress::parse(&email).ok()),
            campaigns: MailCampaign::all().filter_map(|campaign| Some((campaign, text(campaign.setting())?))).collect(),
            sender,
        }
    }
}
