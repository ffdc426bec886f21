//! The state of the stand-ins, in one database.

use std::{path::Path, sync::Mutex};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::StartError;

/// The file next to the table's.
const FILE: &str = "aws.sqlite";

const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS messages (
        n INTEGER PRIMARY KEY, queue TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, fair_group TEXT,
        sent INTEGER NOT NULL, visible INTEGER NOT NULL, receives INTEGER NOT NULL DEFAULT 0, receipt TEXT
    );
    CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, visible);
    CREATE TABLE IF NOT EXISTS turns (queue TEXT NOT NULL, fair_group TEXT NOT NULL, turn INTEGER NOT NULL,
        PRIMARY KEY (queue, fair_group));
    CREATE TABLE IF NOT EXISTS events (n INTEGER PRIMARY KEY, event TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS mails (n INTEGER PRIMARY KEY, mail TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS checkpoints (name TEXT PRIMARY KEY, value TEXT NOT NULL);
";

#[derive(Debug)]
pub struct State(Mutex<Connection>);

/// A mail that was received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// When, by the runner's clock.
    pub at: license_domain::Timestamp,
    /// The service that sent it.
    pub transport: String,
    /// The campaign's id, or the subject.
    pub campaign: String,
    pub to: String,
    /// The template's values, or the text.
    pub trigger_properties: Value,
    /// The id that the service gave the call.
    pub dispatch_id: String,
}

impl State {
    /// Opens the database in that folder, or in memory.
    pub fn open(data: Option<&Path>) -> Result<Self, StartError> {
        let failed = |path: &Path, error: &dyn std::fmt::Display| StartError::Data {
            path: path.to_owned(),
            cause: error.to_string(),
        };
        let connection = match data {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
                let path = folder.join(FILE);
                Connection::open(&path).map_err(|error| failed(&path, &error))?
            }
            None => Connection::open_in_memory().map_err(|error| failed(Path::new("(memory)"), &error))?,
        };
        connection.execute_batch(TABLES).map_err(|error| failed(Path::new(FILE), &error))?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Runs statements in one transaction.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut connection = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let transaction = connection.transaction()?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Where a poller stopped.
    pub fn checkpoint(&self, name: &str) -> rusqlite::Result<Option<String>> {
        self.with(|db| {
            let mut rows = db.prepare("SELECT value FROM checkpoints WHERE name = ?1")?;
            let mut found = rows.query_map([name], |row| row.get(0))?;
            found.next().transpose()
        })
    }

    /// Stores where a poller stopped.
    pub fn set_checkpoint(&self, name: &str, value: &str) -> rusqlite::Result<()> {
        self.with(|db| db.execute("INSERT OR REPLACE INTO checkpoints VALUES (?1, ?2)", [name, value]).map(|_| ()))
    }

    pub fn keep_mail(&self, mail: &Mail) -> rusqlite::Result<()> {
        self.insert("mails (mail)", mail)
    }

    /// The mails so far.
    pub fn mails(&self) -> rusqlite::Result<Vec<Mail>> {
        self.list("SELECT mail FROM mails ORDER BY n")
    }

    pub fn forget_mails(&self) -> rusqlite::Result<()> {
        self.with(|db| db.execute("DELETE FROM mails", []).map(|_| ()))
    }

    pub(super) fn insert<T: Serialize>(&self, columns: &str, value: &T) -> rusqlite::Result<()> {
        let text = serde_json::to_string(value).unwrap_or_default();
        self.with(|db| db.execute(&format!("INSERT INTO {columns} VALUES (?1)"), params![text]).map(|_| ()))
    }

    pub(super) fn list<T: for<'a> Deserialize<'a>>(&self, query: &str) -> rusqlite::Result<Vec<T>> {
        self.with(|db| {
            let mut rows = db.prepare(query)?;
            let texts = rows.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
        })
    }
}
