//! Reads a `dumpdata` file: one array of rows, row by row, so that its length does not matter.

use std::{
    fmt,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::report::{BadRow, ImportError};

/// How many rows are sent at once.
const ROWS: usize = 2_000;

/// The most blocks that wait.
const BLOCKS: usize = 3;

/// A file, with its digest when it was opened.
#[derive(Clone, Debug)]
pub struct Dump {
    path: PathBuf,
    name: String,
    digest: String,
}

#[derive(Debug)]
pub struct Row {
    /// Its number in the file, from 1.
    pub number: u64,
    /// Its model, such as `subscriptions.license`.
    pub model: String,
    pub pk: Value,
    pub fields: Box<RawValue>,
}

/// A row as it is in the file.
#[derive(Deserialize)]
struct Written {
    model: String,
    #[serde(default)]
    pk: Value,
    fields: Box<RawValue>,
}

impl Dump {
    /// Opens the file and reads it once for its digest.
    pub async fn open(path: &Path) -> Result<Self, ImportError> {
        let (path, name) = (path.to_owned(), path.display().to_string());
        let (file, failed) = (path.clone(), unreadable(&name));
        let digest = tokio::task::spawn_blocking(move || digest_of(&file)).await;
        let digest = digest.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        Ok(Self { path, name, digest })
    }

    /// The file's name, as the operator gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of the file, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Sends all rows, in order, in blocks. An error is the last thing that is sent.
    pub fn rows(&self) -> mpsc::Receiver<Result<Vec<Row>, ImportError>> {
        let (sender, receiver) = mpsc::channel(BLOCKS);
        let dump = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = dump.send_all(&sender) {
                // Without a receiver the import has ended already.
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    }

    fn send_all(&self, sender: &mpsc::Sender<Result<Vec<Row>, ImportError>>) -> Result<(), ImportError> {
        let failed = unreadable(&self.name);
        let file = File::open(&self.path).map_err(|error| failed(&error))?;
        let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 20, file));
        let rows = Rows { sender, block: Vec::with_capacity(ROWS), number: 0 };
        rows.deserialize(&mut json).and_then(|()| json.end()).map_err(|error| failed(&error))
    }

    /// A complaint about a row.
    pub fn bad(&self, row: &Row, reason: impl Into<String>) -> BadRow {
        let pk = match &row.pk {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let what = format!("{} {pk}", row.model);
        BadRow { file: self.name.clone(), row: row.number, what, reason: reason.into() }
    }
}

fn unreadable(name: &str) -> impl Fn(&dyn fmt::Display) -> ImportError + use<> {
    let file = name.to_owned();
    move |cause| ImportError::Read { file: file.clone(), cause: cause.to_string() }
}

fn digest_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        context.update(&buffer[..read]);
    }
    Ok(context.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
}

/// Sends rows while the array is parsed.
struct Rows<'a> {
    sender: &'a mpsc::Sender<Result<Vec<Row>, ImportError>>,
    block: Vec<Row>,
    number: u64,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows, as dumpdata writes it")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut rows: A) -> Result<(), A::Error> {
        while let Some(Written { model, pk, fields }) = rows.next_element()? {
            self.number += 1;
            self.block.push(Row { number: self.number, model, pk, fields });
            if self.block.len() == ROWS {
                let block = std::mem::replace(&mut self.block, Vec::with_capacity(ROWS));
                if self.sender.blocking_send(Ok(block)).is_err() {
                    return Ok(());
                }
            }
        }
        let _ = self.sender.blocking_send(Ok(self.block));
        Ok(())
    }
}
