//! Retired persons. A retirement stores a digest of each name of the person, with the time. From then on every older
//! item is read without the person, however long it takes until [`crate::erasure`] has rewritten it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use license_domain::{EmailAddress, EmailKey, LmsUserId, PersonId, Pii, Timestamp, pii::class_of};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    Store,
    failures::scrub,
    keys::{self, Item, Key, RETIRED_COPIES, TTL},
    rows,
    table::{PARALLEL, Range, Write},
    transaction::Transaction,
};
use license_storage::StoreError;

/// How long a retirement is kept: longer than events, jobs, mail deliveries and idempotency records.
const LIFETIME: TimeDelta = TimeDelta::days(45);

/// How long after a retirement requests that had begun before may still write what they had read.
pub(crate) const UNDER_WAY: TimeDelta = TimeDelta::minutes(1);

/// A later call may see a retirement whose time is before one that was seen already: clocks differ by less than this.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// The problem of a row whose learner was erased.
const PROBLEM: &str = "The learner has left.";

/// The attribute with the person id that replaces a user name.
const PERSON: &str = "person";

/// The attribute of an idempotency record that contains JSON as text.
const OUTCOME: &str = "outcome";

/// Attributes that are erased together with the named one, because they are about the same person.
const GOES_WITH: [(&str, &[&str]); 2] =
    [("actor", &["actor_lms_user_id"]), ("requested_by", &["requester_email", "lms_user_id"])];

/// Retirements by digest: the time until which items are affected, and what replaces a user name.
type Known = HashMap<Uuid, (Timestamp, PersonId)>;

/// The retirements that a process has read.
#[derive(Debug, Default)]
pub(crate) struct RetiredCache(Mutex<(Arc<Known>, Option<Timestamp>)>);

/// All retirements that are still kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retired {
    known: Arc<Known>,
    secret: String,
}

/// A name of a person. Its digest is made with the table's secret, so that names cannot be guessed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    Address(&'a EmailKey),
    User(&'a str),
    /// An id in the LMS.
    Number(LmsUserId),
    /// What was announced of a plan, and to which address.
    Notified(&'a str),
}

impl Name<'_> {
    /// The name's digest. The digest of an address is its person id.
    pub fn digest(self, secret: &str) -> PersonId {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        match self {
            Self::Address(email) => mac.update(email.as_str().as_bytes()),
            // No address contains a zero byte.
            Self::User(name) => mac.update(format!("user\0{name}").as_bytes()),
            Self::Notified(of) => mac.update(format!("notified\0{of}").as_bytes()),
            Self::Number(user) => mac.update(format!("lms\0{user}").as_bytes()),
        }
        let digest = mac.finalize().into_bytes();
        let bytes = digest[..16].try_into().expect("SHA-256 has 32 bytes");
        PersonId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl Store {
    /// Records a retirement: the digests of the person's names, without duplicates, and the person id that replaces
    /// them. One transaction for each copy: those that are complete are in force, and a request that failed between
    /// them is repeated as a whole, with a later time.
    pub(crate) async fn put_retired(
        &self,
        digests: &[PersonId],
        person: PersonId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let until = at + UNDER_WAY;
        let put = |copy: u16, digest: &PersonId| {
            let mut item = keys::retired(copy, until, digest.0).attributes();
            item.insert(PERSON.to_owned(), rows::text(person.0));
            item.insert(TTL.to_owned(), rows::number((until + LIFETIME).timestamp()));
            Write::put(item)
        };
        let put_copy = |copy| {
            self.transact("retire", (), move |mut transaction: Transaction<()>, ()| async move {
                transaction.write(digests.iter().map(|digest| put(copy, digest)));
                Ok(self.commit(transaction).await?.or_retry(()))
            })
        };
        stream::iter((0..RETIRED_COPIES).map(put_copy)).buffer_unordered(PARALLEL).try_collect().await
    }

    /// The partition from which retirements are read: a copy at random.
    pub(crate) fn retirements(&self) -> String {
        let copy = self.random.below(u64::from(RETIRED_COPIES));
        keys::retirements(u16::try_from(copy).expect("a copy's number is below 16"))
    }

    /// All retirements until now: a process reads only those that it has not read before.
    pub(crate) async fn retired(&self) -> Result<Retired, StoreError> {
        let locked = || self.cached.retired.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = locked().1;
        let from = keys::time(seen.map_or(Timestamp::UNIX_EPOCH, |seen| seen - OVERLAP));
        let range =
            Range { partition: self.retirements(), between: Some((&from, "~")), consistent: true, ..Range::default() };
        let found: Vec<(Timestamp, Uuid, PersonId)> =
            self.table.query(range).await?.iter().filter_map(retirement).collect();
        let known = {
            let mut cached = locked();
            let (known, last) = &mut *cached;
            for (until, digest, person) in found {
                *last = Some(last.map_or(until, |last| last.max(until)));
                if known.get(&digest).is_none_or(|(known, _)| *known < until) {
                    let known = Arc::make_mut(known);
                    let now = self.clock.now();
                    known.retain(|_, (until, _)| *until + LIFETIME > now);
                    known.insert(digest, (until, person));
                }
            }
            known.clone()
        };
        let secret = if known.is_empty() { String::new() } else { self.person_secret().await? };
        Ok(Retired { known, secret })
    }

    /// Reads an item without the persons who have retired since it was written.
    pub(crate) async fn read<T: DeserializeOwned>(&self, item: Item) -> Result<T, StoreError> {
        self.retired().await?.read(item, None)
    }

    /// Reads several items.
    pub(crate) async fn read_all<T: DeserializeOwned>(&self, items: Vec<Item>) -> Result<Vec<T>, StoreError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let retired = self.retired().await?;
        items.into_iter().map(|item| retired.read(item, None)).collect()
    }
}

/// The contents of a retirement's item: the time, the digest, the person id.
fn retirement(item: &Item) -> Option<(Timestamp, Uuid, PersonId)> {
    let key = Key::of(item)?;
    let (until, digest) = key.sk.split_once('#')?;
    let person = item.get(PERSON)?.as_s().ok()?.parse().ok()?;
    Some((until.parse().ok()?, digest.parse().ok()?, PersonId(person)))
}

/// When the event of an item happened.
pub(crate) fn time_of(item: &Map<String, Value>) -> Option<Timestamp> {
    let stamped = item.get("stamp").and_then(|stamp| stamp.get("at"));
    let named = ["created", "at"].iter().find_map(|name| item.get(*name));
    stamped.or(named)?.as_str()?.parse().ok()
}

impl Retired {
    /// Reads an item as a type. `at` is the time of its event, if the item does not contain it.
    pub fn read<T: DeserializeOwned>(&self, item: Item, at: Option<Timestamp>) -> Result<T, StoreError> {
        if self.known.is_empty() {
            return rows::from_item(item);
        }
        let mut value = rows::from_item::<Map<String, Value>>(item.clone())?;
        if !self.erase(&mut value, at) {
            return rows::from_item(item);
        }
        let unreadable = |error: serde_json::Error| StoreError::Corrupt {
            key: "an item without its learner".to_owned(),
            cause: scrub(&error.to_string()),
        };
        serde_json::from_value(Value::Object(value)).map_err(unreadable)
    }

    /// Erases persons who retired after that time from an item; returns whether there was one.
    pub fn erase(&self, item: &mut Map<String, Value>, at: Option<Timestamp>) -> bool {
        if self.known.is_empty() {
            return false;
        }
        // An item without a time counts as the oldest.
        let at = at.or_else(|| time_of(item)).unwrap_or(Timestamp::UNIX_EPOCH);
        self.erase_map(item, at)
    }

    fn find(&self, name: Name<'_>, at: Timestamp) -> Option<PersonId> {
        let (until, person) = self.known.get(&name.digest(&self.secret).0)?;
        (at <= *until).then_some(*person)
    }

    fn is_retired_address(&self, text: &str, at: Timestamp) -> bool {
        text.contains('@') && self.find(Name::Address(&EmailKey::of(text)), at).is_some()
    }

    fn erase_map(&self, map: &mut Map<String, Value>, at: Timestamp) -> bool {
        let mut is_changed = false;
        let mut is_person_gone = false;
        let names: Vec<String> = map.keys().filter(|name| !keys::is_key(name)).cloned().collect();
        for name in names {
            let Some(value) = map.get_mut(&name) else { continue };
            let class = class_of(&name).unwrap_or(Pii::None);
            match value {
                Value::String(text) if name == OUTCOME => is_changed |= self.erase_json(text, at),
                Value::String(text) if class == Pii::Personal && self.is_retired_address(text, at) => {
                    is_person_gone = true;
                    // Events keep the positions of their learners, because mails are counted by them.
                    if name == "email" {
                        EmailAddress::retired().as_given().clone_into(text);
                    } else {
                        map.remove(&name);
                    }
                }
                Value::String(text) if class == Pii::Identifier => {
                    let Some(person) = self.find(Name::User(text), at) else { continue };
                    *text = person.0.to_string();
                    is_changed = true;
                    for (_, gone) in GOES_WITH.iter().filter(|(who, _)| *who == name) {
                        for gone in *gone {
                            map.remove(*gone);
                        }
                    }
                }
                Value::Number(number) if class == Pii::Identifier => {
                    let user = number.as_i64().map(LmsUserId);
                    if user.is_some_and(|user| self.find(Name::Number(user), at).is_some()) {
                        map.remove(&name);
                        is_changed = true;
                    }
                }
                Value::String(text) if class == Pii::Personal => is_changed |= self.erase_text(text, at),
                other => is_changed |= self.erase_value(other, at),
            }
        }
        if is_person_gone {
            // Ids, keys and links of the erased person are removed, too.
            map.retain(|name, value| {
                let class = class_of(name);
                !(class == Some(Pii::Secret) || (class == Some(Pii::Identifier) && value.is_number()))
            });
            // A job's row without a learner is not worked on.
            if map.contains_key("row") && !map.contains_key(OUTCOME) {
                map.insert("problem".to_owned(), Value::String(PROBLEM.to_owned()));
            }
        }
        is_changed || is_person_gone
    }

    /// Erases within a value. Lists keep their length.
    fn erase_value(&self, value: &mut Value, at: Timestamp) -> bool {
        match value {
            Value::Object(map) => self.erase_map(map, at),
            Value::Array(list) => {
                let mut is_changed = false;
                for value in list {
                    is_changed |= match value {
                        Value::String(text) if self.is_retired_address(text, at) => {
                            EmailAddress::retired().as_given().clone_into(text);
                            true
                        }
                        other => self.erase_value(other, at),
                    };
                }
                is_changed
            }
            _ => false,
        }
    }

    /// Erases within JSON as text.
    fn erase_json(&self, text: &mut String, at: Timestamp) -> bool {
        let Ok(mut value) = serde_json::from_str::<Value>(text) else { return false };
        let is_changed = self.erase_value(&mut value, at);
        if is_changed {
            *text = value.to_string();
        }
        is_changed
    }

    /// Erases within an admin's text, in which addresses are separated by spaces and punctuation.
    fn erase_text(&self, text: &mut String, at: Timestamp) -> bool {
        let is_mark = |c: char| c.is_whitespace() || ",;:<>()[]\"".contains(c);
        let named = text.split(is_mark).map(|word| word.trim_end_matches(['.', '!', '?']));
        let gone: Vec<String> = named.filter(|word| self.is_retired_address(word, at)).map(str::to_owned).collect();
        for address in &gone {
            *text = text.replace(address.as_str(), EmailAddress::retired().as_given());
        }
        !gone.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn retired() -> Retired {
        let until = Timestamp::UNIX_EPOCH + TimeDelta::days(1);
        let secret = "s".to_owned();
        let ann = Name::Address(&EmailKey::of("ann@example.com")).digest(&secret);
        let names = [ann, Name::User("ann").digest(&secret), Name::Number(LmsUserId(7)).digest(&secret)];
        Retired { known: Arc::new(names.iter().map(|name| (name.0, (until, ann))).collect()), secret }
    }

    fn erased(mut value: Value) -> Value {
        retired().erase(value.as_object_mut().expect("an object"), None);
        value
    }

    #[test]
    fn only_what_names_the_person_is_erased() {
        let ann = Name::Address(&EmailKey::of("ann@example.com")).digest("s").0.to_string();
        for (before, after) in [
            (
                json!({ "user_email": "Ann@Example.com", "lms_user_id": 8, "activation_key": "k", "status": "assigned" }),
                json!({ "status": "assigned" }),
            ),
            (json!({ "user_email": "bob@example.com", "lms_user_id": 8 }), Value::Null),
            (
                json!({ "licenses": [{ "email": "ann@example.com", "license": 1 }, { "email": "b@example.com" }] }),
                json!({ "licenses": [{ "email": "retired@retired.invalid", "license": 1 }, { "email": "b@example.com" }] }),
            ),
            (
                json!({ "recipients": ["ann@example.com", "b@example.com"] }),
                json!({ "recipients": ["retired@retired.invalid", "b@example.com"] }),
            ),
            (json!({ "actor": "ann", "actor_lms_user_id": 9 }), json!({ "actor": ann })),
            (json!({ "actor": "annette", "actor_lms_user_id": 7 }), json!({ "actor": "annette" })),
            (
                json!({ "requested_by": "ann", "requester_email": "a@home.example", "lms_user_id": 9, "rows": 1 }),
                json!({ "requested_by": ann, "rows": 1 }),
            ),
            (
                json!({ "rows": [{ "row": 0, "user_email": "ann@example.com" }] }),
                json!({ "rows": [{ "row": 0, "problem": PROBLEM }] }),
            ),
            (
                json!({ "outcome": "{\"assigned\":[[\"ann@example.com\",\"l\"]],\"n\":1}" }),
                json!({ "outcome": "{\"assigned\":[[\"retired@retired.invalid\",\"l\"]],\"n\":1}" }),
            ),
            (
                json!({ "greeting": "Dear ann@example.com, welcome" }),
                json!({ "greeting": "Dear retired@retired.invalid, welcome" }),
            ),
            // A newer item is about a person who returned.
            (json!({ "user_email": "ann@example.com", "created": "1980-01-01T00:00:00Z" }), Value::Null),
            // Attributes of keys are not erased.
            (json!({ "pk": "ann@example.com" }), Value::Null),
        ] {
            let after = if after.is_null() { before.clone() } else { after };
            assert_eq!(erased(before), after);
        }
    }
}
