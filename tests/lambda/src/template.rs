//! The transformed template, with its intrinsic functions evaluated. An unknown element is a failure, because a test
//! that ignored it would prove less than it claims.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The account of all resources.
pub const ACCOUNT: &str = license_local::aws::ACCOUNT;
pub const REGION: &str = "us-east-1";
const STACK: &str = "license-manager";
pub const API: &str = "a1b2c3d4e5";

/// A transformed template with values for its parameters.
#[derive(Clone, Debug)]
pub struct Template {
    document: Value,
    parameters: BTreeMap<String, Value>,
    /// The prefix of queues' URLs.
    queues: String,
}

impl Template {
    /// The template with its parameters' defaults.
    pub fn new(document: Value, queues: &str) -> Self {
        let mut parameters = BTreeMap::new();
        for (name, parameter) in document["Parameters"].as_object().into_iter().flatten() {
            let value = parameter.get("Default").unwrap_or_else(|| panic!("{name} has no default"));
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            parameters.insert(name.clone(), typed(parameter, &text));
        }
        Self { document, parameters, queues: queues.to_owned() }
    }

    /// Gives a parameter a value.
    pub fn set(&mut self, parameter: &str, value: &str) {
        let declared = &self.document["Parameters"][parameter];
        assert!(declared.is_object(), "{parameter} is no parameter");
        self.parameters.insert(parameter.to_owned(), typed(declared, value));
    }

    /// The parameters by the environment variables that have them as values.
    pub fn parameters_of_variables(&self) -> BTreeMap<String, String> {
        let functions = self.resources("AWS::Lambda::Function");
        let variables = functions.filter_map(|(_, function)| function["Environment"]["Variables"].as_object());
        let parameters = variables.flatten().filter_map(|(name, value)| {
            let parameter = value.get("Ref")?.as_str()?;
            self.parameters.contains_key(parameter).then(|| (name.clone(), parameter.to_owned()))
        });
        parameters.collect()
    }

    /// The resources of that type with their properties, not evaluated. Resources whose condition does not hold are
    /// left out.
    pub fn resources<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.document["Resources"].as_object().expect("resources");
        let wanted = all.iter().filter(move |(_, resource)| resource["Type"] == kind);
        let made = wanted.filter(|(_, resource)| resource["Condition"].as_str().is_none_or(|name| self.holds(name)));
        made.map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }

    /// A resource, not evaluated.
    pub fn resource(&self, id: &str) -> &Value {
        let resource = &self.document["Resources"][id];
        assert!(resource.is_object(), "there is no resource {id}");
        resource
    }

    /// The value after evaluation of all functions in it.
    pub fn evaluate(&self, value: &Value) -> Value {
        self.value(value).unwrap_or(Value::Null)
    }

    /// The evaluated value; `None` for `AWS::NoValue`.
    fn value(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Object(map) => match function(map) {
                Some((name, argument)) => self.call(name, argument),
                None => Some(Value::Object(
                    map.iter().filter_map(|(key, value)| Some((key.clone(), self.value(value)?))).collect(),
                )),
            },
            Value::Array(values) => Some(values.iter().filter_map(|value| self.value(value)).collect()),
            other => Some(other.clone()),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Option<Value> {
        let text = |value: &Value| self.text(value);
        Some(match name {
            "Ref" => return self.reference(argument.as_str().expect("Ref of a name")),
            "Fn::GetAtt" => match argument {
                Value::String(both) => {
                    let (id, attribute) = both.split_once('.').expect("GetAtt of a resource's attribute");
                    json!(self.attribute(id, attribute))
                }
                parts => json!(self.attribute(&text(&parts[0]), &text(&parts[1]))),
            },
            "Fn::Sub" => match argument {
                Value::String(pattern) => json!(self.substitute(pattern, &Map::new())),
                parts => json!(self.substitute(&text(&parts[0]), parts[1].as_object().expect("Sub's names"))),
            },
            "Fn::If" => {
                let holds = self.holds(argument[0].as_str().expect("If of a condition"));
                return self.value(&argument[if holds { 1 } else { 2 }]);
            }
            "Fn::Join" => json!(self.texts(&argument[1]).join(&text(&argument[0]))),
            "Fn::Split" => {
                let (separator, whole) = (text(&argument[0]), text(&argument[1]));
                json!(whole.split(&separator).collect::<Vec<_>>())
            }
            "Fn::Select" => {
                let index: usize = text(&argument[0]).parse().expect("Select of a number");
                json!(self.texts(&argument[1])[index])
            }
            "Fn::Equals" => json!(self.evaluate(&argument[0]) == self.evaluate(&argument[1])),
            "Fn::Not" => json!(!self.condition(&argument[0])),
            "Fn::And" => json!(argument.as_array().expect("And of a list").iter().all(|one| self.condition(one))),
            "Fn::Or" => json!(argument.as_array().expect("Or of a list").iter().any(|one| self.condition(one))),
            "Condition" => json!(self.holds(argument.as_str().expect("a condition's name"))),
            other => panic!("{other} is not understood: {argument}"),
        })
    }

    fn texts(&self, value: &Value) -> Vec<String> {
        let list = self.evaluate(value);
        list.as_array().unwrap_or_else(|| panic!("{list} is no list")).iter().map(as_text).collect()
    }

    fn text(&self, value: &Value) -> String {
        as_text(&self.evaluate(value))
    }

    fn holds(&self, name: &str) -> bool {
        let condition = &self.document["Conditions"][name];
        assert!(!condition.is_null(), "there is no condition {name}");
        self.condition(condition)
    }

    fn condition(&self, condition: &Value) -> bool {
        let value = self.evaluate(condition);
        value.as_bool().unwrap_or_else(|| panic!("{condition} is no condition"))
    }

    fn reference(&self, name: &str) -> Option<Value> {
        Some(json!(match name {
            "AWS::NoValue" => return None,
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => STACK.to_owned(),
            name => match self.parameters.get(name) {
                Some(value) => return Some(value.clone()),
                None => self.physical(name),
            },
        }))
    }

    /// A resource's physical id, which `Ref` gives.
    fn physical(&self, id: &str) -> String {
        let resource = self.resource(id);
        let named = |property: &str| resource["Properties"].get(property).map(|name| self.text(name));
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::DynamoDB::Table" => license_local::table::NAME.to_owned(),
            "AWS::SQS::Queue" => format!("{}/{ACCOUNT}/{id}", self.queues),
            "AWS::S3::Bucket" => format!("{STACK}-{}", id.to_lowercase()),
            "AWS::Events::EventBus" => named("Name").expect("a bus has a name"),
            "AWS::Lambda::Function" | "AWS::IAM::Role" => format!("{STACK}-{id}"),
            "AWS::Lambda::Alias" => format!("{}:{}", self.arn_of_function(resource), self.alias(resource)),
            "AWS::Lambda::Version" => format!("{}:1", self.arn_of_function(resource)),
            "AWS::Logs::LogGroup" => named("LogGroupName").unwrap_or_else(|| format!("{STACK}-{id}")),
            "AWS::ApiGatewayV2::Api" => API.to_owned(),
            other => panic!("Ref of {id}, a {other}, is not understood"),
        }
    }

    fn alias(&self, alias: &Value) -> String {
        self.text(&alias["Properties"]["Name"])
    }

    fn arn_of_function(&self, part: &Value) -> String {
        let function = self.text(&part["Properties"]["FunctionName"]);
        if function.starts_with("arn:") { function } else { arn("lambda", &format!("function:{function}")) }
    }

    fn attribute(&self, id: &str, attribute: &str) -> String {
        let physical = self.physical_or_id(id);
        match (self.resource(id)["Type"].as_str().unwrap_or_default(), attribute) {
            ("AWS::DynamoDB::Table", "Arn") => arn("dynamodb", &format!("table/{physical}")),
            ("AWS::DynamoDB::Table", "StreamArn") => {
                arn("dynamodb", &format!("table/{physical}/stream/2026-11-24T00:00:00.000"))
            }
            ("AWS::SQS::Queue", "Arn") => arn("sqs", id),
            ("AWS::SQS::Queue", "QueueName") => id.to_owned(),
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{physical}"),
            ("AWS::Events::EventBus", "Arn") => arn("events", &format!("event-bus/{physical}")),
            ("AWS::Lambda::Function", "Arn") => arn("lambda", &format!("function:{physical}")),
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{physical}"),
            ("AWS::Logs::LogGroup", "Arn") => arn("logs", &format!("log-group:{physical}:*")),
            (kind, attribute) => panic!("{attribute} of {id}, a {kind}, is not understood"),
        }
    }

    fn physical_or_id(&self, id: &str) -> String {
        if self.resource(id)["Type"] == "AWS::SQS::Queue" { id.to_owned() } else { self.physical(id) }
    }

    fn substitute(&self, pattern: &str, names: &Map<String, Value>) -> String {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind.split_once('}').expect("Sub with a closing brace");
            text.push_str(before);
            match (name.strip_prefix('!'), names.get(name), name.split_once('.')) {
                (Some(literal), ..) => text.extend(["${", literal, "}"]),
                (None, Some(value), _) => text.push_str(&self.text(value)),
                (None, None, Some((id, attribute))) => text.push_str(&self.attribute(id, attribute)),
                (None, None, None) => text.push_str(&self.reference(name).as_ref().map(as_text).unwrap_or_default()),
            }
            rest = after;
        }
        text + rest
    }
}

/// The ARN of a resource in our account and region.
pub fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
}

/// A function's name and argument, if the map is a function call.
fn function(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    let is_function = name == "Ref" || name.starts_with("Fn::") || (name == "Condition" && argument.is_string());
    is_function.then_some((name.as_str(), argument))
}

fn typed(parameter: &Value, text: &str) -> Value {
    match parameter["Type"].as_str() {
        Some("String" | "Number") => json!(text),
        Some("CommaDelimitedList") => {
            json!(text.split(',').map(str::trim).filter(|one| !one.is_empty()).collect::<Vec<_>>())
        }
        other => panic!("a parameter of type {other:?} is not understood"),
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        other => panic!("{other} is no text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        let document = json!({
            "Parameters": {
                "Stage": { "Type": "String", "Default": "prod" },
                "Names": { "Type": "CommaDelimitedList", "Default": "a, b" },
            },
            "Conditions": { "IsProd": { "Fn::Equals": [{ "Ref": "Stage" }, "prod"] } },
            "Resources": {
                "Table": { "Type": "AWS::DynamoDB::Table", "Properties": {} },
                "Mail": { "Type": "AWS::SQS::Queue", "Properties": {} },
            },
        });
        Template::new(document, "http://sqs")
    }

    #[test]
    fn functions_are_evaluated() {
        let template = template();
        for (value, evaluated) in [
            (json!({ "Ref": "Names" }), json!(["a", "b"])),
            (json!({ "Ref": "Mail" }), json!("http://sqs/000000000000/Mail")),
            (json!({ "Fn::GetAtt": ["Mail", "Arn"] }), json!("arn:aws:sqs:us-east-1:000000000000:Mail")),
            (
                json!({ "Fn::Sub": "${Table.Arn}/index/${Stage}/${!kept}" }),
                json!("arn:aws:dynamodb:us-east-1:000000000000:table/license-manager/index/prod/${kept}"),
            ),
            (json!({ "Fn::Sub": ["${a}-${AWS::Region}", { "a": { "Ref": "Stage" } }] }), json!("prod-us-east-1")),
            (json!([{ "Fn::If": ["IsProd", { "Ref": "AWS::NoValue" }, 1] }, 2]), json!([2])),
            (json!({ "Fn::Join": ["-", [{ "Ref": "Stage" }, "x"]] }), json!("prod-x")),
            (json!({ "Fn::Select": ["1", { "Fn::Split": ["/", "a/b"] }] }), json!("b")),
            (json!({ "Fn::Not": [{ "Condition": "IsProd" }] }), json!(false)),
        ] {
            assert_eq!(template.evaluate(&value), evaluated, "{value}");
        }
    }

    #[test]
    #[should_panic(expected = "Fn::GetAZs is not understood")]
    fn an_unknown_function_is_a_failure() {
        template().evaluate(&json!({ "Fn::GetAZs": "" }));
    }
}
