use license_domain::{ChangeReason, EmailAddress, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::*;

const REASONS: Format = one_of(|| ChangeReason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect());
const SALES: Format = list(&text_item(18, 20)).of_nullable().or_empty().at_most(2);

crate::body! {
    struct EveryFormat {
        emails: Vec<EmailAddress> = Field::new(list(&EMAIL), ""),
        name: String = Field::new(blank_text(255), ""),
        long: Option<String> = Field::new(text(3), "").nullable(),
        flag: bool = Field::new(BOOLEAN, "").default(|| json!(true)),
        n: u32 = Field::new(integer(0, 7), ""),
        id: Option<Uuid> = Field::new(UUID, "").optional(),
        when: Timestamp = Field::new(MOMENT, ""),
        why: ChangeReason = Field::new(REASONS, ""),
        #[serde(default)]
        other: Change<Uuid> = Field::new(UUID, "").nullable().optional(),
        sales: Option<Vec<Option<String>>> = Field::new(SALES, "").optional(),
    }
}

fn complaints(body: Value) -> Value {
    EveryFormat::read(&json_body(body)).expect_err("complaints").into_value()
}

fn json_body(body: Value) -> Body {
    match body {
        Value::Object(fields) => Body::json(fields),
        other => panic!("{other}"),
    }
}

fn valid() -> Value {
    json!({
        "emails": [" Ann@b.co "], "name": 5, "long": null, "n": "7", "when": "2026-01-02", "why": "new", "ignored": 1,
    })
}

#[test]
fn complaints_are_collected_in_the_contracts_words() {
    let body = json!({
        "emails": ["a@b.co", null, "x", ""], "name": {"a": 1}, "long": "xxxx", "flag": "maybe", "n": -1, "id": null,
        "when": "yesterday", "why": "because", "other": "x", "sales": ["short", 1],
    });
    let wanted = json!({
        "emails": {
            "1": ["This field may not be null."],
            "2": ["Enter a valid email address."],
            "3": ["This field may not be blank."],
        },
        "name": ["Not a valid string."],
        "long": ["Ensure this field has no more than 3 characters."],
        "flag": ["Must be a valid boolean."],
        "n": ["Ensure this value is greater than or equal to 0."],
        "id": ["This field may not be null."],
        "when": ["Datetime has wrong format. Use one of these formats instead: \
                  YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."],
        "why": ["\"because\" is not a valid choice."],
        "other": ["Must be a valid UUID."],
        "sales": {"0": ["Ensure this field has at least 18 characters."], "1": ["Not a valid string."]},
    });
    assert_eq!(complaints(body), wanted);
    let required = json!(["This field is required."]);
    assert_eq!(
        complaints(json!({})),
        json!({ "emails": required, "name": required, "long": required, "n": required, "when": required, "why": required })
    );
}

#[test]
fn each_format_has_its_own_complaints() {
    for (name, value, message) in [
        ("emails", json!("a@b.co"), "Expected a list of items but got type \"str\"."),
        ("emails", json!([]), "This list may not be empty."),
        ("name", json!("a\0b"), "Null characters are not allowed."),
        ("long", json!(" "), "This field may not be blank."),
        ("n", json!(8), "Ensure this value is less than or equal to 7."),
        ("n", json!(1.5), "A valid integer is required."),
        ("sales", json!([null, null, null]), "Ensure this field has no more than 2 elements."),
    ] {
        let mut body = valid();
        body[name] = value;
        assert_eq!(complaints(body), json!({ name: [message] }));
    }
}

#[test]
fn a_valid_body_is_of_its_type() {
    let body = EveryFormat::read(&json_body(valid())).expect("valid");
    assert_eq!((body.emails[0].as_given(), body.name.as_str(), body.long), ("Ann@b.co", "5", None));
    assert_eq!((body.flag, body.n, body.id, body.why), (true, 7, None, ChangeReason::New));
    assert_eq!((body.when.to_rfc3339().as_str(), body.other), ("2026-01-02T00:00:00+00:00", Change::Keep));
    let mut named = valid();
    (named["other"], named["sales"]) = (json!(null), json!([null]));
    let body = EveryFormat::read(&json_body(named)).expect("valid");
    assert_eq!((body.other, body.sales), (Change::To(None), Some(vec![None])));
}

#[test]
fn a_hundred_items_get_messages_by_name_and_the_others_are_counted() {
    let mut body = valid();
    body["emails"] = json!(vec![0; 1_000]);
    let found = complaints(body);
    assert_eq!(found["emails"].as_object().map(Map::len), Some(MAX_COMPLAINTS + 1));
    assert_eq!(found["emails"]["99"], json!(["Enter a valid email address."]));
    assert_eq!(found["emails"]["non_field_errors"], json!(["900 more items are not valid."]));
}
