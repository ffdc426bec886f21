//! The embedded engine has the limits of DynamoDB: what AWS refuses fails here, too, with the same message.

use aws_sdk_dynamodb::{
    Client,
    error::ProvideErrorMetadata,
    types::{AttributeValue, Put, TransactWriteItem},
};
use license_local::table;
use license_tests::{TestApp, builders::text};
use serde_json::json;

const SORT_KEY: &str = "size limit of 1024 bytes";
const PARTITION_KEY: &str = "maximum size limit of2048 bytes";

fn client(app: &TestApp) -> Client {
    table::client(app.running().engine_url())
}

/// Puts an item with these attributes besides its key; returns the table's error.
async fn put(client: &Client, attributes: &[(&str, usize)]) -> Option<String> {
    let mut put = client.put_item().table_name(table::NAME);
    for (name, default) in [("pk", 1), ("sk", 1)] {
        let length = attributes.iter().find(|(given, _)| *given == name).map_or(default, |(_, length)| *length);
        put = put.item(name, AttributeValue::S("x".repeat(length)));
    }
    for (name, length) in attributes.iter().filter(|(name, _)| !["pk", "sk"].contains(name)) {
        put = put.item(*name, AttributeValue::S("x".repeat(*length)));
    }
    let error = put.send().await.err()?;
    assert_eq!(error.code(), Some("ValidationException"), "{error:?}");
    Some(error.message().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn keys_and_items_have_the_limits_of_aws() {
    let app = TestApp::start().await;
    let client = client(&app);
    for allowed in
        [&[("pk", 2_048)][..], &[("sk", 1_024)], &[("gsi1pk", 2_048), ("gsi1sk", 1_024)], &[("text", 400 * 1_024 - 10)]]
    {
        assert_eq!(put(&client, allowed).await, None, "{allowed:?}");
    }
    for (refused, words) in [
        (&[("pk", 2_049)][..], PARTITION_KEY),
        (&[("sk", 1_025)], SORT_KEY),
        (&[("gsi1pk", 2_049), ("gsi1sk", 1)], PARTITION_KEY),
        (&[("gsi1pk", 1), ("gsi1sk", 1_025)], SORT_KEY),
        (&[("gsi3pk", 1), ("gsi3sk", 1_025)], SORT_KEY),
        (&[("text", 400 * 1_024)], "Item size has exceeded the maximum allowed size"),
    ] {
        let message = put(&client, refused).await.unwrap_or_default();
        assert!(message.contains(words), "{refused:?}: {message:?}");
    }
}

#[tokio::test]
async fn updates_and_transactions_have_the_limits_of_aws() {
    let app = TestApp::start().await;
    let client = client(&app);
    let of = |length: usize| AttributeValue::S("x".repeat(length));
    assert_eq!(put(&client, &[("text", 300 * 1_024)]).await, None);
    for (name, length, words) in [
        ("gsi1sk", 1_025, SORT_KEY),
        ("gsi1pk", 2_049, PARTITION_KEY),
        ("more", 150 * 1_024, "Item size to update has exceeded the maximum allowed size"),
    ] {
        let update = client.update_item().table_name(table::NAME).key("pk", of(1)).key("sk", of(1));
        let update = update.update_expression("SET #a = :a").expression_attribute_names("#a", name);
        let error = update.expression_attribute_values(":a", of(length)).send().await.expect_err(name);
        assert_eq!(error.code(), Some("ValidationException"), "{name}");
        assert!(error.message().is_some_and(|message| message.contains(words)), "{name}: {error:?}");
    }
    let transaction = async |count: usize, (name, length): (&str, usize)| {
        let item = |n: usize| {
            let put = Put::builder().table_name(table::NAME).item("pk", of(1)).item("sk", of(n + 2));
            let put = put.item("gsi1pk", of(1)).item(name, of(length)).build().expect("a put");
            TransactWriteItem::builder().put(put).build()
        };
        let call = client.transact_write_items().set_transact_items(Some((0..count).map(item).collect()));
        call.send().await.err().map(|error| error.message().unwrap_or_default().to_owned())
    };
    assert_eq!(transaction(10, ("text", 390 * 1_024)).await, None);
    let message = transaction(11, ("text", 390 * 1_024)).await.unwrap_or_default();
    assert!(message.contains("exceeding the 4MB limit"), "{message}");
    let message = transaction(2, ("gsi1sk", 1_025)).await.unwrap_or_default();
    assert!(message.contains(SORT_KEY), "{message}");
}

/// The longest addresses, of letters that take four bytes each.
#[tokio::test]
async fn keys_of_the_longest_addresses_fit_the_table() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let wide = |count: usize| format!("ann@{0}.{0}.example", "\u{10330}".repeat(count));
    assert_eq!(wide(30).len(), 253);
    plan.assign(&[wide(30)]).await.expect(200);
    plan.revoke(&[wide(30)]).await.expect(200);
    let refused = plan.assign(&[wide(31)]).await.expect(400);
    assert_eq!(refused, json!({ "user_emails": { "0": ["Enter a valid email address."] } }));
    // The longest address that was accepted before: 254 characters.
    let all = format!("{}.example", vec!["\u{10330}".repeat(60); 4].join("."));
    plan.assign(&[format!("a@{all}")]).await.expect(400);
    let job =
        json!({ "kind": "assign", "subscription_plan": plan.id, "params": { "user_emails": [format!("a@{all}")] } });
    plan.admin().post("/api/v1/jobs/", &job).await.expect(400);
    // A look-up of an arbitrary text does not use a key that is too long, either.
    let any = "%F0%90%8C%B0".repeat(500);
    let found = plan.admin().get(&format!("/api/v1/licenses/?user_email={any}")).await.expect(200);
    assert_eq!(found["count"], 0);
    app.invariants().await.check();
}

#[tokio::test]
async fn the_kelvin_sign_does_not_open_licenses_of_another_learner() {
    let app = TestApp::start().await;
    let plan = app.plan(10).await;
    let held = plan.assigned("kim@k.example").await;
    for look_alike in ["\u{212a}im@k.example", "kim@\u{212a}.example"] {
        let other = app.learner(plan.agreement.enterprise, look_alike);
        let own = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", plan.agreement.enterprise);
        assert_eq!(other.get(&own).await.expect(200)["count"], 0, "{look_alike}");
        let activate = format!("/api/v1/license-activation/?activation_key={}", held.key);
        other.post(&activate, &json!({})).await.expect(404);
        plan.assign(&[look_alike]).await.expect(400);
    }
    let kim = app.learner(plan.agreement.enterprise, "KIM@K.example");
    let own = format!("/api/v1/learner-licenses/?enterprise_customer_uuid={}", plan.agreement.enterprise);
    assert_eq!(text(&kim.get(&own).await.expect(200)["results"][0], "uuid"), held.id);
}
