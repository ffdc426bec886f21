//! A proxy on loopback between the product's SDK clients and the engine: it records each DynamoDB operation with the
//! units that it consumed, and injects faults.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{self, Incoming};

/// Headers that belong to one connection and are not forwarded.
const OWN_HEADERS: [&str; 4] = ["host", "content-length", "connection", "transfer-encoding"];

/// AWS's message about a call that a role's policies do not permit.
pub const DENIED: &str = "User: arn:aws:sts::111122223333:assumed-role/R/f is not authorized to perform: dynamodb:X";

/// The request id of the proxy's own responses.
pub const REQUEST_ID: &str = "PROXY0000000000000000000000000000000000000000000001";

/// One operation, with its request and its response.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Its name, such as `TransactWriteItems`.
    pub operation: String,
    pub request: Value,
    /// The response's status; 0 if there was none.
    pub status: u16,
    pub read_units: f64,
    pub write_units: f64,
    /// The size of the response's body.
    pub bytes: usize,
    /// When it began and ended, as positions in the sequence of all beginnings and ends.
    pub span: (usize, usize),
}

impl Call {
    /// The number of items that it would write.
    pub fn writes(&self) -> usize {
        match self.operation.as_str() {
            "TransactWriteItems" => self.request["TransactItems"].as_array().map_or(0, Vec::len),
            "BatchWriteItem" => self.request["RequestItems"]
                .as_object()
                .map_or(0, |tables| tables.values().filter_map(Value::as_array).map(Vec::len).sum()),
            "PutItem" | "UpdateItem" | "DeleteItem" => 1,
            _ => 0,
        }
    }

    /// Whether it reads an index.
    pub fn is_of_index(&self) -> bool {
        self.request["IndexName"].is_string()
    }

    /// Whether it can change the table.
    pub fn is_write(&self) -> bool {
        self.writes() > 0
    }
}

/// What the proxy does to an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It conflicts with another transaction and is not carried out.
    Conflict,
    Throttle,
    /// The engine responds with an internal error and does nothing.
    InternalError,
    /// The requester's role does not permit it.
    Denied,
    /// The connection ends before the engine gets it.
    DropBefore,
    /// The engine carries it out, and the connection ends before the response.
    DropAfter,
    /// It takes that much longer.
    Delay(Duration),
    /// It reads an index that shows no changes yet.
    Unindexed,
}

type Script = Box<dyn FnMut(&Call) -> Fault + Send>;

#[derive(Default)]
struct Shared {
    calls: Vec<Call>,
    moments: usize,
    script: Option<Script>,
}

/// A running proxy.
#[derive(Clone)]
pub struct Proxy {
    url: String,
    upstream: String,
    http: reqwest::Client,
    shared: Arc<Mutex<Shared>>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({} before {})", self.url, self.upstream)
    }
}

impl Proxy {
    /// Begins to listen.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let proxy = Self {
            url: format!("http://{address}"),
            upstream: upstream.to_owned(),
            http: reqwest::Client::new(),
            shared: Arc::default(),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = serving.clone();
                // An error of a connection was reported to its other end already.
                tokio::spawn(async move { proxy.serve(stream).await.unwrap_or_default() });
            }
        });
        proxy
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on the script decides what happens to each operation.
    pub fn inject(&self, script: impl FnMut(&Call) -> Fault + Send + 'static) {
        self.lock().script = Some(Box::new(script));
    }

    /// From now on no faults are injected.
    pub fn heal(&self) {
        self.lock().script = None;
    }

    /// The calls since the last use of this function.
    pub fn take(&self) -> Vec<Call> {
        let mut shared = self.lock();
        shared.moments = 0;
        std::mem::take(&mut shared.calls)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (mut reader, mut writer) = wire::split(stream);
        while let Some(incoming) = wire::read(&mut reader).await? {
            let (call, fault, began) = self.begin(&incoming);
            if let Fault::Delay(time) = fault {
                tokio::time::sleep(time).await;
            }
            let response = match fault {
                Fault::None | Fault::Delay(_) | Fault::DropAfter => self.forward(&incoming, &call).await,
                Fault::Conflict => Some(own(400, &conflict(&call))),
                Fault::Throttle => Some(own(400, &error("ThrottlingException", "Rate exceeded"))),
                Fault::InternalError => Some(own(500, &error("InternalServerError", "Internal server error"))),
                Fault::Denied => Some(own(400, &error("AccessDeniedException", DENIED))),
                Fault::Unindexed => Some(own(200, &json!({ "Items": [], "Count": 0, "ScannedCount": 0 }))),
                Fault::DropBefore => None,
            };
            self.end(call, response.as_ref(), began);
            match response {
                Some(response) if fault != Fault::DropAfter => {
                    wire::write(&mut writer, response.status, &response.headers, &response.body).await?;
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn begin(&self, incoming: &Incoming) -> (Call, Fault, usize) {
        let operation = incoming.header("x-amz-target").and_then(|target| target.rsplit('.').next());
        let call = Call {
            operation: operation.unwrap_or_default().to_owned(),
            request: serde_json::from_slice(&incoming.body).unwrap_or_default(),
            ..Call::default()
        };
        let mut shared = self.lock();
        let fault = shared.script.as_mut().map(|script| script(&call)).unwrap_or_default();
        shared.moments += 1;
        (call, fault, shared.moments)
    }

    fn end(&self, mut call: Call, response: Option<&Forwarded>, began: usize) {
        if let Some(response) = response {
            (call.status, call.bytes) = (response.status, response.body.len());
            let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
            let units = consumed(&body["ConsumedCapacity"]);
            if call.is_write() { call.write_units = units } else { call.read_units = units }
        }
        let mut shared = self.lock();
        shared.moments += 1;
        call.span = (began, shared.moments);
        shared.calls.push(call);
    }

    async fn forward(&self, incoming: &Incoming, call: &Call) -> Option<Forwarded> {
        let mut request = self.http.post(&self.upstream);
        for (name, value) in incoming.headers.iter().filter(|(name, _)| is_passed_on(name)) {
            request = request.header(name, value);
        }
        let mut body = call.request.clone();
        body["ReturnConsumedCapacity"] = json!("TOTAL");
        let response = request.body(body.to_string()).send().await.ok()?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers
            .filter(|(name, _)| is_passed_on(name.as_str()))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        Some(Forwarded { status, headers, body: response.bytes().await.ok()?.to_vec() })
    }
}

#[derive(Debug)]
struct Forwarded {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn is_passed_on(header: &str) -> bool {
    !OWN_HEADERS.iter().any(|own| header.eq_ignore_ascii_case(own))
}

/// The units of one operation, over all tables.
fn consumed(capacity: &Value) -> f64 {
    match capacity {
        Value::Array(tables) => tables.iter().map(consumed).sum(),
        one => one["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}

/// A response of the proxy's own.
fn own(status: u16, body: &Value) -> Forwarded {
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-requestid", REQUEST_ID)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Forwarded { status, headers, body: body.to_string().into_bytes() }
}

fn error(code: &str, message: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message })
}

/// DynamoDB's response if the first item is part of another transaction.
fn conflict(call: &Call) -> Value {
    if call.operation != "TransactWriteItems" {
        return error("TransactionConflictException", "Transaction is ongoing for the item");
    }
    let mut reasons = vec![json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" })];
    reasons.resize(call.writes(), json!({ "Code": "None" }));
    let mut body = error("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons");
    body["CancellationReasons"] = Value::Array(reasons);
    body
}
