//! Operations: alarms that cover everything, a dashboard that is valid, and a runbook that names both.

use std::{collections::BTreeSet, fs, path::Path};

use license_template::{AlarmSpec, Template};
use serde_json::Value;

const RUNBOOK: &str = include_str!("../../../docs/operations.md");

/// The namespace of our own metrics.
const OURS: &str = "LicenseManager/${AWS::StackName}";

fn template() -> Template {
    Template::embedded().expect("a template")
}

#[test]
fn every_alarm_has_its_paragraph_and_every_paragraph_its_alarm() {
    let template = template();
    let alarms: BTreeSet<&str> = template.operations().alarms.iter().map(|alarm| alarm.id.as_str()).collect();
    let paragraphs: BTreeSet<&str> =
        RUNBOOK.lines().filter_map(|line| line.strip_prefix("### ")).filter(|title| title.ends_with("Alarm")).collect();
    assert_eq!(alarms, paragraphs);
    // Every name in the runbook exists.
    for name in RUNBOOK.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.ends_with("Alarm")) {
        assert!(alarms.contains(name), "{name}");
    }
}

#[test]
fn only_composite_alarms_page_and_each_alarm_is_in_one_of_them() {
    let template = template();
    let alarms = &template.operations().alarms;
    let (singles, composites): (Vec<&AlarmSpec>, Vec<&AlarmSpec>) =
        alarms.iter().partition(|alarm| alarm.alarms.is_empty());
    assert!(composites.iter().all(|alarm| alarm.pages) && singles.iter().all(|alarm| !alarm.pages));
    for alarm in &singles {
        let times = composites.iter().flat_map(|composite| &composite.alarms).filter(|id| **id == alarm.id).count();
        assert_eq!(times, 1, "{}", alarm.id);
    }
    for id in composites.iter().flat_map(|composite| &composite.alarms) {
        assert!(singles.iter().any(|alarm| alarm.id == *id), "{id}");
        // The paragraph about paging lists the alarms.
        assert!(RUNBOOK.contains(&format!("`{id}`")), "{id}");
    }
}

#[test]
fn every_function_is_watched_for_errors_throttles_and_its_time() {
    let template = template();
    let watched = |metric: &str, function: &str| {
        let metrics = template.operations().alarms.iter().flat_map(|alarm| &alarm.metrics);
        metrics
            .filter(|known| known.namespace == "AWS/Lambda" && known.name == metric)
            .any(|known| known.dimensions.iter().any(|dimension| dimension == function))
    };
    for function in template.functions() {
        for metric in ["Errors", "Throttles", "Duration"] {
            assert!(watched(metric, &function.id), "{} of {}", metric, function.id);
        }
    }
}

#[test]
fn every_queue_has_an_alarm_for_waiting_messages_or_for_dead_letters() {
    let template = template();
    let read: BTreeSet<&str> =
        template.functions().iter().flat_map(|function| &function.queues).map(|source| source.queue.as_str()).collect();
    for queue in template.queues() {
        let metric = if read.contains(queue.name.as_str()) {
            "ApproximateAgeOfOldestMessage"
        } else {
            "ApproximateNumberOfMessagesVisible"
        };
        let dimension = format!("{}.QueueName", queue.name);
        let mut metrics = template.operations().alarms.iter().flat_map(|alarm| &alarm.metrics);
        assert!(metrics.any(|known| known.name == metric && known.dimensions.contains(&dimension)), "{}", queue.name);
    }
}

#[test]
fn metrics_of_our_own_are_emitted() {
    let template = template();
    let code = product_code();
    let alarmed = template.operations().alarms.iter().flat_map(|alarm| &alarm.metrics);
    let alarmed = alarmed.filter(|metric| metric.namespace == OURS).map(|metric| metric.name.clone());
    let mut shown: Vec<String> = alarmed.collect();
    assert!(!shown.is_empty());
    for widget in dashboard()["widgets"].as_array().expect("widgets") {
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            if metric[0] == "LicenseManager/a-stack" {
                shown.push(metric[1].as_str().expect("a name").to_owned());
            }
            let search = metric[0]["expression"].as_str().and_then(|search| search.split("MetricName=\"").nth(1));
            shown.extend(search.and_then(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    for name in shown {
        assert!(code.contains(&format!("\"{name}\"")), "nothing emits {name}");
        assert!(RUNBOOK.contains(&format!("`{name}`")), "the runbook does not say what {name} means");
    }
}

#[test]
fn the_dashboard_shows_every_alarm_and_its_widgets_do_not_overlap() {
    let template = template();
    let dashboard = dashboard();
    let widgets = dashboard["widgets"].as_array().expect("widgets");
    let shown: BTreeSet<&str> = widgets
        .iter()
        .flat_map(|widget| widget["properties"]["alarms"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let alarms: BTreeSet<String> =
        template.operations().alarms.iter().map(|alarm| format!("the-{}.Arn", alarm.id)).collect();
    assert_eq!(shown, alarms.iter().map(String::as_str).collect());
    for (n, one) in widgets.iter().enumerate() {
        let place = |widget: &Value| ["x", "y", "width", "height"].map(|side| widget[side].as_u64().expect("a number"));
        let [x, y, width, height] = place(one);
        assert!(x + width <= 24 && height > 0, "{one}");
        for [other_x, other_y, other_width, other_height] in widgets[n + 1..].iter().map(place) {
            let beside = x + width <= other_x || other_x + other_width <= x;
            assert!(beside || y + height <= other_y || other_y + other_height <= y, "{one} is under another");
        }
    }
}

#[test]
fn commands_take_names_from_outputs_that_exist() {
    let template = template();
    let outputs = &template.operations().outputs;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut named = 0;
    for file in ["operations.md", "deploying.md"] {
        let Ok(text) = fs::read_to_string(docs.join(file)) else { continue };
        for after in text.split("$(output ").skip(1) {
            let name = after.split(')').next().unwrap_or_default();
            assert!(outputs.iter().any(|output| output == name), "{file}: {name}");
            named += 1;
        }
    }
    assert!(named > 5);
}

/// The dashboard as CloudWatch would get it.
fn dashboard() -> Value {
    let mut body = template().operations().dashboard.clone();
    while let Some(start) = body.find("${") {
        let end = start + body[start..].find('}').expect("a brace");
        let name = body[start + 2..end].to_owned();
        let value = if name == "AWS::StackName" { "a-stack".to_owned() } else { format!("the-{name}") };
        body.replace_range(start..=end, &value);
    }
    serde_json::from_str(&body).expect("JSON")
}

/// All code that runs in Lambda.
fn product_code() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("functions"), root.join("shared")];
    let mut code = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code.push_str(&fs::read_to_string(path).expect("text"));
            }
        }
    }
    code
}
