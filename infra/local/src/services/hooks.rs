//! A stand-in for a customer's own system, which records all deliveries. `POST …/hooks/{name}` is accepted with any
//! name.

use std::{
    collections::VecDeque,
    sync::{Mutex, OnceLock, PoisonError},
};

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde::Serialize;
use serde_json::Value;

use super::Services;

/// How many deliveries are kept.
const KEPT: usize = 1_000;

/// The headers from which its signature is made, and the body as it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    name: String,
    id: String,
    timestamp: String,
    signature: String,
    text: String,
    body: Value,
}

/// The received deliveries, the oldest first.
#[derive(Debug, Default)]
pub struct Hooks {
    url: OnceLock<String>,
    received: Mutex<VecDeque<Delivery>>,
}

impl Hooks {
    /// Sets its own URL.
    pub(super) fn be_at(&self, url: String) {
        // It is served once, so that the URL is not set yet.
        let _ = self.url.set(url);
    }

    /// The URL; a name is appended to it.
    pub fn url(&self) -> &str {
        self.url.get().map_or("", String::as_str)
    }

    /// All recorded deliveries.
    pub fn all(&self) -> Vec<Delivery> {
        self.with(|received| received.iter().cloned().collect())
    }

    pub fn clear(&self) {
        self.with(VecDeque::clear);
    }

    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<Delivery>) -> T) -> T {
        act(&mut self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) async fn receive(
    State(services): State<Services>,
    Path(name): Path<String>,
    headers: HeaderMap,
    text: String,
) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let delivery = Delivery {
        name,
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    };
    services.hooks.with(|received| {
        if received.len() == KEPT {
            received.pop_front();
        }
        received.push_back(delivery);
    });
    StatusCode::NO_CONTENT
}
