//! The routes over ports that live in memory.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use license_domain::{
    ActivationKey, AgreementId, Clock, CustomerAgreement, EmailAddress, EmailKey, EnterpriseId, License, LicenseId,
    LicenseStatus, PlanId, Portfolio, ProductCatalog, Random, SeatCounts, SeatLayout, SeatPrefix, SubscriptionPlan,
    Timestamp,
};
use license_store::{
    StoreError,
    ports::{
        Assign, AssignError, AssignRequest, Assigned, Glance, Glances, LicenseFilter, LicenseQuery, Licenses,
        Portfolios, Revocation, Revoke, RevokeRequest, StoredUser, Users,
    },
};
use license_web::{Settings, Web};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{Context, router};

const PLAN: PlanId = PlanId(Uuid::from_u128(0xb2));
const LICENSES: &str = "/api/v1/subscriptions/00000000-0000-0000-0000-0000000000b2/licenses/";
const UNKNOWN: &str = "/api/v1/subscriptions/00000000-0000-0000-0000-0000000000ff/licenses/";
const ADMIN: &str = "enterprise_admin:00000000-0000-0000-0000-0000000000ea";
const OTHER_ADMIN: &str = "enterprise_admin:00000000-0000-0000-0000-0000000000eb";
const LEARNER: &str = "enterprise_learner:00000000-0000-0000-0000-0000000000ea";
const SUPERUSER: &str = "";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-23T10:46:08Z".parse().expect("a date")
    }
}

impl Random for Fixed {
    fn bits(&self) -> u128 {
        7
    }
}

/// One plan of four licences, of which Ann has one in use and Bob an invitation.
struct Memory {
    portfolio: Portfolio,
    licenses: Vec<License>,
}

impl Memory {
    fn new() -> Self {
        let now = Fixed.now();
        let agreement = AgreementId(Uuid::from_u128(0xaa));
        let plan = plan(agreement, now);
        let seat = |n| License::unassigned(LicenseId(Uuid::from_u128(n)), PLAN, now);
        let taken = |n, email| {
            let key = ActivationKey(Uuid::from_u128(n + 0x20));
            seat(n).assign(EmailAddress::on_record(email), key, now).expect("a free seat")
        };
        let ann = taken(1, "ann@x.example").activate(None, now).expect("assigned").expect("a change");
        let customer = EnterpriseId(Uuid::from_u128(0xea));
        let agreement = CustomerAgreement {
            enterprise_customer_slug: Some("acme".to_owned()),
            ..CustomerAgreement::new(agreement, customer, now)
        };
        Self {
            portfolio: Portfolio { agreement, plans: vec![plan], renewals: Vec::new() },
            licenses: vec![ann, taken(2, "Bob@x.example"), seat(3), seat(4)],
        }
    }

    fn meant(&self, filter: &LicenseFilter) -> Vec<License> {
        self.licenses.iter().filter(|license| filter.matches(license)).cloned().collect()
    }
}

fn plan(agreement: AgreementId, now: Timestamp) -> SubscriptionPlan {
    SubscriptionPlan {
        uuid: PLAN,
        title: "Plan".to_owned(),
        customer_agreement: agreement,
        start_date: now,
        expiration_date: now,
        expiration_processed: false,
        enterprise_catalog_uuid: None,
        is_active: true,
        is_revocation_cap_enabled: false,
        revoke_max_percentage: 5,
        num_revocations_applied: 0,
        salesforce_opportunity_id: None,
        salesforce_opportunity_line_item: None,
        product: None,
        for_internal_use_only: false,
        can_freeze_unused_licenses: false,
        last_freeze_timestamp: None,
        should_auto_apply_licenses: None,
        desired_num_licenses: None,
        created: now,
        modified: now,
        change_reason: license_domain::ChangeReason::New,
        seats: SeatLayout::for_total(4, SeatPrefix::from_bits(1)),
    }
}

#[async_trait]
impl Users for Memory {
    async fn user(&self, _: &str) -> Result<StoredUser, StoreError> {
        Ok(StoredUser::default())
    }
}

#[async_trait]
impl Portfolios for Memory {
    async fn portfolio(&self, _: AgreementId) -> Result<Option<Portfolio>, StoreError> {
        Ok(Some(self.portfolio.clone()))
    }
    async fn portfolio_of_enterprise(&self, _: EnterpriseId) -> Result<Option<Portfolio>, StoreError> {
        Ok(Some(self.portfolio.clone()))
    }
    async fn portfolio_of_plan(&self, plan: PlanId) -> Result<Option<Portfolio>, StoreError> {
        Ok((plan == PLAN).then(|| self.portfolio.clone()))
    }
    async fn portfolios(&self, _: &[AgreementId]) -> Result<Vec<Portfolio>, StoreError> {
        Ok(vec![self.portfolio.clone()])
    }
    async fn all_agreements(&self) -> Result<Vec<AgreementId>, StoreError> {
        Ok(Vec::new())
    }
    async fn all_plans(&self) -> Result<Vec<(PlanId, AgreementId)>, StoreError> {
        Ok(Vec::new())
    }
    async fn seat_counts(&self, _: &[&SubscriptionPlan]) -> Result<HashMap<PlanId, SeatCounts>, StoreError> {
        Ok(HashMap::new())
    }
    async fn products(&self) -> Result<ProductCatalog, StoreError> {
        Ok(ProductCatalog::default())
    }
}

#[async_trait]
impl Licenses for Memory {
    async fn license(&self, _: &SubscriptionPlan, license: LicenseId) -> Result<Option<License>, StoreError> {
        Ok(self.licenses.iter().find(|known| known.uuid == license).cloned())
    }

    async fn count(
        &self,
        _: &SubscriptionPlan,
        filter: &LicenseFilter,
    ) -> Result<Vec<(LicenseStatus, u64)>, StoreError> {
        let meant = self.meant(filter);
        let count = |status| meant.iter().filter(|license| license.status == status).map(|_| 1_u64).sum();
        Ok(LicenseStatus::ALL.into_iter().map(|status| (status, count(status))).filter(|(_, n)| *n > 0).collect())
    }

    async fn list(&self, _: &SubscriptionPlan, query: &LicenseQuery) -> Result<Vec<License>, StoreError> {
        let offset = usize::try_from(query.offset).expect("small");
        Ok(self.meant(&query.filter).into_iter().skip(offset).take(query.limit).collect())
    }
}

#[async_trait]
impl Glances for Memory {
    async fn glance(&self, _: PlanId, _: &[EmailKey]) -> Result<Glance, StoreError> {
        Ok(Glance::default())
    }
}

#[async_trait]
impl Assign for Memory {
    async fn assign(&self, _: &Portfolio, _: PlanId, request: AssignRequest) -> Result<Assigned, AssignError> {
        let holds =
            |email: &EmailAddress| self.licenses.iter().any(|license| license.user_email.as_ref() == Some(email));
        let all = request.assignments.len();
        let fresh: Vec<EmailAddress> =
            request.assignments.into_iter().map(|wish| wish.email).filter(|email| !holds(email)).collect();
        let (wanted, available) = (fresh.len() as u64, 2);
        if wanted > available {
            return Err(AssignError::NotEnough { wanted, available });
        }
        let already_associated = all as u64 - wanted;
        let assigned = fresh.into_iter().zip([3, 4].map(|n| LicenseId(Uuid::from_u128(n)))).collect();
        Ok(Assigned { assigned, already_associated })
    }
}

#[async_trait]
impl Revoke for Memory {
    async fn revoke(
        &self,
        _: &Portfolio,
        _: PlanId,
        request: RevokeRequest,
    ) -> Result<Vec<(EmailAddress, Revocation)>, StoreError> {
        let of = |email: &EmailAddress| {
            let held = self.licenses.iter().find(|license| license.user_email.as_ref() == Some(email));
            held.map_or(Revocation::NotFound, |license| Revocation::Revoked {
                license: license.uuid,
                original_status: license.status,
            })
        };
        Ok(request.emails.into_iter().map(|email| (email.clone(), of(&email))).collect())
    }
}

/// Calls as somebody with that role (none: a superuser); the answer's status and body.
async fn call(method: &str, path: &str, role: &str, body: Option<Value>) -> (u16, Value) {
    let (status, _, body) = raw(method, path, role, body).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

async fn raw(method: &str, path: &str, role: &str, body: Option<Value>) -> (u16, String, String) {
    let memory = Arc::new(Memory::new());
    let settings = Settings::from_lookup(|name| match name {
        "JWT_SECRET_KEY" => Some("secret".to_owned()),
        "LEARNER_PORTAL_URL" => Some("https://learn.example/".to_owned()),
        _ => None,
    });
    let web = Web::new(&settings.expect("valid"), memory.clone(), Arc::new(Fixed), Arc::new(Fixed)).expect("web");
    let context = Context {
        web,
        portfolios: memory.clone(),
        licenses: memory.clone(),
        glances: memory.clone(),
        assign: memory.clone(),
        revoke: memory,
    };
    let roles: Vec<&str> = if role.is_empty() { Vec::new() } else { vec![role] };
    let claims = json!({
        "preferred_username": "somebody", "roles": roles, "superuser": role.is_empty(),
        "exp": Fixed.now().timestamp() + 60,
    });
    let key = jsonwebtoken::EncodingKey::from_secret(b"secret");
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "licenses.example")
        .header(header::AUTHORIZATION, format!("JWT {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
        .expect("a request");
    let response = router(context).oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_owned();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, media_type, String::from_utf8(bytes.to_vec()).expect("text"))
}

async fn get(path: &str, role: &str) -> (u16, Value) {
    call("GET", path, role, None).await
}

async fn post(path: &str, role: &str, body: Value) -> (u16, Value) {
    call("POST", path, role, Some(body)).await
}

fn missing() -> (u16, Value) {
    (403, json!({"detail": "MISSING: subscriptions.has_admin_access"}))
}

#[tokio::test]
async fn the_list_comes_in_pages_with_links() {
    let (status, page) = get(&format!("{LICENSES}?page_size=3&page=2"), ADMIN).await;
    assert_eq!((status, &page["count"], &page["num_pages"]), (200, &json!(4), &json!(2)));
    assert_eq!(page["previous"], json!(format!("http://licenses.example{LICENSES}?page_size=3")));
    assert_eq!((page["next"].clone(), page["results"].as_array().map(Vec::len)), (Value::Null, Some(1)));
    let (_, last) = get(&format!("{LICENSES}?page=last&page_size=3"), ADMIN).await;
    assert_eq!(last["results"], page["results"]);
    let invalid = (404, json!({"detail": "Invalid page."}));
    assert_eq!(get(&format!("{LICENSES}?page_size=3&page=3"), ADMIN).await, invalid);
    let (_, found) = get(&format!("{LICENSES}?search=BOB&status=assigned,revoked"), ADMIN).await;
    assert_eq!(found["results"][0]["user_email"], json!("Bob@x.example"));
    let (_, active) = get(&format!("{LICENSES}?active_only=1"), ADMIN).await;
    assert_eq!(active["count"], json!(2));
    assert_eq!(get(&format!("{LICENSES}?active_only=abc"), ADMIN).await.0, 400);
}

#[tokio::test]
async fn what_the_caller_does_not_reach_has_no_licences() {
    let empty = json!({"count": 0, "next": null, "previous": null, "results": [], "num_pages": 1});
    assert_eq!(get(LICENSES, OTHER_ADMIN).await, (200, empty.clone()));
    assert_eq!(get(UNKNOWN, ADMIN).await, (200, empty));
    let (status, _) = get(LICENSES, LEARNER).await;
    assert_eq!(status, 403);
    assert_eq!(get("/api/v1/subscriptions/junk/licenses/", ADMIN).await, (404, json!({"detail": "Not found."})));
}

#[tokio::test]
async fn one_licence_is_shown_to_its_customers_admins() {
    let path = |n: u128| format!("{LICENSES}{}/", Uuid::from_u128(n));
    let (status, license) = get(&path(1), ADMIN).await;
    assert_eq!((status, &license["status"]), (200, &json!("activated")));
    assert_eq!(get(&path(1), OTHER_ADMIN).await, missing());
    let not_found = (404, json!({"detail": "No License matches the given query."}));
    assert_eq!(get(&path(9), ADMIN).await, not_found);
    assert_eq!(get(&format!("{UNKNOWN}{}/", Uuid::from_u128(1)), ADMIN).await, missing());
    assert_eq!(get(&format!("{UNKNOWN}{}/", Uuid::from_u128(1)), SUPERUSER).await, not_found);
    assert_eq!(get(&format!("{LICENSES}junk/"), ADMIN).await, (404, json!({"detail": "Not found."})));
}

#[tokio::test]
async fn the_overview_counts_the_most_first() {
    let lines = json!([
        {"status": "unassigned", "count": 2}, {"status": "activated", "count": 1}, {"status": "assigned", "count": 1}
    ]);
    assert_eq!(get(&format!("{LICENSES}overview/"), ADMIN).await, (200, lines));
    assert_eq!(get(&format!("{LICENSES}overview"), LEARNER).await, missing());
    assert_eq!(get(&format!("{UNKNOWN}overview/"), ADMIN).await, missing());
    assert_eq!(get(&format!("{UNKNOWN}overview/"), SUPERUSER).await, (200, json!([])));
}

#[tokio::test]
async fn the_csv_is_a_table_of_taken_licences() {
    let (status, media_type, body) = raw("GET", &format!("{LICENSES}csv/"), ADMIN, None).await;
    assert_eq!((status, media_type.as_str()), (200, "text/csv"));
    let lines: Vec<&str> = body.split("\r\n").collect();
    assert_eq!(lines.len(), 4);
    let link = format!("https://learn.example/acme/licenses/{}/activate", Uuid::from_u128(0x22));
    assert_eq!(lines[2], format!(",{link},,assigned,Bob@x.example"));
    assert_eq!(get(&format!("{UNKNOWN}csv/"), ADMIN).await, missing());
    assert_eq!(get(&format!("{UNKNOWN}csv/"), SUPERUSER).await.0, 404);
}

#[tokio::test]
async fn assigning_tells_who_got_what() {
    let path = format!("{LICENSES}assign/");
    let body = json!({"user_emails": ["Cat@x.example", "cat@X.example ", "ann@x.example"], "notify_users": false});
    let answer = json!({
        "num_successful_assignments": 1,
        "num_already_associated": 1,
        "license_assignments": [{"user_email": "cat@x.example", "license": Uuid::from_u128(3)}],
    });
    assert_eq!(post(&path, ADMIN, body.clone()).await, (200, answer));
    let three = json!({"user_emails": ["c@x.example", "d@x.example", "e@x.example"]});
    let too_few = json!("The plan has too few unassigned licenses: 3 wanted, 2 available.");
    assert_eq!(post(&path, ADMIN, three).await, (400, too_few));
    assert_eq!(post(&format!("{UNKNOWN}assign/"), ADMIN, body.clone()).await, missing());
    let not_found = (404, json!({"detail": "No SubscriptionPlan matches the given query."}));
    assert_eq!(post(&format!("{UNKNOWN}assign/"), SUPERUSER, body).await, not_found);
}

#[tokio::test]
async fn a_body_is_looked_at_only_for_those_who_may() {
    for route in ["assign/", "bulk-revoke/"] {
        let path = format!("{LICENSES}{route}");
        assert_eq!(post(&path, OTHER_ADMIN, json!({})).await, missing());
        assert_eq!(post(&path, LEARNER, json!({})).await, missing());
        assert_eq!(post(&path, ADMIN, json!({})).await.0, 400);
    }
    let required = json!({"user_emails": ["This field is required."]});
    assert_eq!(call("POST", &format!("{LICENSES}assign/"), ADMIN, None).await, (400, required));
}

#[tokio::test]
async fn revoking_tells_what_became_of_whom() {
    let path = format!("{LICENSES}bulk-revoke/");
    let (status, body) = post(&path, ADMIN, json!({"user_emails": ["ANN@x.example", "zoe@x.example"]})).await;
    assert_eq!(status, StatusCode::MULTI_STATUS.as_u16());
    let ann =
        json!([{"license_uuid": Uuid::from_u128(1), "original_status": "activated", "user_email": "ann@x.example"}]);
    assert_eq!(body["successful_revocations"], ann);
    assert_eq!(body["unsuccessful_revocations"][0]["error_response_status"], json!(404));
    let (status, body) = post(&path, ADMIN, json!({"user_emails": ["zoe@x.example"]})).await;
    assert_eq!((status, body.as_object().map(serde_json::Map::len)), (404, Some(1)));
    let (status, body) =
        post(&path, ADMIN, json!({"filters": [{"name": "status_in", "filter_value": ["assigned"]}]})).await;
    assert_eq!((status, &body["successful_revocations"][0]["user_email"]), (200, &json!("Bob@x.example")));
}
