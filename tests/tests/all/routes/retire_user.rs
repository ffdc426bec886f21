//! `retire_user/`.

use license_domain::Scope;
use license_storage_dynamodb::testing::{keys::AgreementKeys, table::Write, table_of};
use license_tests::{
    Role, TestApp, TestResponse,
    app::lms_user_id,
    builders::{emails, text},
};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/retire_user/";

async fn retire(app: &TestApp, user: u64, name: &str) -> TestResponse {
    let worker = app.client(Role::RetirementWorker, app.agreement().await.enterprise);
    worker.post(PATH, &json!({ "lms_user_id": user, "original_username": name })).await
}

async fn looked_up(app: &TestApp, email: &str) -> TestResponse {
    let staff = app.client(Role::Staff, app.agreement().await.enterprise);
    staff.post("/api/v1/staff_lookup_licenses/", &json!({ "user_email": email })).await
}

#[tokio::test]
async fn a_learner_leaves_without_a_trace_and_the_seats_are_free() {
    let app = TestApp::start().await;
    let (ann, bob) = ("ann@example.com", "bob@example.com");
    let agreement = app.agreement().await;
    let first = app.plan_of(&agreement, 3, &json!({})).await;
    let second = app.plan(3).await;
    // Two generations in one plan, an invitation in another, and another learner.
    let revoked = first.activated(&app, ann).await;
    first.revoke(&[ann]).await.expect(200);
    let live = first.activated(&app, ann).await;
    let invited = second.assigned(ann).await;
    first.activated(&app, bob).await;

    assert_eq!(retire(&app, lms_user_id(ann), "ann").await.status.as_u16(), 204);
    looked_up(&app, ann).await.expect(404);
    assert_eq!(looked_up(&app, bob).await.expect(200).as_array().map(Vec::len), Some(1));
    for (plan, id, status) in
        [(&first, &revoked.id, "revoked"), (&first, &live.id, "unassigned"), (&second, &invited.id, "unassigned")]
    {
        let license = plan.license(id).await;
        assert_eq!((&license["status"], &license["user_email"]), (&json!(status), &Value::Null), "{license}");
    }
    let counts = first.overview().await;
    assert_eq!((counts["activated"], counts["revoked"], counts["unassigned"]), (1, 1, 2));
    // The plan's list can leave out licenses without a person.
    let list = async |query: &str| first.admin().get(&first.path(&format!("licenses/{query}"))).await.expect(200);
    assert_eq!(list("?status=revoked").await["count"], 1);
    assert_eq!(list("?status=revoked&ignore_null_emails=1").await["count"], 0);

    let again = retire(&app, lms_user_id(ann), "ann").await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (404, ""));
    // Every seat can be assigned again.
    first.assign(&emails("new", 0..2)).await.expect(200);
    first.assign(&["one-more@example.com"]).await.expect(400);
    app.invariants().await.check();
}

#[tokio::test]
async fn a_name_without_licenses_loses_its_roles() {
    let app = TestApp::start().await;
    let enterprise = app.agreement().await.enterprise;
    app.grant("carol", Scope::Enterprise(enterprise)).await;
    assert_eq!(retire(&app, 4_711, "carol").await.status.as_u16(), 204);
    assert_eq!(retire(&app, 4_711, "carol").await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_license_whose_plan_was_deleted_is_erased_with_its_learner() {
    let app = TestApp::start().await;
    let plan = app.plan(3).await;
    let ann = "ann@example.com";
    plan.activated(&app, ann).await;
    // An earlier version could delete a plan while licenses of it were assigned.
    let key = AgreementKeys(plan.agreement.id.parse().expect("an id")).plan(plan.uuid().into());
    let delete = Write::Delete { key, condition: None };
    table_of(app.running().store()).transact(vec![delete], "orphan".to_owned()).await.expect("written");
    assert_eq!(retire(&app, lms_user_id(ann), "ann").await.status.as_u16(), 204);
    assert_eq!(app.invariants().await.slots.len(), 0);
    assert_eq!(retire(&app, lms_user_id(ann), "ann").await.status.as_u16(), 404);
}

#[tokio::test]
async fn the_body_names_number_and_user() {
    let app = TestApp::start().await;
    let worker = app.client(Role::RetirementWorker, app.agreement().await.enterprise);
    let missing = worker.post(PATH, &json!({ "lms_user_id": 7 })).await.expect(400);
    let detail = "Required field \"original_username\" missing or missing value in retirement request\"";
    assert_eq!(text(&missing, "detail"), detail);
}
