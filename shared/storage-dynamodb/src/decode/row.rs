//! The rows of a page of a Query, with their keys.

use std::{
    collections::HashMap,
    fmt::{self, Formatter},
    marker::PhantomData,
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer,
    },
};
use serde_json::value::RawValue;

use super::attribute::{AsAttribute, Text};
use crate::{
    failures::malformed,
    keys::{Item, Key, PK, SK, key_names},
    rows,
};
use license_storage::StoreError;

/// A row of the table or of an index.
#[derive(Debug)]
pub(crate) struct Row<T> {
    pub(crate) keys: RowKeys,
    pub(crate) value: T,
}

/// The keys of a row in the table and in the index that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowKeys {
    pk: String,
    sk: String,
    /// The partition and the sort key in the index, if an index was read.
    index: Option<(String, String)>,
}

impl RowKeys {
    /// The key in the table.
    pub(crate) fn key(&self) -> Key {
        Key { pk: self.pk.clone(), sk: self.sk.clone() }
    }

    /// The partition in the table.
    pub(crate) fn partition(&self) -> &str {
        &self.pk
    }

    /// The sort key of what was read: the index, or the table.
    pub(crate) fn sort_key(&self) -> &str {
        self.index.as_ref().map_or(&self.sk, |(_, sort_key)| sort_key)
    }

    /// The position after which a Query of that index reads on.
    pub(crate) fn position(&self, index: Option<&str>) -> Item {
        let mut position = self.key().attributes();
        if let (Some(name), Some((partition, sort_key))) = (index, &self.index) {
            let values = [partition, sort_key].map(|text| AttributeValue::S(text.clone()));
            position.extend(key_names(name).into_iter().zip(values));
        }
        position
    }
}

/// The parts of a Query's response that are read.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, rename = "Items", default)]
    items: Vec<&'a RawValue>,
    #[serde(rename = "LastEvaluatedKey")]
    last: Option<HashMap<String, TextKey>>,
}

/// All our keys are texts.
#[derive(Deserialize)]
struct TextKey {
    #[serde(rename = "S")]
    text: String,
}

/// The rows of a Query's response, and the position of the next page.
pub(crate) fn page<T: DeserializeOwned>(
    body: &[u8],
    index: Option<&str>,
) -> Result<(Vec<Row<T>>, Option<Item>), StoreError> {
    // A body that is not JSON was damaged on the way. Its text may name persons.
    let page: Page<'_> = serde_json::from_slice(body).map_err(|error| malformed("Query", &error))?;
    let names = index.map(key_names);
    let rows = page.items.into_iter().map(|item| {
        let row = RowSeed { index: names.as_ref(), value: PhantomData };
        row.deserialize(&mut serde_json::Deserializer::from_str(item.get())).map_err(|error| corrupt(item, &error))
    });
    let last = page.last.map(|last| last.into_iter().map(|(name, key)| (name, AttributeValue::S(key.text))).collect());
    Ok((rows.collect::<Result<_, _>>()?, last))
}

fn corrupt(item: &RawValue, error: &serde_json::Error) -> StoreError {
    #[derive(Deserialize)]
    struct Keys {
        pk: TextKey,
        sk: TextKey,
    }
    let keys = serde_json::from_str::<Keys>(item.get()).ok();
    rows::corrupt(keys.map(|keys| Key { pk: keys.pk.text, sk: keys.sk.text }), error)
}

struct RowSeed<'n, T> {
    /// The names of the index's keys.
    index: Option<&'n [String; 2]>,
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for RowSeed<'_, T> {
    type Value = Row<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Row<T>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for RowSeed<'_, T> {
    type Value = Row<T>;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, item: A) -> Result<Row<T>, A::Error> {
        let mut keys = RowKeys { index: self.index.map(|_| Default::default()), ..RowKeys::default() };
        let rest = Rest { item, names: self.index, keys: &mut keys };
        let value = T::deserialize(MapAccessDeserializer::new(rest))?;
        if keys.sort_key().is_empty() {
            return Err(A::Error::custom("a row without its keys"));
        }
        Ok(Row { keys, value })
    }
}

/// An item's attributes without its keys, which are kept while it is read.
struct Rest<'k, 'n, A> {
    item: A,
    names: Option<&'n [String; 2]>,
    keys: &'k mut RowKeys,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<'_, '_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Text(name)) = self.item.next_key::<Text<'de>>()? {
            let slot = match (&mut self.keys.index, self.names) {
                _ if name == PK => &mut self.keys.pk,
                _ if name == SK => &mut self.keys.sk,
                (Some((partition, _)), Some([index_pk, _])) if name == *index_pk => partition,
                (Some((_, sort_key)), Some([_, index_sk])) if name == *index_sk => sort_key,
                _ => return seed.deserialize(name.into_deserializer()).map(Some),
            };
            *slot = self.item.next_value_seed(AsAttribute(PhantomData::<String>))?;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.item.next_value_seed(AsAttribute(seed))
    }
}

#[cfg(test)]
mod tests {
    use license_domain::{EmailAddress, License, LicenseSource, LicenseStatus, LmsUserId, Timestamp};
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::keys::GSI1;

    /// An attribute in DynamoDB's JSON.
    fn json_of(attribute: &AttributeValue) -> Value {
        match attribute {
            AttributeValue::S(text) => json!({ "S": text }),
            AttributeValue::N(number) => json!({ "N": number }),
            AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
            AttributeValue::Null(flag) => json!({ "NULL": flag }),
            AttributeValue::Ss(texts) => json!({ "SS": texts }),
            AttributeValue::L(list) => json!({ "L": list.iter().map(json_of).collect::<Vec<_>>() }),
            AttributeValue::M(map) => json!({ "M": json_of_item(map) }),
            other => panic!("no row has {other:?}"),
        }
    }

    fn json_of_item(item: &Item) -> Value {
        item.iter().map(|(name, value)| (name.clone(), json_of(value))).collect()
    }

    fn with_keys(mut item: Item) -> Item {
        let [partition, sorted_by] = key_names(GSI1);
        for (name, value) in
            [(PK, "P"), (SK, "S"), (&partition, "PLAN#1#2"), (&sorted_by, "activated é"), ("gsi3pk", "L")]
        {
            item.insert(name.to_owned(), AttributeValue::S(value.to_owned()));
        }
        item
    }

    fn read<T: DeserializeOwned>(items: &[Item]) -> (Vec<Row<T>>, Option<Item>) {
        let items: Vec<Value> = items.iter().map(json_of_item).collect();
        let last = json!({ "pk": { "S": "P" }, "sk": { "S": "S" } });
        let body = json!({ "Count": items.len(), "Items": items, "LastEvaluatedKey": last }).to_string();
        page(body.as_bytes(), Some(GSI1)).expect("a page")
    }

    fn licenses() -> impl Strategy<Value = License> {
        let text = "[a-z\\\"\n é€]{0,12}";
        let moment = (0..4_000_000_000_i64, 0..1_000_000_u32)
            .prop_map(|(at, micros)| Timestamp::from_timestamp(at, micros * 1_000).expect("a time"));
        let source = (text, text).prop_map(|(id, kind)| LicenseSource { source_id: id, source_type: kind });
        let more = (any::<Option<bool>>(), proptest::option::of(source), proptest::option::of(any::<u128>()));
        let person = (proptest::option::of(any::<i64>()), proptest::option::of("[a-zA-Zé+]{1,9}"));
        (any::<u128>(), person, proptest::option::of(moment.clone()), moment, more).prop_map(
            |(id, (lms, name), optional, at, (auto_applied, source, renewed_to))| License {
                uuid: license_domain::LicenseId(Uuid::from_u128(id)),
                status: LicenseStatus::Activated,
                user_email: name.and_then(|name| EmailAddress::parse(&format!("{name}@example.com")).ok()),
                lms_user_id: lms.map(LmsUserId),
                activation_date: optional,
                auto_applied,
                source,
                renewed_to: renewed_to.map(|id| license_domain::LicenseId(Uuid::from_u128(id))),
                ..License::unassigned(
                    license_domain::LicenseId(Uuid::nil()),
                    license_domain::PlanId(Uuid::from_u128(id)),
                    at,
                )
            },
        )
    }

    proptest! {
        #[test]
        fn rows_are_what_the_sdk_and_serde_dynamo_read(licenses in proptest::collection::vec(licenses(), 0..4)) {
            let items: Vec<Item> =
                licenses.iter().map(|license| with_keys(rows::to_item(license).expect("an item"))).collect();
            let (read, last) = read::<License>(&items);
            prop_assert!(last.is_some());
            for (row, item) in read.iter().zip(&items) {
                prop_assert_eq!(row.keys.sort_key(), "activated é");
                prop_assert_eq!(row.keys.position(Some(GSI1)), crate::keys::position_in(item, GSI1));
                prop_assert_eq!(&row.value, &rows::from_item::<License>(item.clone()).expect("a license"));
            }
            prop_assert_eq!(read.into_iter().map(|row| row.value).collect::<Vec<_>>(), licenses);
        }
    }

    #[test]
    fn every_type_of_value_that_items_have() {
        #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
        enum Kind {
            Plain,
            With { number: i64, list: Vec<Option<bool>> },
            Of(u32),
        }
        #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
        struct Everything {
            kinds: Vec<Kind>,
            none: Option<String>,
            some: Option<Vec<String>>,
            unit: (),
            part: f64,
            pairs: HashMap<String, (u8, i8)>,
        }
        let kinds = vec![Kind::Plain, Kind::With { number: -5, list: vec![None, Some(true)] }, Kind::Of(7)];
        let some = Some(vec![String::new(), "\u{1f393}\"".to_owned()]);
        let pairs = HashMap::from([("x".to_owned(), (255, -1))]);
        let everything = Everything { kinds, none: None, some, unit: (), part: 0.25, pairs };
        let (rows, _) = read::<Everything>(&[with_keys(rows::to_item(&everything).expect("an item"))]);
        assert_eq!(rows[0].value, everything);
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named_by_its_key_and_a_persons_is_not() {
        let read = |key: &str| {
            let item = json!({ "pk": { "S": key }, "sk": { "S": "s" }, "uuid": { "S": "ann@example.com" } });
            page::<License>(json!({ "Items": [item] }).to_string().as_bytes(), None)
                .expect_err("no license")
                .to_string()
        };
        assert!(read("PLAN#1").contains("PLAN#1 / s"), "{}", read("PLAN#1"));
        for key in ["PLAN#1", "LEARNER#ann@example.com"] {
            assert!(!read(key).contains("ann@"), "{}", read(key));
        }
        let cut = page::<License>(br#"{"Items":[{"pk":{"S":"x"#, None);
        assert!(cut.is_err());
    }
}
