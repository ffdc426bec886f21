//! A customer for demonstrations: a few plans, a few learners, a token for each role. The ids are the same at every
//! start.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use chrono::{Days, NaiveTime};
use license_domain::{
    AgreementId, CatalogId, ChangeReason, CustomerAgreement, EmailAddress, EnterpriseId, LmsUserId, PlanId, Portfolio,
    ProductId, Random, SeatLayout, SeatPrefix, Stamp, SubscriptionPlan, Timestamp,
};
use license_storage::{
    Activate, Assign, AssignRequest, Assignment, Change, Learners, Portfolios, Prefetch, Provision, Revoke,
    RevokeRequest,
};
use license_storage_dynamodb::Store;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{StartError, keys::Signer};

const TAIL: u128 = 0x0000_4000_8000_0000_000d_e300;

pub const ENTERPRISE: EnterpriseId = EnterpriseId(Uuid::from_u128(0xeeee_eeee << 96 | TAIL));
const CATALOG: CatalogId = CatalogId(Uuid::from_u128(0xcccc_cccc << 96 | TAIL));
const AGREEMENT: AgreementId = AgreementId(Uuid::from_u128(0xaaaa_aaaa << 96 | TAIL));
/// The plan that the examples use.
pub const PLAN: PlanId = plan_id(1);
/// The plan with a million seats.
pub const MILLION: PlanId = plan_id(3);
/// The learner who has a token.
pub const LEARNER: &str = "learner@demo.example";

const fn plan_id(n: u128) -> PlanId {
    PlanId(Uuid::from_u128((0xbbbb_bbbb << 96 | TAIL) + n))
}

/// The terms in which demo plans differ.
struct Terms {
    id: PlanId,
    title: &'static str,
    seats: u64,
    /// When the plan starts and ends, in days from today.
    days: (i64, i64),
    auto_apply: bool,
}

const PLANS: [Terms; 4] = [
    Terms { id: PLAN, title: "Demo plan", seats: 100, days: (-30, 335), auto_apply: false },
    Terms { id: plan_id(2), title: "Open to everybody", seats: 20, days: (-10, 355), auto_apply: true },
    Terms { id: MILLION, title: "A million seats", seats: 1_000_000, days: (-5, 360), auto_apply: false },
    Terms { id: plan_id(4), title: "Last year", seats: 10, days: (-400, -35), auto_apply: false },
];

/// Learners of the demo plan: ten are invited, the first five have accepted, the last one's license is revoked.
const LEARNERS: [&str; 10] =
    ["ada", "alan", "barbara", "donald", "edsger", "frances", "grace", "john", "katherine", "tony"];
const ACTIVATED: usize = 5;

/// Creates the demo customer, unless it exists; returns whether it was created.
pub async fn make(store: &Store) -> Result<bool, StartError> {
    if store.portfolio_of_enterprise(ENTERPRISE).await?.is_some() {
        return Ok(false);
    }
    // A store with the same random numbers at every start.
    let random: Arc<dyn Random> = Arc::new(Seeded::new());
    let store = store.with_random(random);
    let failed = |error: &dyn std::fmt::Display| StartError::Demo(error.to_string());

    let now = store.clock().now();
    let change = Change::from(Stamp {
        actor: "demo".to_owned(),
        actor_lms_user_id: None,
        reason: "demo".to_owned(),
        request_id: "demo".to_owned(),
        at: now,
    });
    let agreement = CustomerAgreement {
        enterprise_customer_slug: Some("demo".to_owned()),
        enterprise_customer_name: Some("Demo Company".to_owned()),
        default_enterprise_catalog_uuid: Some(CATALOG),
        enable_auto_applied_subscriptions_with_universal_link: true,
        ..CustomerAgreement::new(AGREEMENT, ENTERPRISE, now)
    };
    store.create_agreement(&agreement, &change).await.map_err(|error| failed(&error))?;
    for (n, terms) in (1_u64..).zip(PLANS) {
        let plan = plan(&terms, SeatPrefix::from_bits(0x5ea7_0000_0000_0000 | n), now);
        store.create_plan(&agreement, &plan, &change).await.map_err(|error| failed(&error))?;
    }
    let portfolio = store.portfolio(AGREEMENT).await?.ok_or_else(|| failed(&"the agreement is not there"))?;
    invite(&store, &portfolio, &change).await?;
    Ok(true)
}

async fn invite(store: &Store, portfolio: &Portfolio, change: &Change) -> Result<(), StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Demo(error.to_string());
    let emails = LEARNERS.map(|name| EmailAddress::on_record(format!("{name}@demo.example")));
    let request = AssignRequest {
        assignments: emails.iter().map(|email| Assignment { email: email.clone(), source_id: None }).collect(),
        notify: false,
        greeting: None,
        closing: None,
        prefetch: Prefetch::default(),
        change: change.clone(),
    };
    store.assign(portfolio, PLAN, request).await.map_err(|error| failed(&error))?;
    for (email, number) in emails.iter().zip(101..).take(ACTIVATED) {
        for license in store.licenses_of(&email.key()).await? {
            let user = Some(LmsUserId(number));
            store.activate(portfolio, &license, user, change).await.map_err(|error| failed(&error))?;
        }
    }
    let last = emails[LEARNERS.len() - 1..].to_vec();
    let request = RevokeRequest { emails: last, prefetch: Prefetch::default(), change: change.clone() };
    store.revoke(portfolio, PLAN, request).await?;
    Ok(())
}

fn plan(terms: &Terms, prefix: SeatPrefix, now: Timestamp) -> SubscriptionPlan {
    let today = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    let day = |days: i64| {
        let distance = Days::new(days.unsigned_abs());
        if days < 0 { today.checked_sub_days(distance) } else { today.checked_add_days(distance) }.unwrap_or(today)
    };
    SubscriptionPlan {
        uuid: terms.id,
        title: terms.title.to_owned(),
        customer_agreement: AGREEMENT,
        start_date: day(terms.days.0),
        expiration_date: day(terms.days.1),
        expiration_processed: false,
        enterprise_catalog_uuid: None,
        is_active: true,
        is_revocation_cap_enabled: false,
        revoke_max_percentage: 5,
        num_revocations_applied: 0,
        salesforce_opportunity_id: None,
        salesforce_opportunity_line_item: Some("00k000000000000001".to_owned()),
        product: Some(ProductId(1)),
        for_internal_use_only: false,
        can_freeze_unused_licenses: false,
        last_freeze_timestamp: None,
        should_auto_apply_licenses: terms.auto_apply.then_some(true),
        auto_apply_since: terms.auto_apply.then_some(now),
        desired_num_licenses: Some(terms.seats),
        created: now,
        modified: now,
        change_reason: ChangeReason::New,
        seats: SeatLayout::for_total(terms.seats, prefix),
    }
}

/// A token for each role of the demo customer.
pub fn tokens(signer: &Signer) -> Result<BTreeMap<&'static str, String>, StartError> {
    let claims = |name: &str, email: &str, user_id: i64, role: String| json!({ "preferred_username": name, "email": email, "user_id": user_id, "roles": [role] });
    let all: [(&str, Value); 4] = [
        ("admin", claims("demo-admin", "admin@demo.example", 1, format!("enterprise_admin:{ENTERPRISE}"))),
        ("learner", claims("demo-learner", LEARNER, 2, format!("enterprise_learner:{ENTERPRISE}"))),
        ("operator", claims("demo-operator", "operator@demo.example", 3, "enterprise_openedx_operator:*".to_owned())),
        (
            "provisioning-admin",
            claims("demo-provisioner", "provisioner@demo.example", 4, "enterprise_provisioning_admin:*".to_owned()),
        ),
    ];
    all.into_iter()
        .map(|(role, claims)| Ok((role, signer.sign(claims).map_err(|error| StartError::Keys(error.to_string()))?)))
        .collect()
}

/// Random numbers that are always the same.
#[derive(Debug)]
struct Seeded(Mutex<StdRng>);

impl Seeded {
    fn new() -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(0xde30)))
    }
}

impl Random for Seeded {
    fn bits(&self) -> u128 {
        let mut random = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())
    }
}
