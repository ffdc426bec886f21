//! The audit trail: entries in the order of time, one partition for each thing.

use async_trait::async_trait;
use license_domain::{AuditEntry, Event, EventId, LicenseId, Subject, audit_trail};
use uuid::Uuid;

use crate::{
    Store,
    keys::{self, Item, Key},
    retired::Name,
    rows,
    table::{Expression, Range, Write},
};
use license_storage::{AuditQuery, AuditTrails, StoreError};

/// The attribute that holds the secret.
const SECRET: &str = "secret";

#[async_trait]
impl AuditTrails for Store {
    /// Writes without condition: an entry is made from its event alone, so that a repetition writes the same.
    async fn record(&self, event: &Event) -> Result<(), StoreError> {
        let secret = self.person_secret().await?;
        let entries = audit_trail::entries(event, |email| Name::Address(&email.key()).digest(&secret));
        let item = |(subject, entry): (Subject, AuditEntry)| {
            let mut item = rows::to_item(&entry)?;
            item.extend(keys::trail_entry(subject, entry.event).attributes());
            Ok(item)
        };
        self.table.write_all(entries.into_iter().map(item).collect::<Result<_, StoreError>>()?).await
    }

    async fn trail(&self, subject: Subject, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        let from = query.from.map_or_else(|| EventId(Uuid::nil()).to_string(), keys::trail_from);
        // DynamoDB includes both ends of a range. The end is meant to be exclusive, so the id before it is used.
        let before = |id: Uuid| Uuid::from_u128(id.as_u128().saturating_sub(1)).to_string();
        let until = query.until.map(|until| keys::trail_from(until).parse().map_or_else(|_| String::new(), before));
        let older = query.before.map(|event| before(event.0));
        let to = [until, older].into_iter().flatten().min().unwrap_or_else(|| Uuid::max().to_string());
        if to < from {
            return Ok(Vec::new());
        }
        let range = Range {
            partition: keys::trail(subject),
            between: Some((&from, &to)),
            descending: true,
            limit: query.limit,
            consistent: true,
            ..Range::default()
        };
        self.read_all(self.table.query(range).await?).await
    }

    async fn forget_persons(&self, license: LicenseId) -> Result<(), StoreError> {
        let partition = keys::trail(Subject::License(license));
        let items = self.table.query(Range { partition, consistent: true, ..Range::default() }).await?;
        let mut forgotten: Vec<Item> = Vec::new();
        for item in items {
            let Some(key) = Key::of(&item) else { continue };
            let mut entry: AuditEntry = rows::from_item(item)?;
            if let Some(step) = &mut entry.license {
                (step.person, step.person_before) = (None, None);
            }
            let mut item = rows::to_item(&entry)?;
            item.extend(key.attributes());
            forgotten.push(item);
        }
        self.table.write_all(forgotten).await
    }
}

impl Store {
    /// The table's secret for making person ids from addresses. The first process that needs it creates it.
    pub(crate) async fn person_secret(&self) -> Result<String, StoreError> {
        if let Some(secret) = self.cached.person_secret.get(&()) {
            return Ok(secret);
        }
        let secret = loop {
            if let Some(item) = self.table.get(&keys::person_secret()).await? {
                let secret = item.get(SECRET).and_then(|secret| secret.as_s().ok()).cloned();
                break secret.ok_or_else(|| StoreError::Corrupt {
                    key: keys::person_secret().pk,
                    cause: "no secret".to_owned(),
                })?;
            }
            let mut item = keys::person_secret().attributes();
            let bits = [self.random.uuid(), self.random.uuid(), self.random.uuid()];
            item.insert(SECRET.to_owned(), rows::text(bits.map(|part| part.simple().to_string()).concat()));
            self.write_if("audit trail", Write::create(item)).await?;
        };
        self.cached.person_secret.put((), secret.clone());
        Ok(secret)
    }
}

/// The condition of a put: the item still has that version. The write keeps its own expression.
pub(crate) fn version_is(version: u64) -> Expression {
    Expression::new("#version = :version").name("version").value("version", rows::number(version))
}
