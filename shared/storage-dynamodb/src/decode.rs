//! Reads values directly from DynamoDB's JSON.
//!
//! The SDK makes a map of attributes of each item, of which `serde_dynamo` makes a value. Pages have hundreds of items;
//! for them the intermediate maps cost more processor time than everything else of a request. What a single item costs
//! hardly matters, so only Queries of many rows are read in this way.

mod attribute;
mod body;
mod row;

pub(crate) use self::{
    body::KeptBody,
    row::{Row, RowKeys, page},
};
