//! Each sample event in `events/` can be handled by the function in its name.

use std::{fs, path::PathBuf};

use license_lambda_tests::{Stack, build};
use serde_json::Value;

pub async fn invoke_all(stack: &Stack) {
    let mut files: Vec<PathBuf> = fs::read_dir(build::root().join("events"))
        .expect("a folder")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    let mut invoked = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "json")) {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
        let event: Value = serde_json::from_str(&fs::read_to_string(file).expect("a text")).expect("JSON");
        let function = function_of(name);
        let outcome = stack.invoke(&function, &event).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        if event["version"] == "2.0" {
            let status = outcome["statusCode"].as_u64().expect("a status");
            assert!(status < 500, "{name}: {outcome}");
        }
        invoked.push(function);
    }
    for id in stack.functions().keys() {
        assert!(invoked.contains(id), "no event in events/ is for {id}");
    }
}

/// `relay.json` and `relay-redrive.json` are for `RelayFunction`.
fn function_of(name: &str) -> String {
    let first = name.split('-').next().unwrap_or_default();
    let (head, tail) = first.split_at(1);
    format!("{}{tail}Function", head.to_uppercase())
}
