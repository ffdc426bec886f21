//! The bucket for files: which pages of other sites may read and write it.

use std::collections::BTreeMap;

use serde_yaml_ng::Value;

use crate::{
    TemplateError,
    read::{Resource, list, unexpected},
};

/// A rule of the bucket's CORS configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsRule {
    /// The methods that it admits.
    pub methods: Vec<String>,
    /// The pages that it admits.
    pub origins: Origins,
}

/// Pages that a rule admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Pages of these origins.
    These(Vec<String>),
    /// Pages of the origins that this environment variable lists, separated by commas. If the list is empty, there is
    /// no such rule.
    Listed(String),
}

/// The rules of the one bucket.
pub(crate) fn read(resources: &[Resource<'_>]) -> Result<Vec<CorsRule>, TemplateError> {
    let mut buckets = resources.iter().filter(|resource| resource.kind == "AWS::S3::Bucket");
    let (Some(bucket), None) = (buckets.next(), buckets.next()) else {
        return Err(unexpected("Resources", "do not have exactly one bucket"));
    };
    let cors = bucket.properties.get("CorsConfiguration").and_then(Value::as_mapping);
    let rules = cors.map_or(&[][..], |cors| list(cors, "CorsRules"));
    let variables = variables(resources);
    rules
        .iter()
        .map(|rule| {
            self::rule(rule, &variables).ok_or_else(|| unexpected(bucket.id, "has a CORS rule of another form"))
        })
        .collect()
}

fn rule(value: &Value, variables: &BTreeMap<String, String>) -> Option<CorsRule> {
    // `!If [HasOrigins, {…}, !Ref AWS::NoValue]`: the condition is that the list is not empty.
    let rule = match value {
        Value::Tagged(tagged) if tagged.tag == "If" => tagged.value.as_sequence()?.get(1)?,
        value => value,
    };
    let texts = |name: &str| -> Option<Vec<String>> {
        rule.get(name)?.as_sequence()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let origins = match rule.get("AllowedOrigins")? {
        // `!Split [",", !Ref Parameter]`
        Value::Tagged(tagged) if tagged.tag == "Split" => {
            let parameter = tagged.value.as_sequence()?.get(1).and_then(reference)?;
            Origins::Listed(variables.get(parameter)?.clone())
        }
        _ => Origins::These(texts("AllowedOrigins")?),
    };
    // Any header may be sent.
    (texts("AllowedHeaders")? == ["*"]).then_some(())?;
    Some(CorsRule { methods: texts("AllowedMethods")?, origins })
}

/// The environment variables whose value is a parameter, by the parameter.
fn variables(resources: &[Resource<'_>]) -> BTreeMap<String, String> {
    let environments =
        resources.iter().filter_map(|resource| resource.properties.get("Environment")?.get("Variables")?.as_mapping());
    let all = environments.flatten();
    all.filter_map(|(name, value)| Some((reference(value)?.to_owned(), name.as_str()?.to_owned()))).collect()
}

/// What a `!Ref` names.
fn reference(value: &Value) -> Option<&str> {
    match value {
        Value::Tagged(tagged) if tagged.tag == "Ref" => tagged.value.as_str(),
        _ => None,
    }
}
