//! Reads `template.yaml`, the only declaration of the table and the routes. The runner and the tests create their table
//! and route requests by it, so that they use what is deployed.
//!
//! It reads the part of CloudFormation that the template uses; anything else is an error.

mod alarms;
mod bucket;
mod functions;
mod queues;
mod read;
mod routes;
mod table;

use std::sync::OnceLock;

use serde_yaml_ng::Value;

pub use alarms::{AlarmSpec, MetricSpec, Operations};
pub use bucket::{CorsRule, Origins};
pub use functions::FunctionSpec;
pub use queues::{QueueSource, QueueSpec, StreamSource};
pub use routes::{DEFAULT, Match, RouteSpec};
pub use table::{IndexSpec, KeySpec, Projection, TableSpec};

/// The template's text at the time of the build.
pub const TEXT: &str = include_str!("../../../template.yaml");

/// The template contains a declaration that cannot be parsed.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is not YAML.
    #[error("the template is not YAML: {0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    /// Something is missing, or is not as expected.
    #[error("the template: {place} {problem}")]
    Unexpected {
        /// The place in the template.
        place: String,
        problem: &'static str,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    table: TableSpec,
    functions: Vec<FunctionSpec>,
    queues: Vec<QueueSpec>,
    cors: Vec<CorsRule>,
    operations: Operations,
}

impl Template {
    /// The template at the time of the build. It is parsed once in a process.
    pub fn embedded() -> Result<Self, TemplateError> {
        static PARSED: OnceLock<Template> = OnceLock::new();
        if let Some(template) = PARSED.get() {
            return Ok(template.clone());
        }
        let template = Self::parse(TEXT)?;
        Ok(PARSED.get_or_init(|| template).clone())
    }

    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let document: Value = serde_yaml_ng::from_str(text)?;
        let resources = read::resources(&document)?;
        Ok(Self {
            table: table::read(&resources)?,
            functions: functions::read(&document, &resources)?,
            queues: queues::read(&resources)?,
            cors: bucket::read(&resources)?,
            operations: alarms::read(&document, &resources)?,
        })
    }

    pub const fn table(&self) -> &TableSpec {
        &self.table
    }

    /// The functions, in the order of the template.
    pub fn functions(&self) -> &[FunctionSpec] {
        &self.functions
    }

    pub fn queues(&self) -> &[QueueSpec] {
        &self.queues
    }

    /// Which pages of other sites may read and write the bucket of files.
    pub fn cors(&self) -> &[CorsRule] {
        &self.cors
    }

    /// The alarms, the dashboard and the outputs.
    pub const fn operations(&self) -> &Operations {
        &self.operations
    }

    /// The function that the API calls for that request.
    pub fn route(&self, method: &str, path: &str) -> Option<&FunctionSpec> {
        let routes = self.routes().filter_map(|(route, function)| Some((route.matches(method, path)?, function)));
        routes.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, function)| function)
    }

    /// Every route with its function.
    pub fn routes(&self) -> impl Iterator<Item = (&RouteSpec, &FunctionSpec)> {
        self.functions.iter().flat_map(|function| function.routes.iter().map(move |route| (route, function)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        Template::embedded().expect("the template can be parsed")
    }

    #[test]
    fn the_table_has_its_keys_indexes_and_ttl() {
        let template = template();
        let table = template.table();
        assert_eq!((table.key.partition.as_str(), table.key.sort.as_str()), ("pk", "sk"));
        assert_eq!((table.ttl.as_deref(), table.stream.as_deref()), (Some("ttl"), Some("NEW_IMAGE")));
        let names: Vec<&str> = table.indexes.iter().map(|index| index.name.as_str()).collect();
        assert_eq!(names, ["gsi1", "gsi2", "gsi3"]);
        assert!(
            matches!(&table.indexes[0].projection, Projection::Include(names) if names.contains(&"user_email".to_owned()))
        );
        assert_eq!(table.indexes[1].projection, Projection::KeysOnly);
        for key in table.indexes.iter().map(|index| &index.key).chain([&table.key]) {
            assert!(table.attributes.contains(&key.partition) && table.attributes.contains(&key.sort));
        }
    }

    #[test]
    fn requests_go_to_the_functions_of_the_api() {
        let template = template();
        let to = |method, path| template.route(method, path).map(|function| function.binary.clone());
        for (path, function) in [
            ("/api/v1/customer-agreement/", "function-agreements"),
            ("/api/v1/customer-agreement/x/auto-apply", "function-agreements"),
            ("/api/v1/subscriptions", "function-subscriptions"),
            ("/api/v1/subscriptions/x/", "function-subscriptions"),
            ("/api/v1/subscriptions/x/licenses/", "function-licenses"),
            ("/api/v1/subscriptions/x/licenses/csv/", "function-licenses"),
            ("/api/v1/subscriptions/x/licenses/y", "function-licenses"),
            ("/api/v1/subscriptions/x/y/z/", "function-subscriptions"),
            ("/api/v1/subscription", "function-site"),
            ("/health/", "function-site"),
            ("/", "function-site"),
        ] {
            assert_eq!(to("GET", path).as_deref(), Some(function), "{path}");
        }
    }

    #[test]
    fn every_function_has_a_binary_an_environment_and_something_that_calls_it() {
        for function in template().functions() {
            assert!(function.binary.starts_with("function-"), "{function:?}");
            assert!(function.environment.contains(&"TABLE_NAME".to_owned()), "{function:?}");
            let is_called = !function.routes.is_empty() || !function.schedules.is_empty();
            assert!(is_called || !function.queues.is_empty() || function.stream.is_some(), "{function:?}");
            assert!(function.timeout_seconds > 0 && !function.actions.is_empty(), "{function:?}");
        }
    }

    #[test]
    fn work_that_fails_repeatedly_goes_to_a_dead_letter_queue() {
        let template = template();
        let queue = |name: &str| template.queues().iter().find(|queue| queue.name == name).expect("a queue");
        for function in template.functions() {
            for source in &function.queues {
                let spec = queue(&source.queue);
                let (dead, most) = spec.dead_letters.as_ref().expect("dead letters");
                assert!(queue(dead).dead_letters.is_none() && *most > 1, "{spec:?}");
                // Six times the function's timeout, as Lambda recommends, because a batch may be throttled before it is
                // handled.
                assert_eq!(u64::from(spec.visibility_seconds), 6 * function.timeout_seconds, "{spec:?}");
            }
            if let Some(stream) = &function.stream {
                assert!(stream.admits("INSERT", "EVENT#2026-11-24T03#1") && !stream.admits("INSERT", "LEARNER#x"));
                assert!(!stream.admits("REMOVE", "EVENT#2026-11-24T03#1"));
                queue(stream.failures.as_deref().expect("a queue for what is given up"));
            }
        }
    }

    #[test]
    fn pages_of_the_portal_may_use_the_bucket() {
        let methods = ["GET", "PUT", "POST"].map(str::to_owned).to_vec();
        let rules = [Origins::These(vec!["null".to_owned()]), Origins::Listed("CORS_ORIGIN_WHITELIST".to_owned())];
        assert_eq!(template().cors(), rules.map(|origins| CorsRule { methods: methods.clone(), origins }));
    }

    #[test]
    fn what_cannot_be_parsed_is_named() {
        let broken = TEXT.replace("ProjectionType: KEYS_ONLY", "ProjectionType: SOME");
        let error = Template::parse(&broken).expect_err("an unknown projection").to_string();
        assert!(error.contains("gsi2"), "{error}");
    }
}
