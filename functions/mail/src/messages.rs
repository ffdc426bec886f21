//! The recipients of a mail, and its contents.

use license_clients::{ClientError, EnterpriseCustomer, Service};
use license_domain::{
    AgreementId, Consequence, DeliveryId, EmailAddress, EnterpriseId, Event, LicenseChange, MailKind, Portfolio,
    SeatCounts, SubscriptionPlan, Timestamp, delivery::MAX_RECIPIENTS,
};
use license_storage::StoreError;
use serde_json::{Map, Value, json};

use crate::{Context, error::MailError};

/// The sender's name if the customer has none.
const SENDER_ALIAS: &str = "edX Support Team";

/// A mail that an event requests.
pub(crate) struct Mail {
    pub kind: MailKind,
    pub portfolio: Portfolio,
    pub plan: Option<SubscriptionPlan>,
    pub people: Vec<Person>,
    greeting: String,
    closing: String,
    /// Additional properties of its text.
    more: Map<String, Value>,
}

/// A recipient.
pub(crate) struct Person {
    email: EmailAddress,
    /// The learner's license, after the change that the mail is about.
    license: Option<LicenseChange>,
}

/// The mail of one recipient.
#[derive(Clone, Debug)]
pub struct PersonalMail {
    pub email: EmailAddress,
    /// The values for the mail's template.
    pub properties: Map<String, Value>,
    /// The recipient's attributes, for the service that sends the mail.
    pub attributes: Map<String, Value>,
    /// The address for replies.
    pub reply_to: Option<String>,
}

impl Mail {
    pub(crate) const fn enterprise(&self) -> EnterpriseId {
        self.portfolio.agreement.enterprise_customer_uuid
    }

    pub(crate) const fn agreement(&self) -> AgreementId {
        self.portfolio.agreement.uuid
    }

    pub(crate) fn addresses(&self) -> Vec<EmailAddress> {
        self.people.iter().map(|person| person.email.clone()).collect()
    }
}

/// The mail of that id; none if the customer has disabled it. `frozen`: its recipients, if they were decided before.
pub(crate) async fn find(
    context: &Context,
    event: &Event,
    id: DeliveryId,
    frozen: Option<Vec<EmailAddress>>,
) -> Result<Option<Mail>, MailError> {
    let Some(consequence) = event.consequences.get(id.consequence) else { return Ok(None) };
    if let Consequence::ResendMail { delivery } = consequence {
        return again(context, *delivery).await;
    }
    let Some(mut mail) = about(context, event, consequence).await? else { return Ok(None) };
    mail.people = match (mail.kind.is_for_learners(), frozen) {
        (true, _) => {
            let learners = event
                .licenses
                .iter()
                .filter_map(|change| Some(Person { email: change.email.clone()?, license: Some(change.clone()) }));
            learners.skip(id.part * MAX_RECIPIENTS).take(MAX_RECIPIENTS).collect()
        }
        (false, Some(frozen)) => frozen.into_iter().map(without_license).collect(),
        (false, None) => others(context, &mail).await?.into_iter().map(without_license).collect(),
    };
    if mail.people.is_empty() {
        tracing::warn!(mail = %id, kind = mail.kind.as_str(), "mail has no recipients, not sent");
        return Ok(None);
    }
    Ok(Some(mail))
}

/// A mail that is sent again to those who may not have it.
async fn again(context: &Context, of: DeliveryId) -> Result<Option<Mail>, MailError> {
    let (event, delivery) = (context.events.event(of.event).await?, context.deliveries.delivery(&of).await?);
    let (Some(event), Some(delivery)) = (event, delivery) else {
        tracing::error!(mail = %of, "mail cannot be sent again, its event has expired");
        return Ok(None);
    };
    let missing = delivery.missing();
    let found = Box::pin(find(context, &event, of, delivery.recipients)).await?;
    Ok(found.map(|mut mail| {
        let people = mail.people.into_iter().enumerate().filter(|(n, _)| missing.contains(n));
        mail.people = people.map(|(_, person)| person).collect();
        mail
    }))
}

const fn without_license(email: EmailAddress) -> Person {
    Person { email, license: None }
}

async fn about(context: &Context, event: &Event, consequence: &Consequence) -> Result<Option<Mail>, MailError> {
    let Some(kind) = consequence.mail() else { return Ok(None) };
    let Some(portfolio) = context.portfolios.portfolio(event.agreement).await? else { return Ok(None) };
    let is_onboarding = matches!(kind, MailKind::Assignment | MailKind::PostActivation | MailKind::AutoApplied);
    if is_onboarding && portfolio.agreement.disable_onboarding_notifications {
        return Ok(None);
    }
    let (greeting, closing) = match consequence {
        Consequence::MailAssignment { greeting, closing } | Consequence::MailReminder { greeting, closing } => {
            (greeting.clone(), closing.clone())
        }
        _ => (None, None),
    };
    let is_of_expiration = matches!(kind, MailKind::ExpirationReminder | MailKind::Expiration);
    if is_of_expiration && portfolio.agreement.disable_expiration_notifications {
        return Ok(None);
    }
    let plan = event.plan.and_then(|plan| portfolio.plan(plan)).cloned();
    let mut more = Map::new();
    if let Some(plan) = &plan {
        more.insert("subscription_plan_uuid".to_owned(), json!(plan.uuid));
        more.insert("subscription_plan_title".to_owned(), json!(plan.title));
        let end = plan.expiration_date;
        let shown = if kind.is_of_utilization() { json!(shown(end)) } else { json!(end) };
        more.insert("subscription_plan_expiration_date".to_owned(), shown);
    }
    if let Some(plan) = plan.as_ref().filter(|_| kind.is_of_utilization()) {
        let counts = counts(context, plan).await?;
        more.insert("num_allocated_licenses".to_owned(), json!(counts.allocated()));
        more.insert("num_licenses".to_owned(), json!(plan.seats.total));
    }
    match consequence {
        Consequence::MailRevocationCapReached => {
            if let Some(plan) = &plan {
                more.insert("SUBSCRIPTION_TITLE".to_owned(), json!(plan.title));
                more.insert("NUM_REVOCATIONS_APPLIED".to_owned(), json!(plan.num_revocations_applied));
            }
            more.insert("REVOKED_LIMIT_REACHED_DATE".to_owned(), json!(shown(event.stamp.at)));
        }
        Consequence::MailUtilization { percent } => {
            more.insert("percent_allocated".to_owned(), json!(percent));
            more.insert("num_total_licenses".to_owned(), json!(plan.as_ref().map(|plan| plan.seats.total)));
        }
        Consequence::MailFirstWeek { taken } => {
            more.insert("num_auto_applied_licenses_since_turned_on".to_owned(), json!(taken));
        }
        Consequence::MailWeeklyUtilization { activations, revocations } => {
            more.insert("num_activations_in_week".to_owned(), json!(activations));
            more.insert("num_revocations_in_week".to_owned(), json!(revocations));
        }
        Consequence::MailExpirationReminder { end } => {
            more.insert("expiration_date".to_owned(), json!(end.format("%Y-%m-%dT%H:%M:%SZ").to_string()));
            more.insert("days_until_expiration".to_owned(), json!(days_between(event.stamp.at, *end)));
        }
        Consequence::MailExpiration { end } => {
            more.insert("expiration_date".to_owned(), json!(end.format("%Y-%m-%dT%H:%M:%SZ").to_string()));
            more.insert("days_since_expiration".to_owned(), json!(days_between(*end, event.stamp.at)));
        }
        Consequence::MailEnrollmentResults { job } => {
            more.insert("bulk_enrollment_job_uuid".to_owned(), json!(job));
        }
        _ => {}
    }
    let (greeting, closing) = (greeting.unwrap_or_default(), closing.unwrap_or_default());
    Ok(Some(Mail { kind, portfolio, plan, people: Vec::new(), greeting, closing, more }))
}

async fn counts(context: &Context, plan: &SubscriptionPlan) -> Result<SeatCounts, StoreError> {
    let counted = context.portfolios.seat_counts(&[plan]).await?;
    Ok(*counted.get(&plan.uuid).expect("seat_counts has every plan that it is asked for"))
}

/// The recipients of a mail that is not for learners.
async fn others(context: &Context, mail: &Mail) -> Result<Vec<EmailAddress>, MailError> {
    match mail.kind {
        MailKind::RevocationCapReached => Ok(context.settings.customer_success.clone().into_iter().collect()),
        MailKind::EnrollmentResults => {
            let job = mail.more.get("bulk_enrollment_job_uuid").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let job = match job {
                Some(job) => context.jobs.job(job).await?,
                None => None,
            };
            Ok(job.and_then(|job| job.requester_email).into_iter().collect())
        }
        _ => {
            let mut admins = context.enterprises.admins(mail.enterprise()).await?;
            admins.truncate(MAX_RECIPIENTS);
            Ok(admins)
        }
    }
}

/// The mails of all recipients. Without the customer's details they would have no link, sender or address for replies:
/// if the enterprise service does not know the customer, the mail waits until it does.
pub(crate) async fn write(context: &Context, mail: &Mail) -> Result<Vec<PersonalMail>, MailError> {
    let unknown = ClientError::Refused { service: Service::Enterprise, status: 404 };
    let customer = context.enterprises.customer(mail.enterprise()).await?.ok_or(unknown)?;
    let common = common(context, mail, &customer);
    let message = |person: &Person| {
        let mut properties = common.clone();
        if let Some(key) = person.license.as_ref().and_then(|license| license.activation_key) {
            properties.insert("license_activation_key".to_owned(), json!(key));
            if let (Some(portal), Some(slug)) = (&context.settings.learner_portal, slug(mail, &customer)) {
                let link = format!("{portal}/{slug}/licenses/{key}/activate");
                properties.insert("license_activation_link".to_owned(), json!(link));
            }
        }
        let attributes = attributes(mail.kind, person);
        PersonalMail { email: person.email.clone(), properties, attributes, reply_to: customer.reply_to.clone() }
    };
    Ok(mail.people.iter().map(message).collect())
}

/// The format of days in mails.
fn shown(at: Timestamp) -> String {
    at.format("%b %-d, %Y").to_string()
}

/// Calendar days from one day to another one.
fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    (to.date_naive() - from.date_naive()).num_days()
}

/// Templates of invitations and reminders also use attributes of the recipient.
fn attributes(kind: MailKind, person: &Person) -> Map<String, Value> {
    let mut attributes = Map::from_iter([("email".to_owned(), json!(person.email))]);
    if let (MailKind::Assignment | MailKind::Reminder, Some(license)) = (kind, &person.license) {
        let facts = license.after;
        attributes.extend([
            ("license_uuid".to_owned(), json!(license.license)),
            ("license_activation_key".to_owned(), json!(license.activation_key)),
            ("assigned_email".to_owned(), json!(person.email)),
            ("assigned_date".to_owned(), json!(facts.assigned_date)),
            ("activation_date".to_owned(), json!(facts.activation_date)),
        ]);
    }
    attributes
}

fn slug<'a>(mail: &'a Mail, customer: &'a EnterpriseCustomer) -> Option<&'a String> {
    customer.slug.as_ref().or(mail.portfolio.agreement.enterprise_customer_slug.as_ref())
}

fn common(context: &Context, mail: &Mail, customer: &EnterpriseCustomer) -> Map<String, Value> {
    let slug = slug(mail, customer);
    let name = customer.name.as_ref().or(mail.portfolio.agreement.enterprise_customer_name.as_ref());
    let mut properties = mail.more.clone();
    let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    put("TEMPLATE_GREETING", json!(mail.greeting));
    put("TEMPLATE_CLOSING", json!(mail.closing));
    put("enterprise_customer_slug", json!(slug));
    put("enterprise_customer_name", json!(name));
    let alias = customer.sender_alias.as_deref().filter(|alias| !alias.is_empty()).unwrap_or(SENDER_ALIAS);
    put("enterprise_sender_alias", json!(alias));
    put("enterprise_contact_email", json!(customer.contact_email));
    if !mail.kind.is_for_learners()
        && let (Some(portal), Some(slug)) = (&context.settings.admin_portal, slug)
    {
        put("admin_portal_link", json!(format!("{portal}/{slug}")));
        put("admin_portal_url", json!(format!("{portal}/{slug}")));
        if let Some(job) = mail.more.get("bulk_enrollment_job_uuid").and_then(Value::as_str) {
            put("results_url", json!(format!("{portal}/{slug}/admin/bulk-enrollment-results/{job}")));
        }
    }
    if mail.kind == MailKind::RevocationCapReached {
        put("ENTERPRISE_NAME", json!(name));
    }
    if mail.kind == MailKind::AutoApplied {
        let variant =
            customer.identity_provider.is_some() && !customer.enable_integrated_customer_learner_portal_search;
        put("has_identity_provider_and_no_search", json!(variant));
    }
    properties
}

/// Links learners to the customer before their first mail, so that the portal knows them when they open its link.
pub(crate) async fn link(context: &Context, mail: &Mail, messages: &[PersonalMail]) -> Result<(), ClientError> {
    if !matches!(mail.kind, MailKind::Assignment | MailKind::Reminder) {
        return Ok(());
    }
    let emails: Vec<EmailAddress> = messages.iter().map(|message| message.email.clone()).collect();
    context.enterprises.link_learners(mail.enterprise(), &emails).await
}
