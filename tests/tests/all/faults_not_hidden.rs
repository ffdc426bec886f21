//! No conversion, and no reading or writing of JSON, has a default in the product's code: a value that does not fit is
//! a defect (`expect`), or an error, and never another value. `license_domain::number` has the common conversions.

use std::{fs, path::Path};

/// Calls that may fail, and calls that would hide it.
const MAY_FAIL: [&str; 6] = [
    "::try_from(",
    "serde_json::to_vec(",
    "serde_json::to_string(",
    "serde_json::to_value(",
    "serde_json::from_str(",
    "STANDARD.decode(",
];
const HIDES: [&str; 3] = [".unwrap_or_default()", ".unwrap_or(", ".unwrap_or_else(|_|"];

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// The text after a call with these arguments.
fn behind(arguments: &str) -> &str {
    let mut depth = 1;
    let end = arguments.find(|c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    end.map_or("", |end| &arguments[end + 1..])
}

/// The lines of the product's code in which a fault is hidden, without the code of tests.
fn hidden(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let product = text.split("#[cfg(test)]").next().unwrap_or(text);
    let hides = |after: &str| HIDES.iter().any(|hides| after.starts_with(hides));
    let is_hidden = move |line: &str| {
        MAY_FAIL
            .iter()
            .flat_map(|call| line.match_indices(call).map(|(at, call)| at + call.len()))
            .any(|at| hides(behind(&line[at..])))
    };
    (1..).zip(product.lines()).filter(move |(_, line)| is_hidden(line))
}

#[test]
fn no_conversion_has_a_default() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["shared", "functions"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 200, "{}", files.len());
    let mut found = Vec::new();
    // The work engine is being rewritten, and its conversions with it.
    let is_looked_at = |file: &&std::path::PathBuf| {
        !file.components().any(|part| ["tests", "work"].iter().any(|name| part.as_os_str() == *name))
    };
    for file in files.iter().filter(is_looked_at) {
        let text = fs::read_to_string(file).expect("text");
        found.extend(hidden(&text).map(|(n, line)| format!("{}:{n}: {}", file.display(), line.trim())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_default_that_hides_a_fault_is_found() {
    let count = |line: &str| hidden(line).count();
    assert_eq!(count("let n = u64::try_from(n).unwrap_or(u64::MAX);"), 1);
    assert_eq!(count("let text = serde_json::to_string(&body).unwrap_or_default();"), 1);
    assert_eq!(count("let n = u64::try_from(n).expect(\"why\");"), 0);
    assert_eq!(count("let n = given.unwrap_or(u64::try_from(3)?);"), 0);
    assert_eq!(count("let n = u64::try_from(given.unwrap_or(7))?;"), 0);
}
