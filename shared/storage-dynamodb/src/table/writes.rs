//! The writes of a transaction, and the expressions that they use.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use license_storage::StoreError;

use crate::{
    failures::malformed,
    keys::{Item, Key},
    transaction::size_of,
};

/// One item of a transaction.
#[derive(Clone, Debug)]
pub enum Write {
    /// Puts an item, if the condition holds.
    Put { item: Item, condition: Option<Expression> },
    /// Changes an item, if the condition holds.
    Update {
        key: Key,
        update: String,
        condition: Option<String>,
        /// The names and values of both expressions.
        terms: Expression,
    },
    /// Changes nothing; the transaction fails if the condition does not hold.
    Check { key: Key, condition: Expression },
    /// Deletes an item, if the condition holds.
    Delete { key: Key, condition: Option<Expression> },
}

/// An expression with the names (`#n`) and values (`:v`) that it uses.
#[derive(Clone, Debug, Default)]
pub struct Expression {
    pub text: String,
    pub names: HashMap<String, String>,
    pub values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// An expression without names and values.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The condition that the item does not exist.
    pub fn absent() -> Self {
        Self::new("attribute_not_exists(pk)")
    }

    /// The condition that the item exists.
    pub fn present() -> Self {
        Self::new("attribute_exists(pk)")
    }

    /// Adds a name; `name` is used as `#name`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.names.insert(format!("#{name}"), name.to_owned());
        self
    }

    /// Adds a value; `name` is used as `:name`.
    #[must_use]
    pub fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(format!(":{name}"), value);
        self
    }

    fn size(&self) -> usize {
        self.names.values().map(String::len).sum::<usize>() + size_of(&self.values)
    }

    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

impl Write {
    /// Puts an item on condition that it does not exist.
    pub fn create(item: Item) -> Self {
        Self::Put { item, condition: Some(Expression::absent()) }
    }

    /// Puts an item without condition.
    pub fn put(item: Item) -> Self {
        Self::Put { item, condition: None }
    }

    /// The approximate number of bytes that it adds to a transaction.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Put { item, condition } => size_of(item) + condition.as_ref().map_or(0, Expression::size),
            Self::Update { terms, .. } => terms.size(),
            Self::Check { condition, .. } => condition.size(),
            Self::Delete { condition, .. } => condition.as_ref().map_or(0, Expression::size),
        }
    }

    pub(super) fn into_transaction(self, table: &str) -> Result<TransactWriteItem, StoreError> {
        let with_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let built = match self {
            Self::Put { item, condition } => {
                let mut put = Put::builder().table_name(table).set_item(Some(item));
                if let Some(condition) = condition {
                    put = put
                        .set_expression_attribute_names(condition.names())
                        .set_expression_attribute_values(condition.values())
                        .condition_expression(condition.text)
                        .return_values_on_condition_check_failure(with_old);
                }
                put.build().map(|put| TransactWriteItem::builder().put(put).build())
            }
            Self::Update { key, update, condition, terms } => Update::builder()
                .table_name(table)
                .set_key(Some(key.attributes()))
                .update_expression(update)
                .set_condition_expression(condition)
                .set_expression_attribute_names(terms.names())
                .set_expression_attribute_values(terms.values())
                .return_values_on_condition_check_failure(with_old)
                .build()
                .map(|update| TransactWriteItem::builder().update(update).build()),
            Self::Check { key, condition } => ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key.attributes()))
                .set_expression_attribute_names(condition.names())
                .set_expression_attribute_values(condition.values())
                .condition_expression(condition.text)
                .return_values_on_condition_check_failure(with_old)
                .build()
                .map(|check| TransactWriteItem::builder().condition_check(check).build()),
            Self::Delete { key, condition } => {
                let mut delete = Delete::builder().table_name(table).set_key(Some(key.attributes()));
                if let Some(condition) = condition {
                    delete = delete
                        .set_expression_attribute_names(condition.names())
                        .set_expression_attribute_values(condition.values())
                        .condition_expression(condition.text)
                        .return_values_on_condition_check_failure(with_old);
                }
                delete.build().map(|delete| TransactWriteItem::builder().delete(delete).build())
            }
        };
        built.map_err(|error| malformed("TransactWriteItems", &error))
    }
}
