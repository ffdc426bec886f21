//! The functions and their event sources.

use serde_yaml_ng::{Mapping, Value};

use crate::{
    TemplateError,
    queues::{self, QueueSource, StreamSource},
    read::{Resource, list, tagged_text, text, texts, unexpected},
    routes::{self, RouteSpec},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSpec {
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
    pub environment: Vec<String>,
    /// The actions that its policy allows.
    pub actions: Vec<String>,
    /// The secrets below `SecretPath` that its policy permits it to read, by the settings of the same names.
    pub secrets: Vec<String>,
    /// The parameters below `SecretPath`, in the same way.
    pub parameters: Vec<String>,
    /// The conditions under which its policy has more statements.
    pub conditions: Vec<String>,
    pub timeout_seconds: u64,
}

pub(crate) fn read(document: &Value, resources: &[Resource<'_>]) -> Result<Vec<FunctionSpec>, TemplateError> {
    let globals = document.get("Globals").and_then(|globals| globals.get("Function"));
    let functions = resources.iter().filter(|resource| resource.kind == "AWS::Serverless::Function");
    let mut functions = functions.map(|function| read_one(globals, function)).collect::<Result<Vec<_>, _>>()?;
    for (id, route) in routes::read(resources)? {
        let function = functions.iter_mut().find(|function| function.id == id);
        function.ok_or_else(|| unexpected(&route.path, "calls a function that is not there"))?.routes.push(route);
    }
    Ok(functions)
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
        secrets: below_secret_path(function.properties, ":secret:${SecretPath}/", "-*"),
        parameters: below_secret_path(function.properties, ":parameter/${SecretPath}/", ""),
        conditions: conditions(function.properties),
        timeout_seconds: timeout.ok_or_else(|| unexpected(function.id, "has no timeout"))?,
    };
    let events = function.properties.get("Events").and_then(Value::as_mapping);
    for (name, event) in events.into_iter().flatten() {
        let place = || format!("{} / {}", function.id, name.as_str().unwrap_or_default());
        let properties = event.get("Properties").ok_or_else(|| unexpected(place(), "has no properties"))?;
        match text(event, "Type") {
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

fn statements(function: &Mapping) -> impl Iterator<Item = &Value> {
    let policies = list(function, "Policies").iter();
    policies.filter_map(|policy| policy.get("Statement").and_then(Value::as_sequence)).flatten()
}

fn actions(function: &Mapping) -> Vec<String> {
    statements(function).filter_map(|statement| statement.get("Action")).flat_map(texts).collect()
}

/// The text between these two in the resources of a function's policy.
fn below_secret_path(function: &Mapping, before: &str, after: &str) -> Vec<String> {
    let resources = statements(function).filter_map(|statement| statement.get("Resource")?.as_sequence()).flatten();
    let between = |resource: &str| resource.split_once(before)?.1.strip_suffix(after).map(str::to_owned);
    resources.filter_map(tagged_text).filter_map(between).collect()
}

/// The conditions of the conditional statements in a function's policy: `!If [NAME, …]`.
fn conditions(function: &Mapping) -> Vec<String> {
    let conditional = statements(function).filter_map(|statement| match statement {
        Value::Tagged(tagged) => tagged.value.get(0)?.as_str(),
        _ => None,
    });
    conditional.map(str::to_owned).collect()
}
