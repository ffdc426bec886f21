//! The dependencies that each crate must never have (docs/decisions/0031-rooms.md), and documents that name files.
//! Dependencies of tests do not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// A crate, and its forbidden dependencies: crates by name, or by a prefix of their names (`aws-*`).
struct Room {
    package: &'static str,
    /// Forbidden direct dependencies.
    never_named: &'static [&'static str],
    /// Forbidden indirect dependencies.
    never_below: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room {
        package: "license-domain",
        never_named: &[],
        never_below: &["license-*", "aws-*", "aws_*", "lambda_*", "http", "hyper", "axum", "reqwest", "tokio"],
    },
    Room {
        package: "license-csv",
        never_named: &[],
        never_below: &["license-*", "aws-*", "aws_*", "lambda_*", "http", "axum", "tokio"],
    },
    Room {
        package: "license-html",
        never_named: &[],
        never_below: &["license-*", "aws-*", "aws_*", "lambda_*", "http", "axum", "tokio"],
    },
    Room {
        package: "license-cache",
        never_named: &[],
        never_below: &["license-*", "aws-*", "aws_*", "lambda_*", "http", "axum", "tokio"],
    },
    Room {
        package: "license-roster",
        never_named: &[],
        never_below: &[
            "license-a*",
            "license-c*",
            "license-l*",
            "license-m*",
            "license-s*",
            "license-t*",
            "license-w*",
            "aws-*",
            "aws_*",
            "lambda_*",
            "http",
            "axum",
            "tokio",
        ],
    },
    Room {
        package: "license-settings",
        never_named: &[],
        never_below: &["license-*", "aws-*", "aws_*", "lambda_*", "http", "tokio"],
    },
    Room {
        package: "license-storage",
        never_named: &["license-telemetry", "license-settings"],
        never_below: &["aws-*", "aws_*", "serde_dynamo", "lambda_*", "http", "hyper", "axum", "reqwest"],
    },
    Room {
        package: "license-storage-dynamodb",
        never_named: &["http", "axum", "reqwest"],
        never_below: &[
            "license-api",
            "license-clients",
            "license-work",
            "license-messaging",
            "license-runtime",
            "license-importer",
            "axum",
            "lambda_http",
            "lambda_runtime",
        ],
    },
    Room {
        package: "license-importer",
        never_named: &[],
        never_below: &[
            "license-local",
            "license-storage-dynamodb",
            "license-api",
            "license-runtime",
            "aws-*",
            "aws_*",
            "serde_dynamo",
            "dynoxide-rs",
            "http",
            "axum",
        ],
    },
    Room {
        package: "license-work",
        never_named: &["http", "axum", "reqwest", "aws-*", "aws_*", "lambda_*", "serde_dynamo"],
        never_below: &["license-storage-dynamodb", "license-api", "license-runtime", "license-importer", "axum"],
    },
    Room {
        package: "license-api",
        never_named: &["aws-sdk-*"],
        never_below: &[
            "license-storage-dynamodb",
            "license-clients",
            "license-work",
            "license-messaging",
            "license-runtime",
            "aws-sdk-dynamodb",
            "serde_dynamo",
            "lambda_http",
            "lambda_runtime",
        ],
    },
    Room {
        package: "license-use-cases",
        never_named: &["aws-*", "aws_*", "license-work", "license-messaging"],
        never_below: &[
            "license-storage-dynamodb",
            "license-work",
            "license-messaging",
            "license-runtime",
            "license-importer",
            "aws-sdk-dynamodb",
            "serde_dynamo",
            "lambda_http",
            "lambda_runtime",
        ],
    },
    Room {
        package: "license-clients",
        never_named: &[],
        never_below: &[
            "license-storage",
            "license-storage-dynamodb",
            "license-api",
            "license-work",
            "aws-sdk-dynamodb",
        ],
    },
    Room {
        package: "license-messaging",
        // Indirectly there are all of Lambda's events, including those of the stream with the table's own types.
        never_named: &["aws-sdk-dynamodb", "serde_dynamo"],
        never_below: &["license-storage", "license-storage-dynamodb", "license-api", "license-work"],
    },
    Room {
        package: "license-telemetry",
        never_named: &[],
        never_below: &["license-storage", "license-api", "license-clients", "aws-*", "axum"],
    },
    Room {
        package: "license-runtime",
        never_named: &["license-api", "license-work", "license-importer", "license-messaging"],
        never_below: &["license-api", "license-work", "license-importer"],
    },
];

/// Forbidden in functions: another function, the table, the runner.
const NEVER_IN_FUNCTIONS: &[&str] = &[
    "function-*",
    "license-storage-dynamodb",
    "aws-sdk-dynamodb",
    "serde_dynamo",
    "license-importer",
    "license-local",
    "license-template",
];

/// The dependencies of each package, as `cargo metadata` resolves them.
struct Graph {
    names: BTreeMap<String, String>,
    dependencies: BTreeMap<String, Vec<String>>,
    members: BTreeMap<String, String>,
}

impl Graph {
    fn read() -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let version = Command::new(&cargo).arg("-vV").output().expect("cargo runs");
        let version = String::from_utf8(version.stdout).expect("text");
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host");
        // Packages for other platforms were never downloaded.
        let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host];
        let output = Command::new(cargo).args(arguments).current_dir(root()).output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let list = |value: &Value| value.as_array().expect("a list").clone();
        let names = list(&metadata["packages"]).iter().map(|one| (text(&one["id"]), text(&one["name"]))).collect();
        let is_needed = |dependency: &Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let below = |node: &Value| {
            let dependencies = list(&node["deps"]).into_iter().filter(is_needed);
            dependencies.map(|dependency| text(&dependency["pkg"])).collect()
        };
        let nodes = list(&metadata["resolve"]["nodes"]);
        let dependencies = nodes.iter().map(|node| (text(&node["id"]), below(node))).collect();
        let mut graph = Self { names, dependencies, members: BTreeMap::new() };
        for id in list(&metadata["workspace_members"]) {
            graph.members.insert(graph.names[&text(&id)].clone(), text(&id));
        }
        graph
    }

    fn named(&self, package: &str) -> BTreeSet<&str> {
        self.dependencies[&self.members[package]].iter().map(|id| self.names[id].as_str()).collect()
    }

    fn below(&self, package: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut left = self.dependencies[&self.members[package]].clone();
        while let Some(id) = left.pop() {
            if found.insert(id.clone()) {
                left.extend(self.dependencies[&id].iter().cloned());
            }
        }
        found.iter().map(|id| self.names[id].as_str()).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn breaches<'a>(known: &BTreeSet<&'a str>, never: &[&str]) -> Vec<&'a str> {
    let is_meant = |name: &str, rule: &str| match rule.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == rule,
    };
    known.iter().copied().filter(|name| never.iter().any(|rule| is_meant(name, rule))).collect()
}

#[test]
fn no_crate_has_a_forbidden_dependency() {
    let graph = Graph::read();
    let mut wrong = Vec::new();
    for room in ROOMS {
        // Every crate may use the domain.
        let is_foreign = |name: &&str| *name != "license-domain";
        let named: BTreeSet<&str> = graph.named(room.package).into_iter().filter(is_foreign).collect();
        let below: BTreeSet<&str> = graph.below(room.package).into_iter().filter(is_foreign).collect();
        wrong.extend(breaches(&named, room.never_named).iter().map(|name| format!("{} names {name}", room.package)));
        wrong.extend(breaches(&below, room.never_below).iter().map(|name| format!("{} knows {name}", room.package)));
    }
    for function in graph.members.keys().filter(|name| name.starts_with("function-")) {
        let named = graph.named(function);
        wrong.extend(breaches(&named, NEVER_IN_FUNCTIONS).iter().map(|name| format!("{function} names {name}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The graph is not empty, and indirect dependencies are found.
    assert_eq!(breaches(&graph.below("function-site"), &["aws-sdk-dynamodb"]), ["aws-sdk-dynamodb"]);
    assert_eq!(
        breaches(&graph.named("function-site"), &["license-s*", "axum"]),
        ["axum", "license-settings", "license-storage"]
    );
}

#[test]
fn every_shared_crate_is_a_room_with_rules() {
    let graph = Graph::read();
    let folders = fs::read_dir(root().join("shared")).expect("shared/");
    let names = folders.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    let shared: BTreeSet<String> = names.map(|name| format!("license-{name}")).collect();
    let rooms: BTreeSet<String> = ROOMS.iter().map(|room| room.package.to_owned()).collect();
    assert_eq!(rooms, shared);
    assert!(shared.iter().all(|name| graph.members.contains_key(name)));
}

/// The source files of the product.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders: Vec<PathBuf> = ["shared", "functions", "infra"].map(|name| root().join(name)).into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("text");
                sources.push((path, text));
            }
        }
    }
    assert!(sources.len() > 100, "{}", sources.len());
    sources
}

/// Only tests may use the adapter's internals.
#[test]
fn only_tests_look_into_the_adapter() {
    let looks = |text: &str| {
        let imports = text.split("license_storage_dynamodb::").skip(1);
        imports.filter_map(|rest| rest.split(';').next()).any(|import| import.contains("testing"))
    };
    let wrong: Vec<PathBuf> = sources().into_iter().filter(|(_, text)| looks(text)).map(|(path, _)| path).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Region, credentials and connections are configured once for each process; the runner's import is a process of its
/// own.
#[test]
fn aws_is_configured_once_for_each_process() {
    let loads = |text: &str| text.contains("load_from_env(") || text.contains("load_defaults(");
    let files: BTreeSet<PathBuf> =
        sources().into_iter().filter(|(_, text)| loads(text)).map(|(path, _)| path).collect();
    let expected = ["shared/runtime/src/lib.rs", "infra/local/src/import.rs"].map(|path| root().join(path));
    assert_eq!(files, BTreeSet::from(expected));
}

/// A file that a document names must exist, for example `shared/api/src/endpoints.rs`.
#[test]
fn documents_name_files_that_exist() {
    let documents = fs::read_dir(root().join("docs")).expect("docs/").map(|entry| entry.expect("an entry").path());
    let documents = documents.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let (mut named, mut lost) = (0, Vec::new());
    for document in documents.chain([root().join("README.md")]) {
        let text = fs::read_to_string(&document).expect("text");
        // Texts in backticks, outside of code blocks.
        let prose: String = text.split("```").step_by(2).collect();
        for path in prose.split('`').skip(1).step_by(2) {
            let folder = path.split_once('/').map(|(folder, _)| folder);
            let is_ours =
                folder.is_some_and(|folder| ["functions", "shared", "infra", "tests", "docs"].contains(&folder));
            if is_ours && !path.contains(char::is_whitespace) {
                named += 1;
                lost.extend((!root().join(path).exists()).then(|| format!("{}: {path}", document.display())));
            }
        }
    }
    assert!(named > 40 && lost.is_empty(), "{named} named, {lost:#?}");
}
