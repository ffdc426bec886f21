//! The OpenAPI 3.1 document, made from the routes' documentation. What all routes have in common is written here only.

pub mod pii;
mod schema;

use std::collections::BTreeMap;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

pub use self::schema::{example_of, examples};
use crate::{
    Route, RouteAccess,
    doc::{ResponseDoc, Shape},
};

const MEDIA_TYPES: [&str; 3] = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"];

/// The document of these routes; each comes with the name of its group.
pub fn document<'a>(routes: impl Iterator<Item = (&'a str, &'a Route)>) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let (mut bodies, mut shared) = (Bodies::default(), Map::new());
    for (group, route) in routes {
        let operation = operation(group, route, &mut generator, &mut bodies, &mut shared);
        paths.entry(route.path).or_default().insert(route.method.to_lowercase(), operation);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.extend(errors());
    schemas.extend(bodies.0);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "License Manager",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "Sells access to courses to companies: customer agreements hold subscription plans, plans hold \
                licenses (seats). Every path is served with and without the slash at its end.",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "cookies": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": shared,
            "securitySchemes": {
                "token": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "`JWT <token>`: a token of the LMS, RS512, or HS256 where a secret is set.",
                },
                "cookies": {
                    "type": "apiKey", "in": "cookie", "name": "edx-jwt-cookie-header-payload",
                    "description": "With `edx-jwt-cookie-signature` and the header `USE-JWT-COOKIE: true`, as browsers send it; \
                        requests that change something need `X-CSRFToken`, too.",
                },
            },
            "headers": {
                "X-Request-ID": {
                    "description": "The request's id: the caller's, or a new one.", "schema": { "type": "string" },
                },
            },
        },
    });
    pii::mark(&mut document);
    document
}

/// The schemas of request bodies by name. Routes that share a body share its schema.
#[derive(Default)]
struct Bodies(Vec<(String, Value)>);

impl Bodies {
    fn reference(&mut self, route: &Route) -> Value {
        let schema = schema::body(route.doc.body);
        let known = self.0.iter().find(|(_, known)| *known == schema).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let name = format!("{}_body", operation_id(route));
            self.0.push((name.clone(), schema));
            name
        });
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}

fn errors() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let object =
        |name: &str, schema: Value| json!({ "type": "object", "required": [name], "properties": { name: schema } });
    let complaints = json!({
        "description": "A sentence; or complaints by field, those about items of a list by their position.",
        "anyOf": [text, { "type": "object" }],
    });
    Map::from_iter([
        ("Detail".to_owned(), object("detail", text.clone())),
        ("Error".to_owned(), object("error", json!({ "anyOf": [text, { "type": "object" }] }))),
        ("Complaints".to_owned(), complaints),
    ])
}

fn operation(
    group: &str,
    route: &Route,
    generator: &mut SchemaGenerator,
    bodies: &mut Bodies,
    shared: &mut Map<String, Value>,
) -> Value {
    let doc = route.doc;
    let mut parameters = path_parameters(route.path);
    parameters.extend(doc.query.iter().map(|param| {
        json!({
            "name": param.name, "in": "query", "required": param.is_required, "description": param.text,
            "schema": schema::query(param),
        })
    }));
    if is_unsafe(route) {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same key and request get the same response, for a day.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        }));
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [group],
        "summary": doc.summary,
        "parameters": parameters,
        "responses": responses(route, generator, shared),
    });
    if !doc.body.is_empty() {
        let schema = bodies.reference(route);
        let content = MEDIA_TYPES.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": schema })));
        let mut content: Map<String, Value> = content.collect();
        let named = examples(doc.body).into_iter().map(|(name, value)| (name.to_owned(), json!({ "value": value })));
        content[MEDIA_TYPES[0]]["examples"] = Value::Object(named.collect());
        let is_required = doc.body.iter().any(|field| field.is_required);
        operation["requestBody"] = json!({ "required": is_required, "content": content });
    }
    if matches!(route.access, RouteAccess::Anyone { .. }) {
        operation["security"] = json!([]);
    }
    operation
}

fn is_unsafe(route: &Route) -> bool {
    route.method != "GET"
}

/// The operation id: `POST /api/v1/subscriptions/{plan}/licenses/assign/` has
/// `post_api_v1_subscriptions_plan_licenses_assign`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(['/', '{', '}', '-', '_']).filter(|word| !word.is_empty());
    std::iter::once(route.method.to_lowercase()).chain(words.map(str::to_lowercase)).collect::<Vec<_>>().join("_")
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let schema = match name {
                "renewal" => json!({ "type": "integer", "minimum": 1 }),
                _ => json!({ "type": "string", "format": "uuid" }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect()
}

/// The route's own responses, and those that follow from its properties. The latter are shared by many routes and
/// written once.
fn responses(route: &Route, generator: &mut SchemaGenerator, shared: &mut Map<String, Value>) -> Value {
    let mut own: BTreeMap<u16, Vec<ResponseDoc>> = BTreeMap::new();
    for answer in route.doc.answers {
        own.entry(answer.status).or_default().push(*answer);
    }
    let mut found: BTreeMap<u16, Value> = BTreeMap::new();
    for answer in common(route) {
        if let Some(answers) = own.get_mut(&answer.status) {
            // A route with a response without a body has no other responses.
            if !answers.iter().any(|own| matches!(own.shape, Shape::Nothing)) {
                answers.push(answer);
            }
            continue;
        }
        let name = format!("Status{}", answer.status);
        if !shared.contains_key(&name) {
            shared.insert(name.clone(), response(&[answer], generator));
        }
        found.insert(answer.status, json!({ "$ref": format!("#/components/responses/{name}") }));
    }
    found.extend(own.into_iter().map(|(status, answers)| (status, response(&answers, generator))));
    found.into_iter().map(|(status, response)| (status.to_string(), response)).collect::<Map<_, _>>().into()
}

fn response(answers: &[ResponseDoc], generator: &mut SchemaGenerator) -> Value {
    let texts: Vec<&str> = answers.iter().map(|answer| answer.text).collect();
    let mut response = json!({
        "description": texts.join(" "),
        "headers": { "X-Request-ID": { "$ref": "#/components/headers/X-Request-ID" } },
    });
    let mut contents: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (kind, schema) in answers.iter().filter_map(|answer| content(answer.shape, generator)) {
        let schemas = contents.entry(kind).or_default();
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }
    if !contents.is_empty() {
        let content = contents.into_iter().map(|(kind, mut schemas)| {
            let schema = if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) };
            (kind.to_owned(), json!({ "schema": schema }))
        });
        response["content"] = Value::Object(content.collect());
    }
    response
}

fn content(shape: Shape, generator: &mut SchemaGenerator) -> Option<(&'static str, Value)> {
    let named = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let (kind, schema) = match shape {
        Shape::Nothing => return None,
        Shape::Of(schema) => ("application/json", schema(generator).to_value()),
        Shape::Text => ("application/json", json!({ "type": "string" })),
        Shape::Detail => ("application/json", named("Detail")),
        Shape::Error => ("application/json", named("Error")),
        Shape::Complaints => ("application/json", named("Complaints")),
        Shape::Any => ("application/json", json!(true)),
        Shape::Csv => ("text/csv", json!({ "type": "string" })),
        Shape::OpenApi => ("application/vnd.oai.openapi+json", json!({ "type": "object" })),
        Shape::Html => ("text/html", json!({ "type": "string" })),
    };
    Some((kind, schema))
}

/// The responses that any route of that kind may give.
fn common(route: &Route) -> Vec<ResponseDoc> {
    let detail = |status, text| ResponseDoc::new(status, text, Shape::Detail);
    let mut answers = vec![
        detail(406, "The client does not accept JSON."),
        detail(429, "The caller makes too many requests; `Retry-After` says how long to wait."),
        detail(500, "The service failed; the request's id names what happened."),
        detail(503, "The service is busy; `Retry-After` says when to try again."),
    ];
    let is_public = matches!(route.access, RouteAccess::Anyone { .. });
    if !is_public {
        answers.push(detail(401, "There is no token, or it is none of ours."));
        answers.push(detail(404, "There is no such thing, page or format."));
    }
    if matches!(route.access, RouteAccess::Roles { .. } | RouteAccess::Staff | RouteAccess::Retirement)
        || is_unsafe(route)
    {
        answers.push(detail(403, "The caller may not, or a browser's request lacks its CSRF token."));
    }
    let takes_input = is_unsafe(route) || !route.doc.query.is_empty();
    if takes_input && !is_public {
        answers.push(ResponseDoc::new(400, "The request is not valid.", Shape::Complaints));
    }
    if !route.doc.body.is_empty() {
        answers.push(detail(413, "The body is too large."));
        answers.push(detail(415, "The body is of a kind that is not read."));
    }
    if is_unsafe(route) {
        answers.push(ResponseDoc::new(409, "A request with this `Idempotency-Key` is under way.", Shape::Any));
        answers.push(ResponseDoc::new(422, "This `Idempotency-Key` was used for another request.", Shape::Any));
    }
    if is_unsafe(route) && route.path.contains('{') {
        answers.push(detail(412, "It was changed since the version that `If-Match` names."));
    }
    if !is_unsafe(route) && route.path.ends_with("}/") {
        answers.push(ResponseDoc::new(304, "It is as the version that `If-None-Match` names.", Shape::Nothing));
    }
    answers
}
