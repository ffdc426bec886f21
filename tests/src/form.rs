//! Forms for uploading a file, as browsers post them.

use reqwest::Response;
use serde_json::Value;

/// The fields of a job's `upload_form`.
pub fn fields(form: &Value) -> Vec<(String, String)> {
    let fields = form["fields"].as_object().expect("fields");
    fields.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect()
}

/// Posts these fields, then the file.
pub async fn post(url: &str, fields: &[(String, String)], file: &str, headers: &[(&str, &str)]) -> Response {
    let part = |name: &str, more: &str, value: &str| {
        format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    let mut body: String = fields.iter().map(|(name, value)| part(name, "", value)).collect();
    body += &part("file", "; filename=\"rows.csv\"\r\nContent-Type: text/csv", file);
    body += "--edge--\r\n";
    let mut request = reqwest::Client::new().post(url).header("content-type", "multipart/form-data; boundary=edge");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).send().await.expect("a response")
}

/// Uploads a file by a job's `upload_form`.
pub async fn upload(form: &Value, file: &str) {
    let posted = post(form["url"].as_str().expect("a URL"), &fields(form), file, &[]).await;
    assert_eq!(posted.status().as_u16(), 204, "{:?}", posted.text().await);
}
