//! A dump of an installation with large plans, in the importer's format.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use chrono::{Days, TimeDelta};
use license_domain::Timestamp;
use serde_json::{Value, json};

/// The customer of all plans.
pub const CUSTOMER: &str = "eeeeeeee-0000-4000-8000-0000000000b1";
pub const AGREEMENT: &str = "aaaaaaaa-0000-4000-8000-0000000000b1";
const WHEN: &str = "2026-02-03T04:05:06.789012+00:00";

/// A plan of the dump.
#[derive(Clone, Copy, Debug)]
pub struct DumpedPlan {
    /// Its number, from which its ids are made.
    pub number: u32,
    pub licenses: u32,
    /// Whether its licenses have learners.
    pub is_assigned: bool,
}

impl DumpedPlan {
    pub fn id(self) -> String {
        format!("bbbbbbbb-0000-4000-8000-{:012x}", self.number)
    }

    /// The address of one of its learners.
    pub fn email(self, learner: u32) -> String {
        format!("learner{learner:07}.plan{}@example.com", self.number)
    }
}

/// Writes the dump of these plans, as of a time.
pub fn write(path: &Path, plans: &[DumpedPlan], now: Timestamp) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let agreement = json!({
        "enterprise_customer_uuid": CUSTOMER, "enterprise_customer_slug": "bench", "enterprise_customer_name": "Bench",
        "default_enterprise_catalog_uuid": "cccccccc-0000-4000-8000-0000000000b1",
        "disable_expiration_notifications": false, "disable_onboarding_notifications": true,
        "license_duration_before_purge": "P90DT00H00M00S", "has_custom_license_expiration_messaging": false,
        "modal_header_text": null, "expired_subscription_modal_messaging": null, "button_label_in_modal": null,
        "url_for_button_in_modal": null, "enable_auto_applied_subscriptions_with_universal_link": false,
        "enable_auto_scaling_of_current_plan": false, "auto_scaling_max_licenses": null,
        "auto_scaling_threshold_percentage": null, "auto_scaling_increment_percentage": null,
    });
    let plan_type = json!({ "label": "Standard Paid", "description": "", "is_paid_subscription": true,
        "ns_id_required": true, "sf_id_required": true, "internal_use_only": false });
    let product = json!({ "name": "B2B Paid", "description": "", "salesforce_product_id": null, "netsuite_id": 106,
        "plan_type": 1 });
    write!(file, "[")?;
    put(&mut file, "subscriptions.plantype", &json!(1), plan_type)?;
    write!(file, ",")?;
    put(&mut file, "subscriptions.product", &json!(1), product)?;
    write!(file, ",")?;
    put(&mut file, "subscriptions.customeragreement", &json!(AGREEMENT), agreement)?;
    for plan in plans {
        let fields = json!({
            "title": format!("Plan {}", plan.number), "customer_agreement": AGREEMENT,
            "start_date": now - Days::new(300), "expiration_date": now + Days::new(400),
            "expiration_processed": false, "enterprise_catalog_uuid": null, "is_active": true,
            "is_revocation_cap_enabled": false, "revoke_max_percentage": 5, "num_revocations_applied": 0,
            "salesforce_opportunity_id": null, "salesforce_opportunity_line_item": "00k000000000000001", "product": 1,
            "for_internal_use_only": false, "can_freeze_unused_licenses": false, "last_freeze_timestamp": null,
            "should_auto_apply_licenses": null, "desired_num_licenses": plan.licenses,
        });
        write!(file, ",")?;
        put(&mut file, "subscriptions.subscriptionplan", &json!(plan.id()), fields)?;
        for n in 0..plan.licenses {
            write!(file, ",")?;
            put(&mut file, "subscriptions.license", &json!(id("1111", *plan, n)), license(*plan, n, now))?;
        }
    }
    write!(file, "]")?;
    file.flush()
}

/// Assigned in the last two months: what is never activated is purged after three, which would be measured, too.
fn license(plan: DumpedPlan, n: u32, now: Timestamp) -> Value {
    let ago = |days: u32, hours: u32| now - TimeDelta::days(days.into()) - TimeDelta::hours(hours.into());
    let is_activated = plan.is_assigned && n % 5 < 3;
    json!({
        "status": match (plan.is_assigned, is_activated) {
            (false, _) => "unassigned",
            (true, false) => "assigned",
            (true, true) => "activated",
        },
        "subscription_plan": plan.id(),
        "user_email": plan.is_assigned.then(|| plan.email(n)),
        "lms_user_id": is_activated.then_some(1_000 + n),
        "activation_key": plan.is_assigned.then(|| id("2222", plan, n)),
        "assigned_date": plan.is_assigned.then(|| ago(28 + n % 28, 0)),
        "activation_date": is_activated.then(|| ago(1 + n % 20, n % 24)),
        "last_remind_date": null, "revoked_date": null, "renewed_to": null, "auto_applied": null,
    })
}

/// A UUID of one license: spread over the index as random ones are, but the same in each run.
fn id(head: &str, plan: DumpedPlan, n: u32) -> String {
    let mixed = n.wrapping_mul(0x9e37_79b1) ^ plan.number.rotate_left(16);
    format!("{head}{:04x}-{:04x}-4000-8000-{:04x}{n:08x}", mixed >> 16, mixed & 0xffff, plan.number)
}

fn put(file: &mut impl Write, model: &str, pk: &Value, mut fields: Value) -> io::Result<()> {
    fields["created"] = json!(WHEN);
    fields["modified"] = json!(WHEN);
    serde_json::to_writer(file, &json!({ "model": model, "pk": pk, "fields": fields })).map_err(io::Error::from)
}
