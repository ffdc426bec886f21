//! `GET /api-docs/`: the OpenAPI document as a page for people. It is rendered on the server, and loads nothing.

use std::{collections::BTreeMap, fmt::Write, sync::OnceLock};

use axum::{
    http::{HeaderName, header},
    response::Html,
};
use license_api::{
    Doc, Route, RouteAccess,
    doc::{ResponseDoc, Shape},
};
use serde_json::{Map, Value};

use crate::schema::{CACHED_FOR_MINUTES, TEXT};

/// The page.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api-docs/",
    access: RouteAccess::Anyone { is_counted: true },
    doc: &Doc {
        summary: "This document as a page",
        query: &[],
        body: &[],
        answers: &[ResponseDoc::new(200, "The page.", Shape::Html)],
    },
};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
    h2{margin-top:3rem;border-bottom:1px solid #ccc}details{margin:.4rem 0;border:1px solid #ddd;border-radius:4px;padding:.4rem .8rem}\
    summary{cursor:pointer}code{font-family:ui-monospace,monospace}b.m{display:inline-block;min-width:4.5rem}\
    table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #ddd;padding:.2rem .6rem;text-align:left;vertical-align:top}\
    pre{background:#f6f6f6;padding:.6rem;overflow:auto}";

type Headers = [(HeaderName, &'static str); 1];

pub async fn handle() -> (Headers, Html<&'static str>) {
    static PAGE: OnceLock<String> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let document: Value = serde_json::from_str(TEXT).expect("the document is JSON: a test has written it");
        page(&document)
    });
    ([(header::CACHE_CONTROL, CACHED_FOR_MINUTES)], Html(page))
}

fn page(document: &Value) -> String {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, operations) in fields(&document["paths"]) {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let group = operation["tags"][0].as_str().unwrap_or_default();
            groups.entry(group).or_default().push(operation_of(document, path, method, operation));
        }
    }
    let mut page = String::new();
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n<p>{text}</p>\n<p>The same for programs: <a href=\"/api/schema/\">OpenAPI {version}</a>.</p>\n",
        title = escaped(&document["info"]["title"]),
        text = escaped(&document["info"]["description"]),
        version = escaped(&document["openapi"]),
    );
    for (group, operations) in groups {
        let _ = write!(page, "<h2>{group}</h2>\n{}", operations.concat());
    }
    let _ = writeln!(page, "<h2>Shapes</h2>");
    for (name, schema) in fields(&document["components"]["schemas"]) {
        let text = escape(&serde_json::to_string_pretty(schema).expect("a part of a document is JSON"));
        let _ =
            writeln!(page, "<details id=\"{name}\"><summary><code>{name}</code></summary><pre>{text}</pre></details>");
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn operation_of(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let mut text = format!(
        "<details><summary><b class=\"m\">{}</b> <code>{path}</code> {}</summary>\n",
        method.to_uppercase(),
        escaped(&operation["summary"]),
    );
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<String> = parameters
        .map(|param| row(&param["name"], &param["in"], &param["required"], &param["schema"], &param["description"]))
        .collect();
    table(&mut text, "Parameters", &parameters);
    let body = resolved(document, &operation["requestBody"]["content"]["application/json"]["schema"]);
    let is_required =
        |name: &str| body["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name));
    let body: Vec<String> = fields(&body["properties"])
        .map(|(name, schema)| {
            let (name, required) = (Value::from(name.as_str()), Value::from(is_required(name)));
            row(&name, &Value::from("body"), &required, schema, &schema["description"])
        })
        .collect();
    table(&mut text, "Body", &body);
    text.push_str("<table><tr><th>status</th><th>body</th><th></th></tr>\n");
    for (status, response) in fields(&operation["responses"]) {
        let response = resolved(document, response);
        let content = response["content"].as_object();
        let shapes: Vec<String> = content.into_iter().flatten().map(|(_, content)| shape(&content["schema"])).collect();
        let _ = writeln!(
            text,
            "<tr><td>{status}</td><td>{}</td><td>{}</td></tr>",
            shapes.join(", "),
            escaped(&response["description"]),
        );
    }
    text.push_str("</table></details>\n");
    text
}

fn table(text: &mut String, title: &str, rows: &[String]) {
    if !rows.is_empty() {
        let head = "<tr><th>name</th><th>in</th><th>required</th><th>type</th><th></th></tr>";
        let _ = writeln!(text, "<p>{title}</p><table>{head}{}</table>", rows.concat());
    }
}

fn row(name: &Value, place: &Value, required: &Value, schema: &Value, text: &Value) -> String {
    let required = if required == &Value::Bool(true) { "yes" } else { "" };
    let (name, place, text) = (escaped(name), escaped(place), escaped(text));
    format!(
        "<tr><td><code>{name}</code></td><td>{place}</td><td>{required}</td><td>{}</td><td>{text}</td></tr>",
        shape(schema)
    )
}

/// The target of a reference.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|path| document.pointer(path.trim_start_matches('#')));
    target.unwrap_or(value)
}

/// A short description of a schema.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices.iter().map(shape).collect::<Vec<_>>().join(" or ");
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    };
    match (kind.as_str(), &schema["format"], &schema["enum"]) {
        ("array", ..) => format!("list of {}", shape(&schema["items"])),
        (_, Value::String(format), _) => escape(format),
        (_, _, Value::Array(words)) => escape(&words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        _ => escape(&kind),
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn escaped(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_document_cannot_become_markup() {
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
        assert_eq!(
            shape(&serde_json::json!({ "type": "array", "items": { "type": "string", "format": "uuid" } })),
            "list of uuid"
        );
    }
}
