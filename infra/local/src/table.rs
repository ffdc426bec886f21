//! The table, created as the template declares it, and the product's client of it.

use crate::engine::Limited;
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region},
    error::{BuildError, DisplayErrorContext},
    operation::create_table::{CreateTableError, builders::CreateTableFluentBuilder},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, StreamSpecification, StreamViewType,
    },
};
use license_storage::StoreError;
use license_template::{IndexSpec, KeySpec, Projection as Projected, TableSpec};

pub const NAME: &str = "license-manager";

/// The SDK's own client, as a function would make it, except for the address, the credentials, which are not checked
/// here, and DynamoDB's limits that the engine does not check.
pub fn client(endpoint: &str) -> Client {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("local", "local", None, None, "the local runner"))
        .http_client(Limited(aws_smithy_http_client::Builder::new().build_http()).shared())
        .retry_config(crate::workers::retries())
        .build();
    Client::from_conf(config)
}

/// Creates the table, unless it exists. A table without a stream gets one.
pub async fn create(client: &Client, spec: &TableSpec) -> Result<(), StoreError> {
    let request = build(client, spec)
        .map_err(|error| StoreError::Refused { operation: "CreateTable", cause: error.to_string() })?;
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {
            let refused =
                |error: BuildError| StoreError::Refused { operation: "UpdateTable", cause: error.to_string() };
            let stream = stream(spec).map_err(refused)?;
            // An error means that the table has a stream already.
            let _ = client.update_table().table_name(NAME).stream_specification(stream).send().await;
            Ok(())
        }
        Err(error) => {
            Err(StoreError::Refused { operation: "CreateTable", cause: DisplayErrorContext(error).to_string() })
        }
    }
}

fn stream(spec: &TableSpec) -> Result<StreamSpecification, BuildError> {
    let view = spec.stream.as_deref().map(StreamViewType::from);
    StreamSpecification::builder().stream_enabled(view.is_some()).set_stream_view_type(view).build()
}

fn build(client: &Client, spec: &TableSpec) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut request = client.create_table().table_name(NAME).billing_mode(BillingMode::PayPerRequest);
    request = request.stream_specification(stream(spec)?);
    request = request.set_key_schema(Some(key(&spec.key)?));
    for name in &spec.attributes {
        let kind = ScalarAttributeType::S;
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()?;
        request = request.attribute_definitions(attribute);
    }
    for spec in &spec.indexes {
        request = request.global_secondary_indexes(index(spec)?);
    }
    Ok(request)
}

fn index(spec: &IndexSpec) -> Result<GlobalSecondaryIndex, BuildError> {
    let projection = match &spec.projection {
        Projected::All => Projection::builder().projection_type(ProjectionType::All),
        Projected::KeysOnly => Projection::builder().projection_type(ProjectionType::KeysOnly),
        Projected::Include(names) => {
            Projection::builder().projection_type(ProjectionType::Include).set_non_key_attributes(Some(names.clone()))
        }
    };
    GlobalSecondaryIndex::builder()
        .index_name(&spec.name)
        .set_key_schema(Some(key(&spec.key)?))
        .projection(projection.build())
        .build()
}

fn key(spec: &KeySpec) -> Result<Vec<KeySchemaElement>, BuildError> {
    [(&spec.partition, KeyType::Hash), (&spec.sort, KeyType::Range)]
        .into_iter()
        .map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build())
        .collect()
}
