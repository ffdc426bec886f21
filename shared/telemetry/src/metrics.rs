//! Metrics in the embedded metric format: a JSON line on standard output, which the log group turns into a metric
//! without a call. There are few dimensions, with fixed words as values, because each combination is a metric of its
//! own. None may contain personal data.

use std::sync::OnceLock;

use license_domain::{Clock, Timestamp};
use serde_json::{Map, Value, json};

use crate::SystemClock;

/// The namespace of all metrics, unless `METRICS_NAMESPACE` is set.
pub const NAMESPACE: &str = "LicenseManager";

/// The namespace, once metrics are enabled.
static ENABLED: OnceLock<String> = OnceLock::new();

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Milliseconds,
    Bytes,
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Bytes => "Bytes",
        }
    }
}

/// Enables metrics. Without this call (in tests, in the runner) none are written. Two deployments in one account have
/// different namespaces. A second call changes nothing.
pub(crate) fn enable(namespace: Option<&str>) {
    ENABLED.get_or_init(|| namespace.unwrap_or(NAMESPACE).to_owned());
}

/// Counts one occurrence.
pub fn count(name: &str, dimensions: &[(&str, &str)]) {
    record(name, 1.0, Unit::Count, dimensions);
}

/// Counts a failure of work under its name and its cause, and each of them alone: an alarm is on a metric without
/// dimensions, and an alarm on a cause counts the failures of all kinds of work.
pub fn failure(name: &str, cause: &str) {
    by_each(name, ("Cause", cause));
    count(cause, &[]);
}

/// Counts something under its name by a dimension, and under its name alone, for an alarm.
pub fn by_each(name: &str, dimension: (&str, &str)) {
    for dimensions in each(&dimension) {
        count(name, dimensions);
    }
}

/// The sets of dimensions under which something is counted. CloudWatch does not add up the values of a dimension.
const fn each<'a>(dimension: &'a (&'a str, &'a str)) -> [&'a [(&'a str, &'a str)]; 2] {
    [std::slice::from_ref(dimension), &[]]
}

/// Records one measured value.
#[expect(clippy::print_stdout, reason = "the log group reads metrics from standard output")]
pub fn record(name: &str, value: f64, unit: Unit, dimensions: &[(&str, &str)]) {
    if let Some(namespace) = ENABLED.get() {
        println!("{}", line((namespace, name), SystemClock.now(), value, unit, dimensions));
    }
}

/// One line of the embedded metric format.
fn line((namespace, name): (&str, &str), now: Timestamp, value: f64, unit: Unit, dimensions: &[(&str, &str)]) -> Value {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.timestamp_millis(),
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [names],
                "Metrics": [{ "Name": name, "Unit": unit.as_str() }],
            }],
        }),
    );
    line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    line.insert(name.to_owned(), Value::from(value));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_alarm_is_on_is_counted_without_dimensions() {
        let dimension = ("Cause", "StoreUnavailable");
        assert_eq!(each(&dimension), [&[dimension][..], &[]]);
    }

    #[test]
    fn a_line_declares_its_metric_and_dimensions() {
        let now = "2026-11-23T10:46:08Z".parse().expect("a date");
        let name = ("LicenseManager/production", "StoreContention");
        let line = line(name, now, 1.0, Unit::Count, &[("Function", "licenses")]);
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_795_430_768_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "LicenseManager/production",
                        "Dimensions": [["Function"]],
                        "Metrics": [{ "Name": "StoreContention", "Unit": "Count" }],
                    }],
                },
                "Function": "licenses",
                "StoreContention": 1.0,
            })
        );
    }
}
