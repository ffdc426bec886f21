//! An attribute as serde sees it: `{"N": "5"}` is a 5.

use std::{
    borrow::Cow,
    fmt::{self, Formatter},
};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::MapAccessDeserializer,
    },
    forward_to_deserialize_any,
};

/// Types of attributes, as DynamoDB abbreviates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Type {
    S,
    N,
    #[serde(rename = "BOOL")]
    Bool,
    #[serde(rename = "NULL")]
    Null,
    L,
    M,
    #[serde(rename = "SS")]
    Texts,
    /// Binary values and sets of numbers, which no row has.
    #[serde(other)]
    Other,
}

/// A text that is copied only if it has escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// An attribute that is not read yet.
struct Attribute<D>(D);

/// An attribute of which the type is read.
struct Opened<A> {
    kind: Type,
    map: A,
}

/// What the caller expects of an attribute.
#[derive(Clone, Copy)]
enum Expected {
    Any,
    Option,
    Enum,
}

struct Opening<V> {
    visitor: V,
    expected: Expected,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Attribute<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Opening { visitor, expected: Expected::Any })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Opening { visitor, expected: Expected::Option })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Opening { visitor, expected: Expected::Enum })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Opening<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute with its type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        let kind = map.next_key()?.ok_or_else(|| A::Error::custom("an attribute without a type"))?;
        let opened = Opened { kind, map };
        match self.expected {
            Expected::Any => opened.deserialize_any(self.visitor),
            Expected::Option => opened.deserialize_option(self.visitor),
            Expected::Enum => opened.deserialize_enum("", &[], self.visitor),
        }
    }
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Opened<A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, A::Error> {
        match self.kind {
            Type::S => self.map.next_value_seed(AsText(visitor)),
            Type::N => number(&self.map.next_value::<Text<'de>>()?.0, visitor),
            Type::Bool => visitor.visit_bool(self.map.next_value()?),
            Type::Null => {
                let IgnoredAny = self.map.next_value()?;
                visitor.visit_unit()
            }
            Type::L => self.map.next_value_seed(AsList(visitor)),
            Type::M => self.map.next_value_seed(AsMap(visitor)),
            Type::Texts => self.map.next_value_seed(AsTexts(visitor)),
            Type::Other => Err(A::Error::custom("an attribute of a type that no row has")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, A::Error> {
        if self.kind == Type::Null {
            let IgnoredAny = self.map.next_value()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        match self.kind {
            Type::S => visitor.visit_enum(self.map.next_value::<Text<'de>>()?.0.into_deserializer()),
            Type::M => self.map.next_value_seed(AsVariant(visitor)),
            _ => Err(A::Error::custom("an enumeration is a text or a map")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The attributes of an item or of a nested map.
pub(super) struct Attributes<A>(pub(super) A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Attributes<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(AsAttribute(seed))
    }
}

/// The elements of a list.
struct Elements<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(AsAttribute(seed))
    }
}

pub(super) struct AsAttribute<S>(pub(super) S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for AsAttribute<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Attribute(deserializer))
    }
}

struct AsText<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for AsText<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_str(self.0)
    }
}

struct AsTexts<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for AsTexts<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_seq(self.0)
    }
}

struct AsList<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for AsList<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for AsList<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Elements(elements))
    }
}

struct AsMap<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for AsMap<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for AsMap<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, attributes: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Attributes(attributes))
    }
}

struct AsVariant<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for AsVariant<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for AsVariant<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, attributes: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(MapAccessDeserializer::new(Attributes(attributes)))
    }
}

/// Numbers are texts in DynamoDB's JSON.
fn number<'de, V: Visitor<'de>, E: Error>(text: &str, visitor: V) -> Result<V::Value, E> {
    if let Ok(n) = text.parse::<u64>() {
        return visitor.visit_u64(n);
    }
    if let Ok(n) = text.parse::<i64>() {
        return visitor.visit_i64(n);
    }
    text.parse::<f64>().map_err(E::custom).and_then(|n| visitor.visit_f64(n))
}
