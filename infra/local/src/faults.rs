//! Injected faults: the stand-ins fail as services and networks do, and invocations are lost.

use std::{sync::Mutex, time::Duration};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

/// How long a client waits for a response that never comes.
const NEVER: Duration = Duration::from_secs(30);

/// A fault to inject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The service that fails: `braze`, `lms`, `enterprise`, `catalog`, `files`, `sqs`, `eventbridge`, `ses`,
    /// `webhooks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Only calls whose path begins with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Or the function that fails: `function-mail`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// How many more times.
    pub next: u32,
    /// How it fails.
    pub how: How,
}

/// How a call or an invocation fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// An error, without effect.
    Status(u16),
    /// The connection breaks, without effect.
    Reset,
    /// The connection breaks after the effect.
    ResetAfter,
    /// There is no response, after the effect.
    TimeoutAfter,
    /// The response cannot be parsed, after the effect.
    Garbage,
    /// The response is delayed by so many milliseconds.
    DelayMs(u64),
    /// An invocation is lost before it begins.
    Before,
    /// An invocation's response is lost.
    After,
}

#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub fn add(&self, fault: Fault) {
        self.with(|faults| faults.push(fault));
    }

    /// The faults that were not injected yet.
    pub fn left(&self) -> Vec<Fault> {
        self.with(|faults| faults.clone())
    }

    pub fn clear(&self) {
        self.with(Vec::clear);
    }

    /// The fault for an invocation of that function, if there is one.
    pub fn of_worker(&self, worker: &str) -> Option<How> {
        self.take(|fault| fault.worker.as_deref() == Some(worker))
    }

    fn of_call(&self, service: &str, path: &str) -> Option<How> {
        self.take(|fault| {
            fault.service.as_deref() == Some(service)
                && fault.path.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()))
        })
    }

    fn take(&self, is_meant: impl Fn(&Fault) -> bool) -> Option<How> {
        self.with(|faults| {
            let fault = faults.iter_mut().find(|fault| is_meant(fault))?;
            let how = fault.how.clone();
            fault.next = fault.next.saturating_sub(1);
            faults.retain(|fault| fault.next > 0);
            Some(how)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Fault>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Injects a fault into a call, if there is one for it.
pub async fn inject(State(faults): State<std::sync::Arc<Faults>>, request: Request, next: Next) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let how = faults.of_call(service(request.uri().path(), target), request.uri().path());
    match how {
        None | Some(How::Before | How::After) => next.run(request).await,
        Some(How::Status(status)) => StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT).into_response(),
        Some(How::Reset) => broken(),
        Some(How::ResetAfter) => {
            next.run(request).await;
            broken()
        }
        Some(How::TimeoutAfter) => {
            next.run(request).await;
            tokio::time::sleep(NEVER).await;
            broken()
        }
        Some(How::Garbage) => {
            let status = next.run(request).await.status();
            (status, [(header::CONTENT_TYPE, "application/json")], "<html>{").into_response()
        }
        Some(How::DelayMs(millis)) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            next.run(request).await
        }
    }
}

// A connection is broken by unwinding. If panics aborted, the first fault would end the runner.
#[cfg(not(panic = "unwind"))]
compile_error!("build the runner with a profile that unwinds");

/// The server drops a connection whose handler unwinds: each connection is a task of its own. The panic is not
/// reported, because it is intended.
fn broken() -> Response {
    std::panic::resume_unwind(Box::new("a fault on demand"))
}

fn service(path: &str, target: &str) -> &'static str {
    let by_path: [(&str, &str); 10] = [
        ("/users/", "braze"),
        ("/campaigns/", "braze"),
        ("/oauth2/", "lms"),
        ("/api/user/", "lms"),
        ("/enterprise/", "enterprise"),
        ("/api/v1/enterprise-catalogs/", "catalog"),
        ("/api/v1/distinct-catalog-queries/", "catalog"),
        ("/s3/", "files"),
        ("/v2/email/", "ses"),
        ("/hooks/", "webhooks"),
    ];
    let by_target: [(&str, &str); 2] = [("AmazonSQS.", "sqs"), ("AWSEvents.", "eventbridge")];
    let of = |known: &[(&str, &'static str)], text: &str| {
        known.iter().find(|(prefix, _)| text.starts_with(prefix)).map(|(_, service)| *service)
    };
    of(&by_path, path).or_else(|| of(&by_target, target)).unwrap_or("other")
}
