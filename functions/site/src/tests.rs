//! The routes over ports that live in memory.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{Request, header},
};
use license_domain::{Clock, Random, Timestamp};
use license_store::{
    StoreError,
    ports::{Health, StoredUser, Users},
};
use license_web::{Settings, Web};
use tower::ServiceExt;

use crate::{Context, router};

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-23T10:46:08Z".parse().expect("a date")
    }
}

impl Random for Fixed {
    fn bits(&self) -> u128 {
        7
    }
}

struct Memory {
    answers: bool,
}

#[async_trait]
impl Users for Memory {
    async fn user(&self, _: &str) -> Result<StoredUser, StoreError> {
        Ok(StoredUser::default())
    }
}

#[async_trait]
impl Health for Memory {
    async fn check(&self) -> Result<(), StoreError> {
        let down = || StoreError::Unavailable { operation: "GetItem", cause: "secret words".to_owned() };
        self.answers.then_some(()).ok_or_else(down)
    }
}

/// Status, media type and body.
async fn call(answers: bool, method: &str, path: &str) -> (u16, String, String) {
    let memory = Arc::new(Memory { answers });
    let settings = Settings::default();
    let web = Web::new(&settings, memory.clone(), Arc::new(Fixed), Arc::new(Fixed)).expect("web");
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    let response = router(Context { web, health: memory }).oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let media_type = parts.headers[header::CONTENT_TYPE].to_str().expect("text").to_owned();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    (parts.status.as_u16(), media_type, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn health_is_what_the_table_says() {
    for path in ["/health/", "/health"] {
        let (status, _, body) = call(true, "GET", path).await;
        assert_eq!(status, 200);
        assert_eq!(body, r#"{"overall_status":"OK","detailed_status":{"database_status":"OK"}}"#);
    }
    let (status, _, body) = call(false, "GET", "/health/").await;
    assert_eq!(status, 503);
    assert_eq!(body, r#"{"overall_status":"UNAVAILABLE","detailed_status":{"database_status":"UNAVAILABLE"}}"#);
    assert_eq!(call(true, "POST", "/health/").await.0, 405);
}

#[tokio::test]
async fn every_other_path_is_a_page_that_says_so() {
    for path in ["/", "/auto_auth/", "/api/v1/nothing", "/health/more"] {
        let (status, media_type, body) = call(true, "GET", path).await;
        assert_eq!((status, media_type.as_str()), (404, "text/html; charset=utf-8"), "{path}");
        assert!(body.contains("<h1>Not Found</h1>"));
    }
}
