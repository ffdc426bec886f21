//! The enterprise service.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use license_domain::{EmailAddress, EnterpriseId, LicenseId, LmsUserId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Zero,
    peer::{Peer, Reply},
};
use crate::{ClientError, EnrollmentRequest, EnterpriseClient, Enterprises, Service};

const CUSTOMER: EnterpriseId = EnterpriseId(Uuid::from_u128(0xe));
const BASE: &str = "/enterprise/api/v1";

fn people(count: usize) -> Vec<EmailAddress> {
    (0..count).map(|number| EmailAddress::on_record(format!("p{number}@x.example"))).collect()
}

fn given(emails: &[EmailAddress]) -> Vec<&str> {
    emails.iter().map(EmailAddress::as_given).collect()
}

fn ok(body: &Value) -> Reply {
    Reply::status(200).json(body)
}

#[tokio::test]
async fn a_customer_is_remembered_for_ten_minutes_and_its_absence_is_not() {
    let peer = Peer::start().await;
    let client = EnterpriseClient::new(peer.client());
    peer.fail_with(&[404]);
    assert_eq!(client.customer(CUSTOMER).await.expect("a response"), None);
    peer.reply([ok(&json!({
        "uuid": CUSTOMER, "slug": "acme", "name": "Acme", "contact_email": "help@acme.example", "sender_alias": null,
        "reply_to": "noreply@acme.example", "enable_integrated_customer_learner_portal_search": true, "more": [1],
    }))]);
    let customer = client.customer(CUSTOMER).await.expect("a response").expect("a customer");
    assert_eq!(customer.slug.as_deref(), Some("acme"));
    assert_eq!(customer.contact_email.as_deref(), Some("help@acme.example"));
    assert_eq!((customer.sender_alias.as_deref(), customer.identity_provider.as_deref()), (None, None));
    assert!(customer.enable_integrated_customer_learner_portal_search);
    assert!(!format!("{customer:?} {client:?}").contains("@acme"));

    peer.clock.0.store(599, Ordering::Relaxed);
    assert_eq!(client.customer(CUSTOMER).await.expect("remembered"), Some(customer));
    let seen = peer.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].target, format!("{BASE}/enterprise-customer/{CUSTOMER}/"));
    peer.clock.0.store(600, Ordering::Relaxed);
    peer.reply([ok(&json!({"slug": "acme-2"}))]);
    let customer = client.customer(CUSTOMER).await.expect("a response").expect("a customer");
    assert_eq!(customer.slug.as_deref(), Some("acme-2"));
    assert!(!customer.enable_integrated_customer_learner_portal_search);
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let peer = Peer::start().await;
    let client = EnterpriseClient::new(peer.client());
    peer.reply([Reply::status(200).text("garbage")]);
    let error = client.customer(CUSTOMER).await.expect_err("garbage");
    assert!(matches!(error, ClientError::Unreadable { service: Service::Enterprise }));
    peer.reply([ok(&json!({"slug": "acme"}))]);
    assert!(client.customer(CUSTOMER).await.expect("a response").is_some());
}

#[tokio::test]
async fn fifty_learners_are_linked_and_a_hundred_are_unlinked_in_one_call() {
    let peer = Peer::start().await;
    let client = EnterpriseClient::new(peer.client());
    let people = people(120);
    peer.fail_with(&[503]);
    client.link_learners(CUSTOMER, &people).await.expect("linked");
    let seen = peer.seen();
    let sizes: Vec<_> = seen.iter().map(|seen| seen.json().as_array().map_or(0, Vec::len)).collect();
    assert_eq!(sizes, [50, 50, 50, 20], "the first was repeated");
    assert_eq!((seen[0].method.as_str(), &*seen[0].target), ("POST", &*format!("{BASE}/pending-enterprise-learner/")));
    assert_eq!(seen[3].json()[19], json!({"enterprise_customer": CUSTOMER, "user_email": "p119@x.example"}));

    client.unlink(CUSTOMER, &people, true).await.expect("unlinked");
    let seen = peer.seen();
    assert_eq!(seen[0].target, format!("{BASE}/enterprise-customer/{CUSTOMER}/unlink_users/"));
    assert_eq!(seen[0].json()["user_emails"].as_array().map(Vec::len), Some(100));
    assert_eq!(seen[1].json(), json!({"user_emails": given(&people[100..]), "is_relinkable": true}));

    client.link_learners(CUSTOMER, &[]).await.expect("nothing to do");
    assert_eq!(peer.calls(), 0);
}

#[tokio::test]
async fn admins_are_sorted_and_have_no_duplicates() {
    let peer = Peer::start().await;
    let client = EnterpriseClient::new(peer.client());
    let person = |email: Value| json!({"user": {"email": email, "username": "x"}});
    let next = format!("{}{BASE}/enterprise-learner/?page=2&role=enterprise_admin", peer.url);
    peer.reply([
        ok(&json!({"next": next, "results": [person(json!("zoe@x.example")), {"user": null}]})),
        ok(&json!({"next": null, "results": [
            person(json!("ann@x.example")), person(json!("Zoe@x.example")), person(json!("")), person(json!(null)),
        ]})),
    ]);
    let admins = client.admins(CUSTOMER).await.expect("admins");
    assert_eq!(given(&admins), ["ann@x.example", "zoe@x.example"]);
    let targets: Vec<_> = peer.seen().into_iter().map(|seen| seen.target).collect();
    let first = format!("{BASE}/enterprise-learner/?role=enterprise_admin&enterprise_customer_uuid={CUSTOMER}");
    assert_eq!(targets, [first, format!("{BASE}/enterprise-learner/?page=2&role=enterprise_admin")]);
}

#[tokio::test]
async fn pages_of_a_foreign_origin_are_not_read() {
    let (peer, foreign) = (Peer::start().await, Peer::start().await);
    let client = EnterpriseClient::new(peer.client());
    for next in [format!("{}{BASE}/enterprise-learner/?page=2", foreign.url), "//x.example/2".to_owned()] {
        peer.reply([ok(&json!({"next": next, "results": []}))]);
        let error = client.admins(CUSTOMER).await.expect_err("a foreign page");
        assert!(matches!(error, ClientError::Unreadable { service: Service::Enterprise }));
    }
    assert_eq!((peer.calls(), foreign.calls()), (2, 0));
}

#[tokio::test]
async fn pages_without_an_end_are_not_read_for_ever() {
    let peer = Peer::start().await;
    let client = EnterpriseClient::new(peer.client());
    peer.reply((0..30).map(|page| {
        let results = (0..100).map(|number| json!({"user": {"email": format!("p{page}-{number}@x.example")}}));
        ok(&json!({"next": format!("?page={}", page + 2), "results": results.collect::<Vec<_>>()}))
    }));
    assert_eq!(client.admins(CUSTOMER).await.expect("admins").len(), 1_000);
    assert_eq!(peer.calls(), 10);

    let peer = Peer::start().await;
    let client = EnterpriseClient::new(peer.client());
    let itself = ok(&json!({"next": "?page=1", "results": [{"user": {"email": "ann@x.example"}}]}));
    peer.reply(vec![itself; 101]);
    assert_eq!(given(&client.admins(CUSTOMER).await.expect("admins")), ["ann@x.example"]);
    assert_eq!(peer.calls(), 100);
}

#[tokio::test]
async fn a_missing_list_is_not_an_empty_one() {
    let peer = Peer::start().await;
    peer.fail_with(&[404]);
    let error = EnterpriseClient::new(peer.client()).admins(CUSTOMER).await.expect_err("nothing there");
    assert!(matches!(error, ClientError::Refused { status: 404, .. }));
}

#[tokio::test]
async fn enrollments_end_with_the_license() {
    let peer = Peer::start().await;
    let client = EnterpriseClient::new(peer.client());
    client.revoke_enrollments(CUSTOMER, LmsUserId(42)).await.expect("revoked");
    let licenses: Vec<_> = (0..101).map(|number| LicenseId(Uuid::from_u128(number))).collect();
    let moment = "2026-11-23T10:46:08Z".parse().expect("a date");
    client.expire_enrollments(&licenses, Some(moment)).await.expect("expired");
    let seen = peer.seen();
    let courses = format!("{BASE}/licensed-enterprise-course-enrollment");
    assert_eq!(seen[0].target, format!("{courses}/license_revoke/"));
    assert_eq!(seen[0].json(), json!({"user_id": "42", "enterprise_id": CUSTOMER}));
    assert_eq!(seen[1].target, format!("{courses}/bulk_licensed_enrollments_expiration/"));
    assert_eq!(seen[1].json()["expired_license_uuids"].as_array().map(Vec::len), Some(100));
    assert_eq!(
        seen[2].json(),
        json!({
            "expired_license_uuids": [licenses[100]],
            "ignore_enrollments_modified_after": "2026-11-23T10:46:08Z",
        })
    );
}

#[tokio::test]
async fn enrolling_has_its_own_response_and_a_longer_timeout() {
    let peer = Peer::start().await;
    let client = EnterpriseClient::new(peer.client_within(Duration::from_millis(500), Arc::new(Zero)));
    let license = LicenseId(Uuid::from_u128(7));
    let enrollments = [EnrollmentRequest {
        email: EmailAddress::on_record("ann@x.example"),
        course_run_key: "course-v1:x+y+z".into(),
        license_uuid: license,
        activation_link: Some("https://portal.example/acme/licenses/k/activate".to_owned()),
    }];
    let person = |created: Value| json!({"email": "ann@x.example", "course_run_key": "course-v1:x+y+z", "created": created, "user": 1});
    for status in [201, 202, 409] {
        let response = json!({"successes": [person(json!(true))], "pending": [person(json!(null))], "failures": []});
        let delay = if status == 202 { Duration::from_millis(800) } else { Duration::ZERO };
        peer.reply([Reply::status(status).json(&response).after(delay)]);
        let outcome = client.enroll(CUSTOMER, &enrollments, true).await.expect("a response");
        assert!(outcome.successes[0].created && !outcome.pending[0].created);
        assert_eq!(outcome.successes[0].email.as_given(), "ann@x.example");
        assert!(outcome.failures.is_empty());
    }
    let seen = peer.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].target, format!("{BASE}/enterprise-customer/{CUSTOMER}/enroll_learners_in_courses/"));
    assert_eq!(
        seen[0].json(),
        json!({
            "licenses_info": [{
                "email": "ann@x.example", "course_run_key": "course-v1:x+y+z", "license_uuid": license,
                "activation_link": "https://portal.example/acme/licenses/k/activate",
            }],
            "notify": true,
        })
    );

    peer.fail_with(&[400]);
    let error = client.enroll(CUSTOMER, &enrollments, true).await.expect_err("a refusal");
    assert!(matches!(error, ClientError::Refused { status: 400, .. }));
    peer.reply([Reply::status(201).text("garbage")]);
    let error = client.enroll(CUSTOMER, &enrollments, true).await.expect_err("garbage");
    assert!(error.is_outcome_unknown());
}
