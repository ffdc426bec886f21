//! A library or binary without tests says so in its `Cargo.toml` (`test = false`, `doctest = false`): each test binary
//! of such a target would be linked, and each documentation be compiled, to find no test. One that has tests must not
//! say so, because they would never run.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

fn is_test(line: &str) -> bool {
    let line = line.trim();
    ["#[test]", "#[tokio::test", "proptest! {"].iter().any(|mark| line.starts_with(mark))
}

/// Whether a documentation has Rust code: a block whose language is not named is Rust.
fn has_example(text: &str) -> bool {
    let mut fences = text.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("//! ```").or_else(|| line.strip_prefix("/// ```"))
    });
    // The second fence of each pair closes the block.
    while let Some(language) = fences.next() {
        if language.is_empty() || language.starts_with("rust") {
            return true;
        }
        fences.next();
    }
    false
}

/// The texts of a target's files: all of the library's folder, or one file.
fn sources(path: &Path, is_library: bool, texts: &mut Vec<String>) {
    if !is_library {
        texts.push(fs::read_to_string(path).expect("text"));
        return;
    }
    for entry in fs::read_dir(path.parent().expect("a folder")).expect("a folder").map(|entry| entry.expect("an entry"))
    {
        let path = entry.path();
        if path.is_dir() {
            sources(&path.join("lib.rs"), true, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name() != Some("main.rs".as_ref())
        {
            texts.push(fs::read_to_string(&path).expect("text"));
        }
    }
}

#[test]
fn only_targets_with_tests_are_linked_as_tests() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(cargo).args(arguments).current_dir(root).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for target in packages.iter().flat_map(|package| package["targets"].as_array().expect("targets")) {
        let kind = target["kind"][0].as_str().expect("a kind");
        if !["lib", "bin"].contains(&kind) {
            continue;
        }
        looked_at += 1;
        let mut texts = Vec::new();
        sources(Path::new(target["src_path"].as_str().expect("a path")), kind == "lib", &mut texts);
        let has_tests = texts.iter().any(|text| text.lines().any(is_test));
        let has_examples = kind == "lib" && texts.iter().any(|text| has_example(text));
        let name = &target["name"];
        for (what, has, is_on) in [("test", has_tests, &target["test"]), ("doctest", has_examples, &target["doctest"])]
        {
            if is_on.as_bool() != Some(has) {
                wrong.push(format!("{kind} {name}: {what} is {is_on}"));
            }
        }
    }
    assert!(looked_at > 40, "{looked_at}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tests_and_examples_are_recognized() {
    assert!(is_test("    #[test]") && is_test("#[tokio::test(flavor = \"multi_thread\")]") && !is_test("// #[test]"));
    assert!(has_example("//! ```\n//! let a = 1;\n//! ```") && !has_example("//! ```json\n//! {}\n//! ```"));
}
