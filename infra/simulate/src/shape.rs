//! The calls of an operation, with names replaced by placeholders, so that they can be repeated for any plan and
//! learner.

use serde_json::Value;

/// The table or one of its indexes, each with its own partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    Table,
    /// The first index.
    Gsi1,
    /// The second index.
    Gsi2,
    /// The third index.
    Gsi3,
}

impl Space {
    pub const ALL: [Self; 4] = [Self::Table, Self::Gsi1, Self::Gsi2, Self::Gsi3];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Gsi1 => "gsi1",
            Self::Gsi2 => "gsi2",
            Self::Gsi3 => "gsi3",
        }
    }

    fn of_index(name: &str) -> Self {
        match name {
            "gsi1" => Self::Gsi1,
            "gsi2" => Self::Gsi2,
            _ => Self::Gsi3,
        }
    }
}

/// What a call does with one partition key.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch {
    /// The table or the index.
    pub space: Space,
    /// The partition key, with placeholders.
    pub partition: String,
    /// The whole key, with placeholders: two transactions that write one item conflict.
    pub item: String,
    /// Read or write units.
    pub units: f64,
}

/// The kind of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Read,
    /// A write without a transaction.
    Write,
    /// A transaction: it conflicts with others on the same items.
    Transaction,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CallShape {
    pub kind: CallKind,
    /// The keys that it touches.
    pub touches: Vec<Touch>,
}

impl CallShape {
    pub fn units(&self) -> f64 {
        self.touches.iter().map(|touch| touch.units).sum()
    }
}

/// An operation: steps in sequence, each of calls at the same time; then the calls that the stream's and queues'
/// functions make because of it.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The steps before the response.
    pub steps: Vec<Vec<CallShape>>,
    /// The calls after the response.
    pub after: Vec<CallShape>,
}

/// Names that are replaced by placeholders.
#[derive(Clone, Debug, Default)]
pub struct Names(pub Vec<(String, &'static str)>);

impl Names {
    fn key(&self, text: &str) -> String {
        let text = self.0.iter().fold(text.to_owned(), |text, (name, placeholder)| text.replace(name, placeholder));
        let parts: Vec<&str> = text.split('#').collect();
        match parts.as_slice() {
            ["EVENT", ..] => "EVENT#{event}".to_owned(),
            ["POOL", plan, _] => format!("POOL#{plan}#{{bucket}}"),
            ["PLAN" | "CHANGES", plan, _] => format!("{}#{plan}#{{list}}", parts[0]),
            ["RETIRED", _] => "RETIRED#{copy}".to_owned(),
            ["THROTTLE", ..] => "THROTTLE#{learner}".to_owned(),
            ["JOB", ..] => "JOB#{job}".to_owned(),
            ["LICENSE" | "SENT" | "IDEMPOTENCY", ..] => format!("{}#{{random}}", parts[0]),
            ["TRAIL", kind, id] if !id.starts_with('{') => format!("TRAIL#{kind}#{{random}}"),
            ["LMS" | "USER", ..] => format!("{}#{{learner}}", parts[0]),
            _ => text,
        }
    }

    fn touch(&self, space: Space, partition: &str, sort: &str, units: f64) -> Touch {
        let partition = self.key(partition);
        let sort = self.0.iter().fold(sort.to_owned(), |text, (name, placeholder)| text.replace(name, placeholder));
        // Items of these partitions have ids of their own: no two operations have the same one.
        let sort = if partition.starts_with("EVENT#") || partition.starts_with("TRAIL#") { "{random}" } else { &sort };
        Touch { space, item: format!("{partition} / {sort}"), partition, units }
    }

    /// The touches of a recorded call. `read` and `written` are the units that it consumed.
    pub fn shape(&self, operation: &str, request: &Value, read: f64, written: f64) -> Option<CallShape> {
        let (kind, mut touches, total) = match operation {
            "GetItem" => (CallKind::Read, vec![self.keyed(&request["Key"], 1.0)?], read),
            "Query" => (CallKind::Read, vec![self.query(request)?], read),
            "BatchGetItem" => {
                let tables = request["RequestItems"].as_object()?.values();
                let keys = tables.filter_map(|table| table["Keys"].as_array()).flatten();
                (CallKind::Read, keys.filter_map(|key| self.keyed(key, 1.0)).collect(), read)
            }
            "TransactWriteItems" => {
                let items = request["TransactItems"].as_array()?.iter();
                (CallKind::Transaction, items.flat_map(|item| self.written(item, 2.0)).collect(), written)
            }
            "BatchWriteItem" => {
                let tables = request["RequestItems"].as_object()?.values();
                let items = tables.filter_map(Value::as_array).flatten();
                let items = items.map(|item| serde_json::json!({ "Put": item["PutRequest"] }));
                (CallKind::Write, items.flat_map(|item| self.written(&item, 1.0)).collect(), written)
            }
            "PutItem" => (CallKind::Write, self.written(&serde_json::json!({ "Put": request }), 1.0), written),
            "UpdateItem" => (CallKind::Write, self.written(&serde_json::json!({ "Update": request }), 1.0), written),
            "DeleteItem" => (CallKind::Write, self.written(&serde_json::json!({ "Delete": request }), 1.0), written),
            _ => return None,
        };
        // The estimates decide how the units are divided; their number was measured.
        let estimated: f64 = touches.iter().map(|touch| touch.units).sum();
        for touch in &mut touches {
            touch.units *= total / estimated.max(f64::MIN_POSITIVE);
        }
        Some(CallShape { kind, touches })
    }

    fn keyed(&self, key: &Value, units: f64) -> Option<Touch> {
        Some(self.touch(Space::Table, key["pk"]["S"].as_str()?, key["sk"]["S"].as_str()?, units))
    }

    fn query(&self, request: &Value) -> Option<Touch> {
        let space = request["IndexName"].as_str().map_or(Space::Table, Space::of_index);
        let partition = request["ExpressionAttributeValues"][":pk"]["S"].as_str()?;
        Some(self.touch(space, partition, "", 1.0))
    }

    /// One item of a write, and its entries in indexes. `factor` is the cost of a kilobyte.
    fn written(&self, item: &Value, factor: f64) -> Vec<Touch> {
        let Some((kind, item)) = item.as_object().and_then(|item| item.iter().next()) else { return Vec::new() };
        let kilobytes = |value: &Value| {
            let bytes = u32::try_from(value.to_string().len()).expect("an item of at most 400 KB");
            (f64::from(bytes) / 1_024.0).ceil().max(1.0)
        };
        let (key, attributes, is_update) = match kind.as_str() {
            "Put" => (&item["Item"], index_keys_of_item(&item["Item"]), false),
            "Update" => (&item["Key"], index_keys_of_update(item), true),
            _ => (&item["Key"], Vec::new(), false),
        };
        let size = if kind == "Put" { kilobytes(key) } else { 1.0 };
        let mut touches: Vec<Touch> = self.keyed(key, factor * size).into_iter().collect();
        for (index, partition, sort) in attributes {
            // An entry that moves within an index is deleted and put.
            let units = if is_update { 2.0 } else { 1.0 };
            touches.push(self.touch(Space::of_index(&index), &partition, &sort, units));
        }
        touches
    }
}

fn index_keys_of_item(item: &Value) -> Vec<(String, String, String)> {
    let text = |name: String| item[name]["S"].as_str().map(str::to_owned);
    let indexes = ["gsi1", "gsi2", "gsi3"].into_iter();
    indexes
        .filter_map(|index| Some((index.to_owned(), text(format!("{index}pk"))?, text(format!("{index}sk"))?)))
        .collect()
}

fn index_keys_of_update(update: &Value) -> Vec<(String, String, String)> {
    let set = |attribute: String| {
        let names = update["ExpressionAttributeNames"].as_object()?;
        let name = names.iter().find(|(_, named)| named.as_str() == Some(&attribute))?.0;
        let value = update["UpdateExpression"].as_str()?.split(&format!("{name} = ")).nth(1)?;
        let value = value.split([',', ' ']).next()?;
        update["ExpressionAttributeValues"][value]["S"].as_str().map(str::to_owned)
    };
    let indexes = ["gsi1", "gsi2", "gsi3"].into_iter();
    indexes
        .filter_map(|index| Some((index.to_owned(), set(format!("{index}pk"))?, set(format!("{index}sk"))?)))
        .collect()
}
