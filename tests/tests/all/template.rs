//! The template sends to a function exactly what that function serves.

use license_template::{DEFAULT, RouteSpec, Template};

use crate::table::{self, CONSOLE, FUNCTIONS, PAGES, WORKERS};

/// Every method that a client may use.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

#[test]
fn every_route_reaches_its_function_in_both_forms_and_with_every_method() {
    let template = Template::embedded().expect("a template");
    for (name, routes) in *FUNCTIONS {
        for route in routes {
            let path = route.path.replace(['{', '}'], "x");
            for path in [path.as_str(), path.trim_end_matches('/')] {
                let to = |method| template.route(method, path).map(|function| function.binary.as_str());
                assert_eq!(to(route.method), Some(name), "{} {path}", route.method);
                // A method that the path does not have goes to a function with that path, which responds with 405.
                for method in METHODS {
                    let function = FUNCTIONS.iter().find(|(name, _)| Some(*name) == to(method));
                    let has = function.is_some_and(|(_, routes)| routes.iter().any(|other| other.path == route.path));
                    assert!(has, "{method} {path} goes to {:?}", to(method));
                }
            }
        }
    }
}

#[test]
fn reads_of_a_plan_and_methods_that_it_lacks_are_the_readers_and_changes_are_provisionings() {
    let template = Template::embedded().expect("a template");
    let to = |method, path: &str| template.route(method, path).map(|function| function.binary.as_str());
    for prefix in ["", "/api/v1"] {
        for slash in ["", "/"] {
            let (list, one) = (format!("{prefix}/subscriptions{slash}"), format!("{prefix}/subscriptions/x{slash}"));
            for method in METHODS {
                let list_changes = method == "POST";
                let one_changes = matches!(method, "PUT" | "PATCH" | "DELETE");
                for (path, changes) in [(&list, list_changes), (&one, one_changes)] {
                    let expected = if changes { "function-provisioning" } else { "function-subscriptions" };
                    assert_eq!(to(method, path), Some(expected), "{method} {path}");
                }
            }
        }
    }
}

#[test]
fn it_does_not_matter_whether_a_longer_path_or_a_named_method_is_preferred() {
    let template = Template::embedded().expect("a template");
    for path in table::routes().map(|route| route.path.replace(['{', '}'], "x")) {
        for path in [path.as_str(), path.trim_end_matches('/'), &format!("{path}unknown/")] {
            for method in METHODS {
                let matching = template.routes();
                let matching = matching.filter_map(|(route, to)| Some((route.matches(method, path)?, &to.binary)));
                let by_method = matching.max_by_key(|(route, _)| route.by_method()).map(|(_, binary)| binary);
                let by_path = template.route(method, path).map(|function| &function.binary);
                assert_eq!(by_method, by_path, "{method} {path}");
            }
        }
    }
}

#[test]
fn no_route_ends_with_a_slash_and_every_path_has_a_greedy_route_below_it() {
    let template = Template::embedded().expect("a template");
    for (route, function) in template.routes().filter(|(route, _)| route.path != DEFAULT) {
        // API Gateway refuses such a route, and matches a path that ends with a slash by `{proxy+}` alone.
        assert!(!route.path.ends_with('/'), "{route:?}");
        if !route.path.ends_with("/{proxy+}") {
            let beneath = format!("{}/{{proxy+}}", route.path);
            let is_there = |other: &RouteSpec| other.method == route.method && other.path == beneath;
            assert!(function.routes.iter().any(is_there), "{route:?}");
        }
    }
}

#[test]
fn the_template_sends_nothing_to_a_function_without_a_matching_route() {
    let template = Template::embedded().expect("a template");
    let console: Vec<&str> = PAGES.iter().map(|page| page.path).collect();
    for (route, function) in template.routes().filter(|(route, _)| route.path != DEFAULT) {
        let served: Vec<&str> = match FUNCTIONS.iter().find(|(name, _)| *name == function.binary) {
            Some((_, routes)) => routes.iter().map(|route| route.path).collect(),
            None if function.binary == CONSOLE => console.clone(),
            None => panic!("{} is not a function of the API", function.binary),
        };
        let prefix = route.path.trim_end_matches("{proxy+}");
        let is_beneath = |known: &str| {
            let cut = known.split('/').zip(prefix.split('/'));
            known.split('/').count() >= prefix.split('/').count()
                && cut.into_iter().all(|(known, wanted)| wanted.is_empty() || known == wanted || known.starts_with('{'))
        };
        assert!(served.iter().any(|known| is_beneath(known)), "{} is sent to {}", route.path, function.binary);
    }
}

#[test]
fn every_function_of_the_template_is_one_of_these() {
    let template = Template::embedded().expect("a template");
    let mut declared: Vec<&str> = template.functions().iter().map(|function| function.binary.as_str()).collect();
    let mut known: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).chain(WORKERS).chain([CONSOLE]).collect();
    declared.sort_unstable();
    known.sort_unstable();
    assert_eq!(declared, known);
    let default = template.route("GET", "/nowhere").map(|function| function.binary.as_str());
    assert_eq!(default, Some("function-site"));
}

#[test]
fn every_page_of_the_console_reaches_it_with_every_method() {
    let template = Template::embedded().expect("a template");
    for page in PAGES.iter() {
        let path = page.path.replace(['{', '}'], "x");
        for path in [path.as_str(), path.trim_end_matches('/')] {
            for method in METHODS {
                let to = template.route(method, path).map(|function| function.binary.as_str());
                assert_eq!(to, Some(CONSOLE), "{method} {path}");
            }
        }
    }
}
