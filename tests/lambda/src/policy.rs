//! The permissions of a role, evaluated as IAM does: an explicit denial wins, then any statement that permits,
//! otherwise the access is denied. Unknown elements and conditions are a failure.

use serde_json::{Value, json};

use crate::template::Template;

/// An access by a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// For example `dynamodb:GetItem`.
    pub action: String,
    /// The ARN of the resource.
    pub resource: String,
    /// Condition keys and their values.
    pub context: Vec<(&'static str, String)>,
}

impl Access {
    /// An access without condition keys.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: Vec::new() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    allows: bool,
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Patterns of ARNs.
    pub resources: Vec<String>,
    conditions: Vec<(String, String, Vec<String>)>,
    /// Whether it belongs to a policy that AWS manages.
    pub is_managed: bool,
}

/// All statements of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub statements: Vec<Statement>,
}

impl Policy {
    /// The policy of a role of the template.
    pub fn of_role(template: &Template, role: &str) -> Self {
        let properties = template.evaluate(&template.resource(role)["Properties"]);
        let mut policy = Self::default();
        for inline in list(&properties["Policies"]) {
            policy.add(&inline["PolicyDocument"], false);
        }
        for arn in list(&properties["ManagedPolicyArns"]) {
            policy.add(&managed(arn.as_str().unwrap_or_default()), true);
        }
        policy
    }

    fn add(&mut self, document: &Value, is_managed: bool) {
        self.statements.extend(list(&document["Statement"]).iter().map(|one| Statement::read(one, is_managed)));
    }

    /// Whether the role permits the access.
    pub fn allows(&self, access: &Access) -> bool {
        let mut fitting = self.statements.iter().filter(|statement| statement.fits(access)).peekable();
        fitting.peek().is_some() && fitting.all(|statement| statement.allows)
    }
}

impl Statement {
    fn read(statement: &Value, is_managed: bool) -> Self {
        let known = ["Sid", "Effect", "Action", "Resource", "Condition"];
        for name in statement.as_object().expect("a statement").keys() {
            assert!(known.contains(&name.as_str()), "{name} of a statement is not understood: {statement}");
        }
        let conditions = statement["Condition"].as_object().into_iter().flatten().flat_map(|(operator, keys)| {
            let keys = keys.as_object().expect("a condition's keys").iter();
            keys.map(move |(key, values)| (operator.clone(), key.clone(), texts(values)))
        });
        let read = Self {
            allows: match statement["Effect"].as_str() {
                Some("Allow") => true,
                Some("Deny") => false,
                _ => panic!("the effect of {statement} is not understood"),
            },
            actions: texts(&statement["Action"]),
            resources: texts(&statement["Resource"]),
            conditions: conditions.collect(),
            is_managed,
        };
        assert!(!read.actions.is_empty(), "a statement without actions: {statement}");
        read
    }

    /// A copy for only one of its actions.
    #[must_use]
    pub fn only(&self, action: &str) -> Self {
        Self { actions: vec![action.to_owned()], ..self.clone() }
    }

    /// Whether the statement matches the access.
    pub fn fits(&self, access: &Access) -> bool {
        self.actions.iter().any(|pattern| is_like(&pattern.to_lowercase(), &access.action.to_lowercase()))
            && self.resources.iter().any(|pattern| is_like(pattern, &access.resource))
            && self.conditions.iter().all(|condition| holds(condition, access))
    }
}

fn holds((operator, key, wanted): &(String, String, Vec<String>), access: &Access) -> bool {
    let given: Vec<&String> =
        access.context.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value).collect();
    let is_equal = |value: &String| wanted.contains(value);
    let is_like = |value: &String| wanted.iter().any(|pattern| is_like(pattern, value));
    match operator.as_str() {
        "StringEquals" | "ArnEquals" => given.iter().any(|value| is_equal(value)),
        "StringLike" | "ArnLike" => given.iter().any(|value| is_like(value)),
        "ForAllValues:StringEquals" => given.iter().all(|value| is_equal(value)),
        "ForAllValues:StringLike" => given.iter().all(|value| is_like(value)),
        other => panic!("the condition {other} is not understood"),
    }
}

/// `*` is any text, `?` any one character.
pub fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => {
            pattern.chars().count() == text.chars().count()
                && pattern.chars().zip(text.chars()).all(|(wanted, given)| wanted == '?' || wanted == given)
        }
        Some((head, tail)) => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            let mut ends = ends.filter(|at| is_like(head, &text[..*at]));
            ends.next().is_some_and(|first| {
                let rest = &text[first..];
                rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_like(tail, &rest[at..]))
            })
        }
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    }
}

/// A text, or a list of them that may hold lists (of a parameter).
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => panic!("{value} is neither a text nor a list of them"),
    }
}

/// The policies that AWS manages, as far as SAM uses them here.
fn managed(arn: &str) -> Value {
    let logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
    let actions: Vec<&str> = match arn.rsplit('/').next().unwrap_or_default() {
        "AWSLambdaBasicExecutionRole" => logs.to_vec(),
        "AWSLambdaSQSQueueExecutionRole" => {
            [&logs[..], &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]].concat()
        }
        "AWSLambdaDynamoDBExecutionRole" => {
            let stream =
                ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
            [&logs[..], &stream].concat()
        }
        "AWSXRayDaemonWriteAccess" => vec![
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:GetSamplingStatisticSummaries",
        ],
        "AWSXrayWriteOnlyAccess" => vec!["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        other => panic!("the managed policy {other} is not understood"),
    };
    json!({ "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("dynamodb:*Item", "dynamodb:PutItem", true),
            ("dynamodb:*Item", "dynamodb:Query", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("secret-??", "secret-ab", true),
            ("secret-??", "secret-abc", false),
            ("table/x", "table/x/index/gsi1", false),
        ] {
            assert_eq!(is_like(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_denial_wins_and_conditions_count() {
        let mut policy = Policy::default();
        policy.add(
            &json!({ "Statement": [
                { "Effect": "Allow", "Action": "s3:*", "Resource": "bucket/*" },
                { "Effect": "Deny", "Action": "s3:PutObject", "Resource": "bucket/kept/*" },
                { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "bucket",
                  "Condition": { "StringLike": { "s3:prefix": "uploads/*" } } },
            ] }),
            false,
        );
        assert!(policy.allows(&Access::new("s3:PutObject", "bucket/a")));
        assert!(!policy.allows(&Access::new("s3:PutObject", "bucket/kept/a")));
        assert!(!policy.allows(&Access::new("s3:ListBucket", "bucket")));
        let context = vec![("s3:prefix", "uploads/a".to_owned())];
        assert!(policy.allows(&Access { context, ..Access::new("s3:ListBucket", "bucket") }));
    }
}
