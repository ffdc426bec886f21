//! The protocol of the developer tools: commands, their results and events, as JSON over one WebSocket.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// How long a result or an event may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A connection.
#[derive(Debug)]
pub struct DevTools {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Option<String>,
    number: u64,
    events: Vec<Value>,
}

impl DevTools {
    /// Connects, and attaches to a new tab.
    pub async fn connect(url: &str) -> Self {
        let (socket, _) = connect_async(url).await.expect("Chromium listens there");
        let mut devtools = Self { socket, session: None, number: 0, events: Vec::new() };
        let tab = devtools.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": tab["targetId"], "flatten": true });
        let attached = devtools.call("Target.attachToTarget", attach).await;
        devtools.session = attached["sessionId"].as_str().map(str::to_owned);
        devtools
    }

    /// Runs a command; panics if it fails.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let shown = params.to_string();
        match self.attempt(method, params).await {
            Ok(result) => result,
            Err(error) => panic!("{method} {}: {error}", shown.chars().take(300).collect::<String>()),
        }
    }

    /// Runs a command, which may fail.
    pub async fn attempt(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.number += 1;
        let number = self.number;
        let mut command = json!({ "id": number, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(command.to_string())).await.expect("Chromium runs");
        loop {
            let mut message = self.message(method).await;
            if message["id"] == number {
                return match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].take()),
                };
            }
            self.events.push(message);
        }
    }

    /// Waits until there has been an event of that name; returns it with the events before it.
    pub async fn until(&mut self, name: &str) -> Vec<Value> {
        while !self.events.iter().any(|event| event["method"] == name) {
            let message = self.message(name).await;
            self.events.push(message);
        }
        self.events()
    }

    /// The events since the last call.
    pub fn events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    async fn message(&mut self, wanted: &str) -> Value {
        loop {
            let message = timeout(TIMEOUT, self.socket.next()).await;
            let message = message.unwrap_or_else(|_| panic!("no {wanted} within {TIMEOUT:?}"));
            if let Message::Text(text) = message.expect("Chromium runs").expect("a whole message") {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }
}
