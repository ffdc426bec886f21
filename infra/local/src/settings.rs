//! The product's settings in the runner: those that the operator set, then those that lead to the stand-ins.

use std::collections::BTreeMap;

use license_template::Template;

/// Settings that only AWS or `sam local` sets: the runner has its own table and stand-ins.
const NOT_SET_HERE: &[&str] = &[
    "TABLE_NAME",
    "DYNAMODB_ENDPOINT",
    "SQS_ENDPOINT",
    "EVENTBRIDGE_ENDPOINT",
    "S3_ENDPOINT",
    "SES_ENDPOINT",
    "EXPORT_BUCKET",
    "RUST_LOG",
    "METRICS_NAMESPACE",
];

#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Makes settings from a map; an empty value counts as not set.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self(values.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect())
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets a value unless there is one.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        self.0.entry(name.to_owned()).or_insert_with(|| value.into());
    }

    /// A lookup, as the product's settings are read by it.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        |name| self.0.get(name).cloned()
    }
}

/// Settings that the template does not set.
const MORE: &[&str] = &["WEBHOOK_ALLOW_HTTP"];

/// The names of all settings: the environment variables that the template gives its functions.
pub fn names(template: &Template) -> Vec<String> {
    let mut names: Vec<String> =
        template.functions().iter().flat_map(|function| function.environment.clone()).collect();
    names.extend(MORE.iter().map(|name| (*name).to_owned()));
    names.retain(|name| !NOT_SET_HERE.contains(&name.as_str()));
    names.sort();
    names.dedup();
    names
}

/// What the process's environment sets.
pub fn from_env(template: &Template) -> BTreeMap<String, String> {
    names(template).into_iter().filter_map(|name| std::env::var(&name).ok().map(|value| (name, value))).collect()
}
