//! A stand-in for event sources and schedules: the events of the runner's pollers go through the runtime API. It also
//! checks that AWS would be permitted to call, and to be called, as the template declares.

use std::sync::Arc;

use aws_lambda_events::event::{
    sqs::{BatchItemFailure, SqsBatchResponse},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use license_domain::{Clock, Random};
use license_local::pollers::{Handlers, QueueHandler, StreamHandler};
use license_telemetry::{SystemClock, SystemRandom};
use serde_json::{Value, json};

use crate::{
    policy::{Access, Policy},
    runtime::{Function, Functions},
    template::Template,
};

/// The logical id of a function, from its name or ARN.
pub fn function_of(reference: &str) -> &str {
    let name = reference.split_once(":function:").map_or(reference, |(_, name)| name);
    let name = name.split(':').next().unwrap_or_default();
    name.strip_prefix("license-manager-").unwrap_or(name)
}

/// The pollers' handlers, which invoke functions.
pub fn handlers(functions: &Functions) -> Handlers {
    let mut handlers = Handlers::default();
    for function in functions.values() {
        let name: &'static str = Box::leak(function.spec().binary.clone().into_boxed_str());
        handlers.queues.insert(name, queue(function.clone()));
        handlers.stream.insert(name, stream(function.clone()));
    }
    handlers
}

/// A failed invocation fails all of its messages.
fn queue(function: Arc<Function>) -> QueueHandler {
    Arc::new(move |event| {
        let function = function.clone();
        Box::pin(async move {
            let ids: Vec<String> = event.records.iter().filter_map(|record| record.message_id.clone()).collect();
            let outcome = function.invoke(&json!(event)).await;
            match outcome.map(serde_json::from_value) {
                Ok(Ok(response)) => response,
                failed => {
                    eprintln!("{} failed: {failed:?}", function.spec().id);
                    let mut response = SqsBatchResponse::default();
                    response.batch_item_failures = ids
                        .into_iter()
                        .map(|id| {
                            let mut failure = BatchItemFailure::default();
                            failure.item_identifier = id;
                            failure
                        })
                        .collect();
                    response
                }
            }
        })
    })
}

/// A failed invocation is repeated from its first change.
fn stream(function: Arc<Function>) -> StreamHandler {
    Arc::new(move |event, _| {
        let function = function.clone();
        Box::pin(async move {
            let first = event.records.first().and_then(|record| record.change.sequence_number.clone());
            let outcome = function.invoke(&json!(event)).await;
            match outcome.map(serde_json::from_value) {
                Ok(Ok(response)) => response,
                failed => {
                    eprintln!("{} failed: {failed:?}", function.spec().id);
                    let mut failure = DynamoDbBatchItemFailure::default();
                    failure.item_identifier = first;
                    let mut response = DynamoDbEventResponse::default();
                    response.batch_item_failures = vec![failure];
                    response
                }
            }
        })
    })
}

/// The event of a schedule: its own input, or what EventBridge Scheduler sends.
pub fn schedule(input: &Value, name: &str) -> Value {
    if let Some(input) = input.as_str() {
        return serde_json::from_str(input).expect("a schedule's input is JSON");
    }
    json!({
        "version": "0",
        "id": SystemRandom.uuid(),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": crate::template::ACCOUNT,
        "time": SystemClock.now(),
        "region": crate::template::REGION,
        "resources": [format!("arn:aws:scheduler:us-east-1:000000000000:schedule/default/{name}")],
        "detail": "{}",
    })
}

/// The schedules, each with its function and its input.
pub fn schedules(template: &Template) -> Vec<(String, String, Value)> {
    let all = template.resources("AWS::Scheduler::Schedule").chain(template.resources("AWS::Events::Rule"));
    all.map(|(id, schedule)| {
        let schedule = template.evaluate(schedule);
        let target = &schedule["Target"];
        let function = function_of(target["Arn"].as_str().expect("a schedule has a target")).to_owned();
        (id.to_owned(), function, target["Input"].clone())
    })
    .collect()
}

/// Permissions that AWS would lack for what the template declares.
pub fn missing_permissions(template: &Template) -> Vec<String> {
    let mut missing = Vec::new();
    let mut need = |who: &str, role: &str, action: &str, resource: &str| {
        let access = Access::new(action, resource);
        if !Policy::of_role(template, role).allows(&access) {
            missing.push(format!("{who}: {role} does not allow {action} on {resource}"));
        }
    };
    let role_of = |function: &str| {
        let role = template.evaluate(&template.resource(function)["Properties"]["Role"]);
        role_id(role.as_str().unwrap_or_default()).to_owned()
    };
    for (id, mapping) in template.resources("AWS::Lambda::EventSourceMapping") {
        let mapping = template.evaluate(mapping);
        let role = role_of(function_of(mapping["FunctionName"].as_str().unwrap_or_default()));
        let source = mapping["EventSourceArn"].as_str().unwrap_or_default();
        let actions: &[&str] = if source.contains(":sqs:") {
            &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        } else {
            &["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream", "dynamodb:ListStreams"]
        };
        for action in actions {
            need(id, &role, action, source);
        }
        if let Some(failures) = mapping["DestinationConfig"]["OnFailure"]["Destination"].as_str() {
            need(id, &role, "sqs:SendMessage", failures);
        }
    }
    for (id, schedule) in template.resources("AWS::Scheduler::Schedule") {
        let target = template.evaluate(&schedule["Target"]);
        let role = role_id(target["RoleArn"].as_str().unwrap_or_default()).to_owned();
        need(id, &role, "lambda:InvokeFunction", target["Arn"].as_str().unwrap_or_default());
        if let Some(queue) = target["DeadLetterConfig"]["Arn"].as_str() {
            need(id, &role, "sqs:SendMessage", queue);
        }
    }
    for (id, function) in template.resources("AWS::Lambda::Function") {
        let function = template.evaluate(function);
        let role = role_id(function["Role"].as_str().unwrap_or_default()).to_owned();
        let group = function["LoggingConfig"]["LogGroup"].as_str().unwrap_or_default();
        let group = crate::template::arn("logs", &format!("log-group:{group}:log-stream:x"));
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
            need(id, &role, action, &group);
        }
        if function["TracingConfig"]["Mode"] == "Active" {
            need(id, &role, "xray:PutTraceSegments", "*");
        }
    }
    missing
}

/// The logical id of a role, from its ARN.
pub fn role_id(arn: &str) -> &str {
    arn.rsplit('/').next().and_then(|name| name.strip_prefix("license-manager-")).unwrap_or(arn)
}
