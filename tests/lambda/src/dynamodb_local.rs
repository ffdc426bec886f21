//! The table's engine: the embedded one, or AWS's own DynamoDB Local where one is named.

pub use license_tests::dynamodb_local::engine;
