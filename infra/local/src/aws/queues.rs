//! Queues: a received message is hidden for a while, is delivered again if it is not deleted, and goes to the
//! dead-letter queue after so many times. Groups are served in turns.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::{Value, json};

use super::{ACCOUNT, Aws};

/// The most messages of one call.
const AT_ONCE: usize = 10;

/// The numbers of messages in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Messages that may be received.
    pub depth: u64,
    /// Messages that were received and not deleted yet.
    pub in_flight: u64,
    /// Messages whose delay has not passed.
    pub delayed: u64,
    /// Messages in the dead-letter queue.
    pub dead: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub id: String,
    /// The receipt for deleting it.
    pub receipt: String,
    pub body: String,
    pub group: Option<String>,
    /// How many times it was received.
    pub receives: u32,
    /// When it was sent, in milliseconds.
    pub sent: i64,
}

impl Aws {
    pub fn send(&self, queue: &str, body: &str, group: Option<&str>, delay_seconds: i64) -> rusqlite::Result<String> {
        let id = self.0.random.uuid().to_string();
        let now = self.now_millis();
        self.state().with(|db| {
            db.execute(
                "INSERT INTO messages (queue, id, body, fair_group, sent, visible) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![queue, id, body, group, now, now + delay_seconds * 1000],
            )
        })?;
        self.wake();
        Ok(id)
    }

    /// Receives messages, and hides them for the queue's visibility timeout. Messages that were received too often go
    /// to the dead-letter queue.
    pub fn receive(&self, queue: &str, most: usize) -> rusqlite::Result<Vec<Held>> {
        let Some(spec) = self.0.queues.get(queue) else { return Ok(Vec::new()) };
        let now = self.now_millis();
        let until = now + i64::from(spec.visibility_seconds) * 1000;
        let dead = spec.dead_letters.clone();
        self.state().with(|db| {
            let mut held = Vec::new();
            while held.len() < most {
                let Some((n, mut message)) = next(db, queue, now)? else { break };
                if let Some((dead, _)) = dead.as_ref().filter(|(_, most)| message.receives >= *most) {
                    let to_dead_letters = "UPDATE messages SET queue = ?2, visible = ?3, receipt = NULL WHERE n = ?1";
                    db.execute(to_dead_letters, params![n, dead, now])?;
                    continue;
                }
                message.receives += 1;
                message.receipt = self.0.random.uuid().to_string();
                let taken = "UPDATE messages SET visible = ?2, receives = ?3, receipt = ?4 WHERE n = ?1";
                db.execute(taken, params![n, until, message.receives, message.receipt])?;
                let turn = "INSERT OR REPLACE INTO turns SELECT ?1, ?2, 1 + COALESCE(MAX(turn), 0) FROM turns";
                db.execute(turn, params![queue, message.group.clone().unwrap_or_default()])?;
                held.push(message);
            }
            Ok(held)
        })
    }

    /// Deletes a received message.
    pub fn delete(&self, queue: &str, receipt: &str) -> rusqlite::Result<bool> {
        let delete = "DELETE FROM messages WHERE queue = ?1 AND receipt = ?2";
        self.state().with(|db| db.execute(delete, params![queue, receipt])).map(|rows| rows > 0)
    }

    /// Hides a received message for so many seconds from now.
    pub fn hide(&self, queue: &str, receipt: &str, seconds: i64) -> rusqlite::Result<bool> {
        let visible = self.now_millis() + seconds * 1000;
        let hide = "UPDATE messages SET visible = ?3 WHERE queue = ?1 AND receipt = ?2";
        let hidden = self.state().with(|db| db.execute(hide, params![queue, receipt, visible])).map(|rows| rows > 0);
        self.wake();
        hidden
    }

    /// Moves the messages of the dead-letter queue back; returns how many there were.
    pub fn redrive(&self, queue: &str) -> rusqlite::Result<usize> {
        let dead = self.0.queues.get(queue).and_then(|spec| spec.dead_letters.clone());
        let Some((dead, _)) = dead else { return Ok(0) };
        let now = self.now_millis();
        let back = "UPDATE messages SET queue = ?2, visible = ?3, receives = 0 WHERE queue = ?1";
        let moved = self.state().with(|db| db.execute(back, params![dead, queue, now]));
        self.wake();
        moved
    }

    /// The numbers of messages in each queue.
    pub fn depths(&self) -> rusqlite::Result<BTreeMap<String, Depth>> {
        let now = self.now_millis();
        let count = |db: &Connection, queue: &str, which: &str| {
            let query = format!("SELECT COUNT(*) FROM messages WHERE queue = ?1 AND {which} AND ?2 = ?2");
            db.query_row(&query, params![queue, now], |row| row.get::<_, u64>(0))
        };
        self.state().with(|db| {
            let mut depths = BTreeMap::new();
            for (name, spec) in &self.0.queues {
                let dead = match &spec.dead_letters {
                    Some((dead, _)) => count(db, dead, "1")?,
                    None => 0,
                };
                let depth = Depth {
                    depth: count(db, name, "visible <= ?2")?,
                    in_flight: count(db, name, "visible > ?2 AND receipt IS NOT NULL")?,
                    delayed: count(db, name, "visible > ?2 AND receipt IS NULL")?,
                    dead,
                };
                depths.insert(name.clone(), depth);
            }
            Ok(depths)
        })
    }

    /// A call of the queues' API.
    pub(super) fn queue_call(&self, operation: &str, call: &Value) -> Result<Value, String> {
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let queue = match operation {
            "GetQueueUrl" => text(call, "QueueName"),
            _ => text(call, "QueueUrl").rsplit('/').next().unwrap_or_default().to_owned(),
        };
        if !self.0.queues.contains_key(&queue) {
            return Err(format!("there is no queue {queue:?}"));
        }
        let failed = |error: rusqlite::Error| error.to_string();
        match operation {
            "GetQueueUrl" => Ok(json!({ "QueueUrl": format!("http://localhost/{ACCOUNT}/{queue}") })),
            "SendMessage" => self.send_one(&queue, call).map_err(failed),
            "SendMessageBatch" => {
                let entries = call["Entries"].as_array().cloned().unwrap_or_default();
                if entries.is_empty() || entries.len() > AT_ONCE {
                    return Err(format!("{} messages in one call", entries.len()));
                }
                let mut sent = Vec::new();
                for entry in entries {
                    let mut entry_response = self.send_one(&queue, &entry).map_err(failed)?;
                    entry_response["Id"] = entry["Id"].clone();
                    sent.push(entry_response);
                }
                Ok(json!({ "Successful": sent, "Failed": [] }))
            }
            "ReceiveMessage" => {
                let most = call["MaxNumberOfMessages"].as_u64().and_then(|most| usize::try_from(most).ok());
                let held = self.receive(&queue, most.unwrap_or(1).min(AT_ONCE)).map_err(failed)?;
                let message = |held: &Held| {
                    let mut attributes = json!({ "ApproximateReceiveCount": held.receives.to_string() });
                    if let Some(group) = &held.group {
                        attributes["MessageGroupId"] = json!(group);
                    }
                    json!({
                        "MessageId": held.id, "ReceiptHandle": held.receipt, "Body": held.body, "MD5OfBody": md5(&held.body),
                        "Attributes": attributes,
                    })
                };
                Ok(json!({ "Messages": held.iter().map(message).collect::<Vec<_>>() }))
            }
            "DeleteMessage" => self.delete(&queue, &text(call, "ReceiptHandle")).map(|_| json!({})).map_err(failed),
            "ChangeMessageVisibility" => {
                let seconds = call["VisibilityTimeout"].as_i64().unwrap_or_default();
                self.hide(&queue, &text(call, "ReceiptHandle"), seconds).map(|_| json!({})).map_err(failed)
            }
            "GetQueueAttributes" => {
                let depth = self.depths().map_err(failed)?.remove(&queue).unwrap_or_default();
                Ok(json!({ "Attributes": {
                    "ApproximateNumberOfMessages": depth.depth.to_string(),
                    "ApproximateNumberOfMessagesNotVisible": depth.in_flight.to_string(),
                    "ApproximateNumberOfMessagesDelayed": depth.delayed.to_string(),
                } }))
            }
            _ => Err(format!("{operation} is not stood in for")),
        }
    }

    fn send_one(&self, queue: &str, entry: &Value) -> rusqlite::Result<Value> {
        let body = entry["MessageBody"].as_str().unwrap_or_default();
        let delay = entry["DelaySeconds"].as_i64().unwrap_or_default();
        let id = self.send(queue, body, entry["MessageGroupId"].as_str(), delay)?;
        Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5(body) }))
    }
}

fn md5(body: &str) -> String {
    format!("{:x}", md5::compute(body))
}

/// The next message: the oldest one of the group that was served longest ago.
fn next(db: &Connection, queue: &str, now: i64) -> rusqlite::Result<Option<(i64, Held)>> {
    let mut found = db.prepare_cached(
        "SELECT n, id, body, messages.fair_group, receives, sent FROM messages
         LEFT JOIN turns ON turns.queue = messages.queue AND turns.fair_group = COALESCE(messages.fair_group, '')
         WHERE messages.queue = ?1 AND visible <= ?2 ORDER BY COALESCE(turn, 0), n LIMIT 1",
    )?;
    let mut rows = found.query(params![queue, now])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let held = Held {
        id: row.get(1)?,
        receipt: String::new(),
        body: row.get(2)?,
        group: row.get(3)?,
        receives: row.get(4)?,
        sent: row.get(5)?,
    };
    Ok(Some((row.get(0)?, held)))
}
