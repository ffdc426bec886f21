//! The embedded DynamoDB: it has the service's protocol on a loopback port. Tests may name another engine.

mod bulk;
mod limits;
mod stream;

use std::{
    fmt,
    fs::{File, TryLockError},
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dynoxide::Database;
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

use license_storage_dynamodb::PutItems;

pub(crate) use self::limits::Limited;
pub use self::stream::{IsRead, TableStream};
use self::{bulk::EngineBulk, stream::EngineStream};
use crate::StartError;

/// The file with the table.
const FILE: &str = "table.sqlite";

/// The file that a runner locks while it uses the folder.
const LOCK: &str = "lock";

/// A running engine. It stops when it is dropped.
pub struct Engine {
    url: String,
    kind: Kind,
}

enum Kind {
    Embedded {
        database: Database,
        /// The threads that it runs on.
        threads: Handle,
        /// Locks the folder for this runner; the system releases the lock when the process ends, for any reason.
        lock: Option<File>,
        /// Whether this start created its file.
        is_new: bool,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    },
    /// Another process serves it.
    Elsewhere(Arc<dyn TableStream>),
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts one on a free loopback port: in memory, or with its data in that folder.
    pub async fn start(data: Option<&Path>) -> Result<Self, StartError> {
        Self::start_at(data, crate::FREE_LOOPBACK_PORT).await
    }

    /// Starts one at that address: in memory, or with its data in that folder.
    pub async fn start_at(data: Option<&Path>, address: SocketAddr) -> Result<Self, StartError> {
        // This comes first, so that a port in use is reported before a file is created.
        let (listener, url) = crate::listen(address).await?;
        let failed = |error: &dyn fmt::Display| StartError::Engine(error.to_string());
        let (lock, (database, is_new)) = match data {
            Some(folder) => (Some(lock(folder)?), open(folder)?),
            None => (None, (in_memory().map_err(|error| failed(&error))?, true)),
        };
        let (stop, mut stopped) = watch::channel(false);
        let served = database.clone();
        let task = tokio::spawn(async move {
            let end = async move {
                // An error means that the engine was dropped, which also stops it.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            let _ = dynoxide::server::serve_with_shutdown(listener, served, end).await;
        });
        Ok(Self { url, kind: Kind::Embedded { database, threads: Handle::current(), lock, is_new, stop, task } })
    }

    /// An engine that another process serves at that URL, for instance AWS's own local edition, with its stream.
    pub fn elsewhere(url: impl Into<String>, stream: Arc<dyn TableStream>) -> Self {
        Self { url: url.into(), kind: Kind::Elsewhere(stream) }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its own bulk write; only the embedded engine has one.
    pub fn bulk(&self) -> Result<Arc<dyn PutItems>, StartError> {
        match &self.kind {
            Kind::Embedded { database, .. } => Ok(Arc::new(EngineBulk(database.clone()))),
            Kind::Elsewhere(_) => Err(StartError::Engine("imports need the embedded one".to_owned())),
        }
    }

    pub fn stream(&self) -> Arc<dyn TableStream> {
        match &self.kind {
            Kind::Embedded { database, threads, .. } => {
                Arc::new(EngineStream { database: database.clone(), threads: threads.clone() })
            }
            Kind::Elsewhere(stream) => stream.clone(),
        }
    }

    /// Makes large imports into a new file faster, until it is turned off. In the meantime a failure of the machine may
    /// destroy the file, which contains no older data. An existing file keeps its safety.
    pub fn load(&self, is_on: bool) -> Result<(), StartError> {
        let changed = match (&self.kind, is_on) {
            (Kind::Embedded { database, is_new: true, .. }, true) => database.enable_bulk_loading(),
            (Kind::Embedded { database, is_new: true, .. }, false) => database.disable_bulk_loading(),
            _ => return Ok(()),
        };
        changed.map_err(|error| StartError::Engine(error.to_string()))
    }

    /// Stops it, and waits until its file is closed.
    pub async fn stop(self) {
        if let Kind::Embedded { stop, task, lock, .. } = self.kind {
            stop.send_replace(true);
            let _ = tokio::time::timeout(crate::STOP_TIMEOUT, task).await;
            drop(lock);
        }
    }
}

/// In memory, with a name by which a second connection can open it.
fn in_memory() -> Result<Database, Box<dyn std::error::Error>> {
    static ENGINES: AtomicUsize = AtomicUsize::new(0);
    let number = ENGINES.fetch_add(1, Ordering::Relaxed);
    let name = format!("file:engine-{number}?mode=memory&cache=shared");
    let database = Database::new(&name)?;
    stream::keep_short(&name)?;
    Ok(database)
}

fn unusable(path: &Path, cause: String) -> StartError {
    StartError::Data { path: path.to_owned(), cause }
}

/// Creates the folder, and locks it for this process.
fn lock(folder: &Path) -> Result<File, StartError> {
    std::fs::create_dir_all(folder).map_err(|error| unusable(folder, error.to_string()))?;
    let path = folder.join(LOCK);
    // The file's content does not matter, only its lock.
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| unusable(&path, error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(unusable(&path, error.to_string())),
    }
}

fn open(folder: &Path) -> Result<(Database, bool), StartError> {
    let path = folder.join(FILE);
    let text = path.to_str().ok_or_else(|| unusable(&path, "the path is not text".to_owned()))?;
    let is_new = !path.exists();
    let database = Database::new(text).map_err(|error| unusable(&path, error.to_string()))?;
    stream::keep_short(text).map_err(|error| unusable(&path, error.to_string()))?;
    Ok((database, is_new))
}
