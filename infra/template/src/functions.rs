//! The functions, and what calls them.

use serde_yaml_ng::{Mapping, Value};

use crate::{
    TemplateError,
    queues::{self, QueueSource, StreamSource},
    read::{Resource, list, text, texts, unexpected},
};

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSpec {
    /// Its logical id.
    pub id: String,
    /// The binary that it runs: the name of its crate.
    pub binary: String,
    /// The routes of the API that call it.
    pub routes: Vec<RouteSpec>,
    /// The schedules that call it, such as `rate(1 minute)`.
    pub schedules: Vec<String>,
    /// The queues that it reads.
    pub queues: Vec<QueueSource>,
    /// The table's stream, if it reads that.
    pub stream: Option<StreamSource>,
    /// The environment variables that it is given.
    pub environment: Vec<String>,
    /// The actions that its policy allows.
    pub actions: Vec<String>,
    /// How long it may run.
    pub timeout_seconds: u64,
}

/// A route of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// A method, or `ANY`.
    pub method: String,
    /// A path with parameters in braces, or `$default`.
    pub path: String,
}

impl RouteSpec {
    /// How well the route fits a request: the greatest fits best. A segment that is named fits better than a
    /// parameter, the earlier the better, and everything better than the default.
    pub(crate) fn fits(&self, method: &str, path: &str) -> Option<Vec<bool>> {
        if self.method != "ANY" && self.method != method {
            return None;
        }
        if self.path == "$default" {
            return Some(Vec::new());
        }
        let (wanted, given): (Vec<&str>, Vec<&str>) = (self.path.split('/').collect(), path.split('/').collect());
        if wanted.len() != given.len() {
            return None;
        }
        wanted
            .iter()
            .zip(given)
            .map(|(wanted, given)| {
                let is_parameter = wanted.starts_with('{') && wanted.ends_with('}');
                let fits = if is_parameter { !given.is_empty() } else { *wanted == given };
                fits.then_some(!is_parameter)
            })
            .collect()
    }
}

pub(crate) fn read(document: &Value, resources: &[Resource<'_>]) -> Result<Vec<FunctionSpec>, TemplateError> {
    let globals = document.get("Globals").and_then(|globals| globals.get("Function"));
    let functions = resources.iter().filter(|resource| resource.kind == "AWS::Serverless::Function");
    functions.map(|function| read_one(globals, function)).collect()
}

fn read_one(globals: Option<&Value>, function: &Resource<'_>) -> Result<FunctionSpec, TemplateError> {
    let binary = function
        .body
        .get("Metadata")
        .and_then(|metadata| metadata.get("BuildProperties"))
        .and_then(|properties| text(properties, "Binary"))
        .ok_or_else(|| unexpected(function.id, "names no binary"))?;
    let mut environment = globals.map(variables).unwrap_or_default();
    environment.extend(variables_of(function.properties));
    let timeout = function.properties.get("Timeout").or_else(|| globals?.get("Timeout")).and_then(Value::as_u64);
    let mut spec = FunctionSpec {
        id: function.id.to_owned(),
        binary: binary.to_owned(),
        routes: Vec::new(),
        schedules: Vec::new(),
        queues: Vec::new(),
        stream: None,
        environment,
        actions: actions(function.properties),
        timeout_seconds: timeout.ok_or_else(|| unexpected(function.id, "has no timeout"))?,
    };
    let events = function.properties.get("Events").and_then(Value::as_mapping);
    for (name, event) in events.into_iter().flatten() {
        let place = || format!("{} / {}", function.id, name.as_str().unwrap_or_default());
        let properties = event.get("Properties").ok_or_else(|| unexpected(place(), "has no properties"))?;
        match text(event, "Type") {
            Some("HttpApi") => match (text(properties, "Method"), text(properties, "Path")) {
                (Some(method), Some(path)) => {
                    spec.routes.push(RouteSpec { method: method.to_uppercase(), path: path.to_owned() });
                }
                _ => return Err(unexpected(place(), "has no method or path")),
            },
            Some("Schedule" | "ScheduleV2") => {
                let schedule = text(properties, "ScheduleExpression").or_else(|| text(properties, "Schedule"));
                spec.schedules.push(schedule.ok_or_else(|| unexpected(place(), "has no schedule"))?.to_owned());
            }
            Some("SQS") => spec.queues.push(queues::queue_source(&place(), properties)?),
            Some("DynamoDB") => spec.stream = Some(queues::stream_source(&place(), properties)?),
            _ => return Err(unexpected(place(), "is of a kind that is not understood")),
        }
    }
    Ok(spec)
}

fn variables(function: &Value) -> Vec<String> {
    function.as_mapping().map(variables_of).unwrap_or_default()
}

fn variables_of(function: &Mapping) -> Vec<String> {
    let variables = function.get("Environment").and_then(|environment| environment.get("Variables"));
    let names = variables.and_then(Value::as_mapping).into_iter().flat_map(Mapping::keys);
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn actions(function: &Mapping) -> Vec<String> {
    let statements = list(function, "Policies")
        .iter()
        .filter_map(|policy| policy.get("Statement").and_then(Value::as_sequence))
        .flatten();
    statements.filter_map(|statement| statement.get("Action")).flat_map(texts).collect()
}
