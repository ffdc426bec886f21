//! The alarms, the dashboard and the outputs, for the operator.

use serde_yaml_ng::{Mapping, Value};

use crate::{
    TemplateError,
    read::{Resource, list, tagged_text, unexpected},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSpec {
    pub id: String,
    /// The metrics that it watches; empty for a composite alarm.
    pub metrics: Vec<MetricSpec>,
    /// The alarms of a composite alarm, which is on when one of them is.
    pub alarms: Vec<String>,
    /// Whether it sends notifications when it begins and when it ends.
    pub pages: bool,
}

/// A metric that an alarm watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricSpec {
    /// Its namespace, with references unresolved.
    pub namespace: String,
    pub name: String,
    /// The values of its dimensions: logical ids, or texts.
    pub dimensions: Vec<String>,
}

/// The resources for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    pub alarms: Vec<AlarmSpec>,
    /// The dashboard's body, with references unresolved.
    pub dashboard: String,
    /// The names of the stack's outputs.
    pub outputs: Vec<String>,
}

pub(crate) fn read(document: &Value, resources: &[Resource<'_>]) -> Result<Operations, TemplateError> {
    let mut operations = Operations::default();
    for resource in resources {
        match resource.kind {
            "AWS::CloudWatch::Alarm" => operations.alarms.push(single(resource)?),
            "AWS::CloudWatch::CompositeAlarm" => operations.alarms.push(composite(resource)?),
            "AWS::CloudWatch::Dashboard" => {
                let body = resource.properties.get("DashboardBody").and_then(tagged_text);
                body.ok_or_else(|| unexpected(resource.id, "has no body"))?.clone_into(&mut operations.dashboard);
            }
            _ => {}
        }
    }
    let outputs = document.get("Outputs").and_then(Value::as_mapping).into_iter().flat_map(Mapping::keys);
    operations.outputs = outputs.filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(operations)
}

fn single(alarm: &Resource<'_>) -> Result<AlarmSpec, TemplateError> {
    let queries = list(alarm.properties, "Metrics");
    let metrics: Option<Vec<MetricSpec>> = if queries.is_empty() {
        metric(alarm.properties).map(|metric| vec![metric])
    } else {
        let stats = queries.iter().filter_map(|query| query.get("MetricStat"));
        stats.map(|stat| metric(stat.get("Metric")?.as_mapping()?)).collect()
    };
    let metrics = metrics.filter(|metrics| !metrics.is_empty());
    Ok(AlarmSpec {
        id: alarm.id.to_owned(),
        metrics: metrics.ok_or_else(|| unexpected(alarm.id, "has metrics that are not understood"))?,
        alarms: Vec::new(),
        pages: pages(alarm),
    })
}

fn metric(metric: &Mapping) -> Option<MetricSpec> {
    let value = |dimension: &Value| dimension.get("Value").and_then(tagged_text).map(str::to_owned);
    Some(MetricSpec {
        namespace: tagged_text(metric.get("Namespace")?)?.to_owned(),
        name: metric.get("MetricName")?.as_str()?.to_owned(),
        dimensions: list(metric, "Dimensions").iter().map(value).collect::<Option<_>>()?,
    })
}

/// The alarms in a rule such as `ALARM("${One}") OR ALARM("${Other}")`.
fn composite(alarm: &Resource<'_>) -> Result<AlarmSpec, TemplateError> {
    let rule = alarm.properties.get("AlarmRule").and_then(tagged_text).unwrap_or_default();
    let alarms = rule.split(" OR ").map(|part| part.trim().strip_prefix("ALARM(\"${")?.strip_suffix("}\")"));
    let alarms: Option<Vec<String>> = alarms.map(|alarm| alarm.map(str::to_owned)).collect();
    Ok(AlarmSpec {
        id: alarm.id.to_owned(),
        metrics: Vec::new(),
        alarms: alarms.ok_or_else(|| unexpected(alarm.id, "has a rule that is not understood"))?,
        pages: pages(alarm),
    })
}

fn pages(alarm: &Resource<'_>) -> bool {
    ["AlarmActions", "OKActions"].iter().all(|actions| alarm.properties.contains_key(*actions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composite_rules_and_metrics_are_read() {
        let document: Value = serde_yaml_ng::from_str(
            r#"
            Resources:
              One:
                Type: AWS::CloudWatch::Alarm
                Properties: { Namespace: AWS/SQS, MetricName: Age, Dimensions: [{ Name: QueueName, Value: !Ref Queue }] }
              Both:
                Type: AWS::CloudWatch::CompositeAlarm
                Properties: { AlarmRule: !Sub 'ALARM("${One}") OR ALARM("${Other}")', AlarmActions: [x], OKActions: [x] }
              Odd:
                Type: AWS::CloudWatch::CompositeAlarm
                Properties: { AlarmRule: 'OK("${One}")' }
            Outputs: { Url: { Value: x } }
            "#,
        )
        .expect("YAML");
        let all = crate::read::resources(&document).expect("resources");
        let read = read(&document, &all[..2]).expect("alarms");
        assert_eq!(read.alarms[0].metrics[0].dimensions, ["Queue"]);
        assert_eq!(
            (&read.alarms[1].alarms[..], read.alarms[1].pages),
            (&["One".to_owned(), "Other".to_owned()][..], true)
        );
        assert_eq!(read.outputs, ["Url"]);
        assert!(super::read(&document, &all).is_err());
    }
}
