//! Writes without the protocol: one transaction of the engine for hundreds of items. Over HTTP each item would be one
//! transaction, whose time grows with the table.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::{Database, ImportOptions};
use license_storage::StoreError;
use license_storage_dynamodb::{Item, PK, PutItems, SK};

use super::limits;
use crate::table;

/// The engine's own bulk write.
#[derive(Clone)]
pub(super) struct EngineBulk(pub(super) Database);

#[async_trait]
impl PutItems for EngineBulk {
    async fn put(&self, mut items: Vec<Item>) -> Result<(), StoreError> {
        // In the table's order, neighbors are written to the same page.
        items.sort_by_cached_key(|item| [PK, SK].map(|name| item.get(name).and_then(|key| key.as_s().ok()).cloned()));
        let failed =
            |error: &dyn std::fmt::Display| StoreError::Refused { operation: "import", cause: error.to_string() };
        let texts = items.iter().flatten().filter_map(|(name, value)| Some((name, value.as_s().ok()?)));
        if let Some(refusal) = texts.into_iter().find_map(|(name, text)| limits::refusal(name, text.len())) {
            return Err(failed(&refusal));
        }
        let items: Result<Vec<dynoxide::Item>, Unknown> = items.into_iter().map(attributes).collect();
        let items = items.map_err(|error| failed(&error))?;
        let database = self.0.clone();
        let write = move || database.import_items(table::NAME, items, ImportOptions::default()).map(|_| ());
        tokio::task::spawn_blocking(write).await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }
}

/// A kind of attribute value that is unknown here, because the SDK is newer.
#[derive(Debug, thiserror::Error)]
#[error("unknown kind of attribute")]
struct Unknown;

fn attributes(item: Item) -> Result<dynoxide::Item, Unknown> {
    item.into_iter().map(|(name, value)| Ok((name, attribute(value)?))).collect::<Result<HashMap<_, _>, _>>()
}

fn attribute(value: AttributeValue) -> Result<dynoxide::AttributeValue, Unknown> {
    use dynoxide::AttributeValue as Ours;
    Ok(match value {
        AttributeValue::S(text) => Ours::S(text),
        AttributeValue::N(number) => Ours::N(number),
        AttributeValue::Bool(flag) => Ours::BOOL(flag),
        AttributeValue::Null(null) => Ours::NULL(null),
        AttributeValue::B(bytes) => Ours::B(bytes.into_inner()),
        AttributeValue::Ss(texts) => Ours::SS(texts),
        AttributeValue::Ns(numbers) => Ours::NS(numbers),
        AttributeValue::Bs(all) => {
            Ours::BS(all.into_iter().map(aws_sdk_dynamodb::primitives::Blob::into_inner).collect())
        }
        AttributeValue::L(values) => Ours::L(values.into_iter().map(attribute).collect::<Result<_, _>>()?),
        AttributeValue::M(item) => Ours::M(attributes(item)?),
        _ => return Err(Unknown),
    })
}
