//! A function's declaration agrees with what it reads, what the template sets, and which secrets its policy permits it
//! to read.

use std::{collections::BTreeSet, sync::Arc};

use license_runtime::Parts;
use license_settings::{Declared, Kind, Settings};
use license_storage_dynamodb::{Store, StoreSettings};
use license_telemetry::{SystemClock, SystemRandom};
use license_template::{FunctionSpec, Template};

use crate::table::{WORKERS, compositions};

fn declared(declared: Declared, kinds: &[Kind]) -> BTreeSet<&'static str> {
    let settings = declared.iter().copied().flatten();
    settings.filter(|setting| kinds.contains(&setting.kind)).map(|setting| setting.name).collect()
}

fn spec<'a>(template: &'a Template, name: &str) -> &'a FunctionSpec {
    template.functions().iter().find(|function| function.binary == name).expect("a function of the template")
}

/// The parts of a function with values for all its declared settings, some of them these.
fn parts(declared: Declared, values: &[(&str, &str)]) -> Parts {
    let settings = Settings::read(declared, |name| {
        let given = values.iter().find(|(setting, _)| *setting == name).map(|(_, value)| *value);
        let usual = match name {
            "JWT_PUBLIC_SIGNING_JWK_SET" => r#"{"keys": []}"#,
            "CUSTOMER_SUCCESS_EMAIL" => "cs@example.com",
            "MAIL_SENDER" => "log",
            name if name.starts_with("CUSTOMERS_WITH_") => "7fa3cd6b-1d1e-4b5c-9d3a-0f4c1f7a2b11",
            name if name.ends_with("_ORIGINS") || name.ends_with("_WHITELIST") => "https://portal.example.com",
            name if name.ends_with("_URL") || name.ends_with("_ENDPOINT") => "http://127.0.0.1:9",
            _ => "7",
        };
        Some(given.unwrap_or(usual).to_owned())
    });
    let aws = license_local::aws_config();
    let table = StoreSettings::from_lookup(settings.lookup()).expect("a table");
    let store = Store::connect(&table, &aws, Arc::new(SystemClock), Arc::new(SystemRandom));
    Parts { settings, aws, store: Arc::new(store) }
}

#[tokio::test]
async fn every_function_reads_only_what_it_declares() {
    for (name, declared, compose) in compositions() {
        for sender in ["log", "ses", "braze", ""] {
            // Reading an undeclared setting panics.
            compose(&parts(declared, &[("MAIL_SENDER", sender)])).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn the_template_sets_exactly_what_is_declared() {
    let template = Template::embedded().expect("a template");
    for (name, settings, _) in compositions() {
        let set: BTreeSet<&str> = spec(&template, name).environment.iter().map(String::as_str).collect();
        let needed = declared(settings, &[Kind::Plain, Kind::Secret]);
        let missing: Vec<_> = needed.difference(&set).collect();
        assert!(missing.is_empty(), "{name} reads {missing:?}, which the template does not set");
        let optional = declared(settings, &[Kind::Optional]);
        let unread: Vec<_> = set.iter().filter(|name| !needed.contains(*name) && !optional.contains(*name)).collect();
        assert!(unread.is_empty(), "the template sets {unread:?}, which {name} does not read");
    }
}

#[test]
fn a_function_may_read_only_the_secrets_of_its_settings() {
    let template = Template::embedded().expect("a template");
    for (name, settings, _) in compositions() {
        let spec = spec(&template, name);
        let secrets = declared(settings, &[Kind::Secret]);
        let granted = |names: &'_ [String]| names.iter().cloned().collect::<BTreeSet<String>>();
        let expected: BTreeSet<String> = secrets.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(granted(&spec.secrets), expected, "{name}");
        assert_eq!(granted(&spec.parameters), expected, "{name}");
        for condition in ["HasSecretArns", "HasSecretsKmsKey"] {
            let has = spec.conditions.iter().any(|name| name == condition);
            assert_eq!(has, !secrets.is_empty(), "{name} {condition}");
        }
        let reads =
            spec.actions.iter().any(|action| action == "secretsmanager:GetSecretValue" || action == "ssm:GetParameter");
        assert_eq!(reads, !secrets.is_empty(), "{name}");
    }
}

#[test]
fn no_worker_has_the_settings_of_tokens() {
    for (name, settings, _) in compositions().iter().filter(|(name, ..)| WORKERS.contains(name)) {
        let all = declared(settings, &[Kind::Plain, Kind::Secret, Kind::Optional]);
        assert!(!all.iter().any(|setting| setting.starts_with("JWT_")), "{name}");
    }
}
