//! What the template sends to a function is what that function serves, and the other way round.

use license_template::Template;

use crate::table::{self, FUNCTIONS, WORKERS};

#[test]
fn every_route_reaches_its_function_in_both_forms_and_whatever_the_method() {
    let template = Template::embedded().expect("a template");
    for (name, routes) in FUNCTIONS {
        for route in routes {
            let path = route.path.replace(['{', '}'], "x");
            for path in [path.as_str(), path.trim_end_matches('/')] {
                let to = |method| template.route(method, path).map(|function| function.binary.as_str());
                assert_eq!(to(route.method), Some(name), "{} {path}", route.method);
                // Methods that nobody has go to a function that has the path.
                for method in ["OPTIONS", "PUT", "TRACE"] {
                    let function = FUNCTIONS.iter().find(|(name, _)| Some(*name) == to(method));
                    let has = function.is_some_and(|(_, routes)| routes.iter().any(|other| other.path == route.path));
                    assert!(has, "{method} {path} goes to {:?}", to(method));
                }
            }
        }
    }
}

#[test]
fn the_template_sends_nothing_to_a_function_that_does_not_serve_it() {
    let template = Template::embedded().expect("a template");
    for function in template.functions() {
        let served = FUNCTIONS.iter().find(|(name, _)| *name == function.binary).map(|(_, routes)| *routes);
        for route in function.routes.iter().filter(|route| route.path != "$default") {
            let served = served.unwrap_or_else(|| panic!("{} is not a function of the API", function.binary));
            let is_served = served.iter().any(|known| {
                table::is_of(known.path, &route.path) && (route.method == "ANY" || route.method == known.method)
            });
            assert!(is_served, "{} {} is sent to {}", route.method, route.path, function.binary);
        }
    }
}

#[test]
fn every_function_of_the_template_is_one_of_these() {
    let template = Template::embedded().expect("a template");
    let mut declared: Vec<&str> = template.functions().iter().map(|function| function.binary.as_str()).collect();
    let mut known: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).chain(WORKERS).collect();
    declared.sort_unstable();
    known.sort_unstable();
    assert_eq!(declared, known);
    let default = template.route("GET", "/nowhere").map(|function| function.binary.as_str());
    assert_eq!(default, Some("function-site"));
}
