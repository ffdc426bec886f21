//! `docs/deploying.md` and `infra/restored-table.yaml` agree with the template.

use std::path::PathBuf;

use serde_yaml_ng::Value;

const OPENING: &str = "<!-- parameters";
const CLOSING: &str = "<!-- end of parameters -->";

fn read(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    std::fs::read_to_string(path).expect("a file of the repository")
}

fn yaml(file: &str) -> Value {
    serde_yaml_ng::from_str(&read(file)).expect("YAML")
}

/// A parameter's default as it is written in the table.
fn default_of(parameter: &Value) -> String {
    let text = match &parameter["Default"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => panic!("a default of another kind: {other:?}"),
    };
    if text.is_empty() { "–".to_owned() } else { format!("`{text}`") }
}

#[test]
fn every_parameter_is_explained_with_its_default() {
    let template = yaml("template.yaml");
    let declared: Vec<(String, String)> = template["Parameters"]
        .as_mapping()
        .expect("parameters")
        .iter()
        .map(|(name, parameter)| (format!("`{}`", name.as_str().expect("a name")), default_of(parameter)))
        .collect();
    let document = read("docs/deploying.md");
    let (_, rest) = document.split_once(OPENING).expect("the table begins");
    let (table, _) = rest.split_once(CLOSING).expect("the table ends");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    for row in &rows {
        assert!(row.len() == 4 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    let explained: Vec<(String, String)> = rows.iter().map(|row| (row[0].to_owned(), row[2].to_owned())).collect();
    for parameter in &declared {
        assert!(explained.contains(parameter), "docs/deploying.md has no row {parameter:?}");
    }
    for parameter in &explained {
        assert!(declared.contains(parameter), "the template has no parameter {parameter:?}");
    }
    assert_eq!(explained, declared, "in the template's order");
}

#[test]
fn outputs_that_commands_use_are_outputs_of_the_stack() {
    let template = yaml("template.yaml");
    let document = read("docs/deploying.md");
    let asked: Vec<&str> = document
        .split("$(output ")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap_or_default())
        .filter(|name| name.chars().all(char::is_alphanumeric))
        .collect();
    assert!(asked.contains(&"TableName") && asked.contains(&"ApiUrl"), "{asked:?}");
    for name in asked {
        assert!(template["Outputs"][name].is_mapping(), "the template has no output {name}");
    }
    let parameters = document.split_whitespace().filter_map(|word| word.split_once('=')).map(|(name, _)| name);
    let is_camel = |name: &&str| {
        let mut messages = name.chars();
        messages.next().is_some_and(char::is_uppercase)
            && messages.clone().all(char::is_alphanumeric)
            && messages.any(char::is_lowercase)
    };
    let parameters: Vec<&str> = parameters.map(|name| name.trim_start_matches(['"', '`'])).filter(is_camel).collect();
    assert!(parameters.contains(&"JwtIssuer"), "{parameters:?}");
    // The last one is a word of AWS's own.
    for name in parameters.into_iter().filter(|name| *name != "ParameterKey") {
        assert!(template["Parameters"][name].is_mapping(), "the template has no parameter {name}");
    }
}

#[test]
fn a_restored_table_is_taken_in_as_the_template_has_it() {
    let (template, restored) = (yaml("template.yaml"), yaml("infra/restored-table.yaml"));
    let of = |document: &Value, property: &str| document["Resources"]["Table"]["Properties"][property].clone();
    for property in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode", "SSESpecification"] {
        assert!(!of(&template, property).is_null());
        assert_eq!(of(&restored, property), of(&template, property), "{property}");
    }
}
