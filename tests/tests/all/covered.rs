//! Each kind of work that the clock does, and each operation, has a command, its place in the documents, and an alarm. The
//! kinds come from the code, so that a new one without these fails.

use std::{collections::BTreeSet, fs, path::Path};

use clap::CommandFactory;
use license_domain::{JobKind, PlanWorkKind};
use license_template::Template;

const RUNBOOK: &str = include_str!("../../../docs/operations.md");
const COMMANDS: &str = include_str!("../../../docs/lmctl.md");

/// The names and aliases of the commands below that one.
fn commands_of(command: &clap::Command) -> BTreeSet<String> {
    let names = |command: &clap::Command| -> Vec<String> {
        let aliases = command.get_all_aliases().map(str::to_owned);
        std::iter::once(command.get_name().to_owned()).chain(aliases).collect()
    };
    command.get_subcommands().flat_map(names).collect()
}

/// The text below a heading of the runbook, up to the next one of any level.
fn section(heading: &str) -> &'static str {
    let begin = RUNBOOK.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no section {heading:?}"));
    let text = &RUNBOOK[begin + heading.len() + 2..];
    &text[..text.find("\n#").unwrap_or(text.len())]
}

/// The alarms to which a text links; each must exist.
fn alarms_in(text: &str) -> Vec<String> {
    let known: BTreeSet<String> =
        Template::embedded().expect("a template").operations().alarms.iter().map(|alarm| alarm.id.clone()).collect();
    let named = text.split("](#").filter_map(|part| part.split(')').next()).filter(|id| id.ends_with("alarm"));
    named
        .map(|anchor| {
            let alarm = known.iter().find(|alarm| alarm.to_lowercase() == anchor);
            alarm.unwrap_or_else(|| panic!("no alarm {anchor}")).clone()
        })
        .collect()
}

#[test]
fn each_kind_of_plan_work_has_a_command_a_section_and_an_alarm() {
    let commands = commands_of(&license_lmctl::Arguments::command());
    for kind in PlanWorkKind::ALL {
        let name = kind.as_str();
        let hyphens = name.replace('_', "-");
        // By both spellings of the peer's name.
        assert!(commands.contains(name) && commands.contains(&hyphens), "lmctl has no command {name}");
        assert!(COMMANDS.contains(&format!("`lmctl {hyphens}")), "docs/lmctl.md does not have {hyphens}");
        let text = &section(&format!("### {name}")).replace('\n', " ");
        for part in ["**What**", "**When**", "**If it "] {
            assert!(text.contains(part), "the section of {name} does not have {part}");
        }
        assert!(!alarms_in(text).is_empty(), "the section of {name} names no alarm");
        assert!(!JobKind::ALL.contains(&kind.run()) || kind.run() == JobKind::Grow, "{name}: its runs are internal");
    }
}

#[test]
fn each_operation_has_a_command_a_row_and_an_alarm() {
    let command = license_lmctl::Arguments::command();
    let operations = command.find_subcommand("operations").expect("the command");
    let (commands, text) = (commands_of(operations), section("## Operations on plans and agreements"));
    assert!(alarms_in(text).contains(&"OperationsFailedAlarm".to_owned()));
    for kind in JobKind::ALL.into_iter().filter(|kind| kind.is_for_provisioners()) {
        let name = kind.as_str();
        let row = text.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("the table of operations has no row {name}"));
        let by_command = row.split('`').nth(3).expect("the command in the second column");
        assert!(commands.contains(by_command), "lmctl operations has no {by_command}");
        assert!(COMMANDS.contains(by_command), "docs/lmctl.md does not have {by_command}");
        assert!(section("### OperationsFailedAlarm").contains(&format!("`{name}`")), "{name} in the alarm's paragraph");
    }
}

/// What the clock does begins with the sweeper's event, and every kind of run with a message of a queue.
#[test]
fn the_functions_that_begin_and_do_work_have_sample_events() {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    for name in ["sweeper", "workers", "jobs", "mail"] {
        let text = fs::read_to_string(events.join(format!("{name}.json"))).expect("a sample event");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|event| event.is_object()), "{name}");
    }
}

/// CloudWatch does not add up the values of a dimension: an alarm without dimensions needs a metric without them.
#[test]
fn alarms_are_on_metrics_that_are_written_without_dimensions() {
    let mut code = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), &mut code);
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions"), &mut code);
    let template = Template::embedded().expect("a template");
    let metrics = template.operations().alarms.iter().flat_map(|alarm| &alarm.metrics);
    let of_ours =
        metrics.filter(|metric| metric.namespace.starts_with("LicenseManager/") && metric.dimensions.is_empty());
    let mut seen = 0;
    for metric in of_ours {
        let name = &metric.name;
        let by_dimension_only = code
            .lines()
            .any(|line| line.contains(&format!("metrics::count(\"{name}\", &[(")) && !line.contains("&[])"));
        assert!(!by_dimension_only, "{name} is written by a dimension only");
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

pub(crate) fn sources(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}
