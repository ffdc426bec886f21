//! The routes over ports that live in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use license_clients::{Catalogs, ClientError, Service};
use license_domain::{
    AgreementId, CatalogId, Clock, CustomerAgreement, EnterpriseId, PlanId, Portfolio, ProductCatalog, Random,
    SeatCounts, Stamp, SubscriptionPlan, Timestamp,
};
use license_store::{
    StoreError,
    ports::{CreateAgreementError, CreatePlanError, Portfolios, Provision, StoredUser, Users},
};
use license_web::{Settings, Web};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{Context, router};

const AGREEMENT: AgreementId = AgreementId(Uuid::from_u128(0xaa));
const CUSTOMER: EnterpriseId = EnterpriseId(Uuid::from_u128(0xea));
const CATALOG: CatalogId = CatalogId(Uuid::from_u128(0xca));
const DOWN: CatalogId = CatalogId(Uuid::from_u128(0xdd));
const AGREEMENTS: &str = "/api/v1/provisioning-admins/customer-agreement/";
const PLANS: &str = "/api/v1/provisioning-admins/subscriptions/";
const PROVISIONER: &str = "enterprise_provisioning_admin:*";

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

/// One agreement, whose plans are those that were made.
#[derive(Default)]
struct Memory {
    plans: Mutex<Vec<SubscriptionPlan>>,
}

impl Memory {
    fn portfolio(&self) -> Portfolio {
        let agreement = CustomerAgreement::new(AGREEMENT, CUSTOMER, Fixed.now());
        Portfolio { agreement, plans: self.plans.lock().expect("not poisoned").clone(), renewals: Vec::new() }
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
    async fn portfolio(&self, agreement: AgreementId) -> Result<Option<Portfolio>, StoreError> {
        Ok(Some(self.portfolio()).filter(|portfolio| portfolio.agreement.uuid == agreement))
    }
    async fn portfolio_of_enterprise(&self, _: EnterpriseId) -> Result<Option<Portfolio>, StoreError> {
        Ok(Some(self.portfolio()))
    }
    async fn portfolio_of_plan(&self, plan: PlanId) -> Result<Option<Portfolio>, StoreError> {
        Ok(Some(self.portfolio()).filter(|portfolio| portfolio.plan(plan).is_some()))
    }
    async fn portfolios(&self, _: &[AgreementId]) -> Result<Vec<Portfolio>, StoreError> {
        Ok(vec![self.portfolio()])
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
        Ok(ProductCatalog::usual())
    }
}

#[async_trait]
impl Provision for Memory {
    async fn create_agreement(&self, agreement: &CustomerAgreement, _: &Stamp) -> Result<(), CreateAgreementError> {
        let enterprise = agreement.enterprise_customer_uuid == CUSTOMER;
        let slug = agreement.enterprise_customer_slug.as_deref() == Some("acme");
        if enterprise || slug { Err(CreateAgreementError::Taken { enterprise, slug }) } else { Ok(()) }
    }

    async fn create_plan(
        &self,
        _: &CustomerAgreement,
        plan: &SubscriptionPlan,
        _: &Stamp,
    ) -> Result<(), CreatePlanError> {
        let mut plans = self.plans.lock().expect("not poisoned");
        if plans.iter().any(|made| made.title == plan.title) {
            return Err(CreatePlanError::TitleTaken);
        }
        plans.push(plan.clone());
        Ok(())
    }
}

#[async_trait]
impl Catalogs for Memory {
    async fn belongs_to(&self, catalog: CatalogId, enterprise: EnterpriseId) -> Result<bool, ClientError> {
        match catalog {
            DOWN => Err(ClientError::Unreachable { service: Service::Catalog, cause: "timed out" }),
            catalog => Ok(catalog == CATALOG && enterprise == CUSTOMER),
        }
    }
}

async fn call(memory: &Arc<Memory>, method: &str, path: &str, role: &str, body: Value) -> (u16, Value) {
    let settings = Settings::from_lookup(|name| (name == "JWT_SECRET_KEY").then(|| "secret".to_owned()));
    let web = Web::new(&settings.expect("valid"), memory.clone(), Arc::new(Fixed), Arc::new(Fixed)).expect("web");
    let context = Context { web, portfolios: memory.clone(), provision: memory.clone(), catalogs: memory.clone() };
    let claims = json!({"preferred_username": "somebody", "roles": [role], "exp": Fixed.now().timestamp() + 60});
    let key = jsonwebtoken::EncodingKey::from_secret(b"secret");
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("JWT {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let response = router(context).oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

/// A new plan with these changes.
fn plan(changes: &Value) -> Value {
    let mut body = json!({
        "title": "Acme", "start_date": "2026-01-01T00:00:00Z", "expiration_date": "2028-01-01T00:00:00Z",
        "customer_agreement": AGREEMENT, "enterprise_catalog_uuid": CATALOG, "desired_num_licenses": 5,
        "is_active": true, "product": 1, "change_reason": "new",
        "salesforce_opportunity_line_item": "00k000000000000123", "is_revocation_cap_enabled": true,
        "revoke_max_percentage": 10,
    });
    let fields = body.as_object_mut().expect("an object");
    fields.extend(changes.as_object().expect("an object").clone());
    body
}

async fn made(changes: Value) -> (u16, Value) {
    call(&Arc::new(Memory::default()), "POST", PLANS, PROVISIONER, plan(&changes)).await
}

fn error(text: &str) -> (u16, Value) {
    (400, json!({ "error": text }))
}

#[tokio::test]
async fn provisioning_needs_the_role_for_every_customer() {
    let memory = Arc::new(Memory::default());
    let one = "enterprise_provisioning_admin:00000000-0000-0000-0000-0000000000ea";
    for role in ["enterprise_openedx_operator:*", "enterprise_admin:*", one] {
        for (method, path, missing) in [
            ("POST", AGREEMENTS.to_owned(), "agreements"),
            ("GET", format!("{AGREEMENTS}{AGREEMENT}/"), "agreements"),
            ("POST", PLANS.to_owned(), "subscriptions"),
            ("GET", format!("{PLANS}{}/", Uuid::nil()), "subscriptions"),
        ] {
            let detail = json!({"detail": format!("MISSING: {missing}.has_provisioning_admin_access")});
            assert_eq!(call(&memory, method, &path, role, json!({})).await, (403, detail), "{role} {path}");
        }
    }
}

#[tokio::test]
async fn an_agreement_is_made_once_for_a_customer_and_a_slug() {
    let memory = Arc::new(Memory::default());
    let create = |body| call(&memory, "POST", AGREEMENTS, PROVISIONER, body);
    let new = json!({"enterprise_customer_uuid": Uuid::max(), "enterprise_customer_slug": "new"});
    let (status, agreement) = create(new).await;
    assert_eq!((status, &agreement["subscriptions"]), (201, &json!([])));
    assert_eq!(agreement["net_days_until_expiration"], json!(0));
    let taken = json!({
        "enterprise_customer_uuid": ["Customer Agreement with this enterprise customer uuid already exists."],
        "enterprise_customer_slug": ["Customer Agreement with this enterprise customer slug already exists."],
    });
    let same = json!({"enterprise_customer_uuid": CUSTOMER, "enterprise_customer_slug": "acme"});
    assert_eq!(create(same).await, (400, taken));
    let required = json!({"enterprise_customer_uuid": ["This field is required."]});
    assert_eq!(create(json!({})).await, (400, required));
}

#[tokio::test]
async fn an_agreement_is_shown_by_its_id() {
    let memory = Arc::new(Memory::default());
    let get = |id: String| {
        let (memory, path) = (memory.clone(), format!("{AGREEMENTS}{id}/"));
        async move { call(&memory, "GET", &path, PROVISIONER, Value::Null).await }
    };
    assert_eq!(get(AGREEMENT.to_string()).await.1["enterprise_customer_uuid"], json!(CUSTOMER));
    let not_found = json!({"detail": "No CustomerAgreement matches the given query."});
    assert_eq!(get(Uuid::nil().to_string()).await, (404, not_found));
    assert_eq!(get("junk".to_owned()).await, (404, json!({"detail": "Not found."})));
}

#[tokio::test]
async fn a_plan_is_made_and_shown() {
    let memory = Arc::new(Memory::default());
    let (status, answer) = call(&memory, "POST", PLANS, PROVISIONER, plan(&json!({}))).await;
    assert_eq!(status, 201, "{answer}");
    for (field, value) in [
        ("title", json!("Acme")),
        ("start_date", json!("2026-01-01T00:00:00Z")),
        ("enterprise_customer_uuid", json!(CUSTOMER)),
        ("plan_type", json!("Standard Paid")),
        ("product", json!(1)),
        ("customer_agreement", json!(AGREEMENT)),
        ("desired_num_licenses", json!(5)),
        ("last_freeze_timestamp", Value::Null),
        ("revoke_max_percentage", json!(10)),
        ("change_reason", json!("new")),
    ] {
        assert_eq!(answer[field], value, "{field}");
    }
    let seats = memory.portfolio().plans[0].seats;
    assert_eq!((seats.total, seats.buckets), (5, 1));

    let path = |id: &str| format!("{PLANS}{id}/");
    let uuid = answer["uuid"].as_str().expect("a UUID");
    let (status, shown) = call(&memory, "GET", &path(uuid), PROVISIONER, Value::Null).await;
    assert_eq!((status, &shown["title"]), (200, &json!("Acme")));
    let unknown = call(&memory, "GET", &path(&Uuid::nil().to_string()), PROVISIONER, Value::Null).await;
    assert_eq!(unknown, (404, json!({"error": "No record found."})));

    let twice = call(&memory, "POST", PLANS, PROVISIONER, plan(&json!({}))).await;
    assert_eq!(twice, error("An error occurred: The customer agreement has a plan of that title."));
}

#[tokio::test]
async fn every_refusal_of_a_plan_says_why() {
    let line_item = "An error occurred: You must specify Salesforce ID for selected product. It must start with '00k'.";
    for (changes, refusal) in [
        (json!({"salesforce_opportunity_line_item": null}), line_item),
        (json!({"salesforce_opportunity_line_item": "001"}), line_item),
        (json!({"customer_agreement": Uuid::nil()}), "An error occurred: There is no such customer agreement."),
        (
            json!({"enterprise_catalog_uuid": Uuid::nil()}),
            "An error occurred: A catalog with the given UUID does not exist for this enterprise customer.",
        ),
        (
            json!({"enterprise_catalog_uuid": null}),
            "An error occurred: The plan needs a catalog, as its customer agreement has no default one.",
        ),
        (json!({"desired_num_licenses": -1}), "Unknown error."),
        (
            json!({"desired_num_licenses": 1_000_001}),
            "An error occurred: Only plans for internal use may have more than 1000000 licenses.",
        ),
    ] {
        assert_eq!(made(changes.clone()).await, error(refusal), "{changes}");
    }
    let product = json!({"error": {"product": ["Invalid pk \"99\" - object does not exist."]}});
    assert_eq!(made(json!({"product": 99})).await, (400, product));
    let title = json!({"error": {"title": ["This field may not be blank."]}});
    assert_eq!(made(json!({"title": " "})).await, (400, title));
}

#[tokio::test]
async fn what_is_allowed_is_allowed() {
    // Plans for internal use have no limit, and those of the type "Test" need no line item.
    let internal = json!({"for_internal_use_only": true, "desired_num_licenses": 1_000_001, "product": 4,
                          "salesforce_opportunity_line_item": null});
    assert_eq!(made(internal).await.0, 201);
    assert_eq!(made(json!({"desired_num_licenses": 0})).await.0, 201);
}

#[tokio::test]
async fn a_catalog_service_that_is_down_is_not_the_clients_fault() {
    assert_eq!(made(json!({"enterprise_catalog_uuid": DOWN})).await.0, 503);
}
