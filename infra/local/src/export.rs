//! Exporting a table into a file, without starting the product.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use license_importer::{ExportError, ExportReport, Exporter, Progress};
use license_storage_dynamodb::Store;
use license_telemetry::{SystemClock, SystemRandom};
use license_template::Template;

use crate::{StartError, engine::Engine, import, table};

/// The name that stands for standard output.
pub const STANDARD_OUTPUT: &str = "-";

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine does not start, or a file was not imported.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The export failed.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The file cannot be made.
    #[error("cannot write {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Exports what the folder holds and what these files add to it, or what these files alone hold.
pub async fn from_engine(
    data: Option<&Path>,
    files: &[PathBuf],
    to: &Path,
    progress: Progress<'_>,
) -> Result<ExportReport, Error> {
    let engine = Engine::start(data).await?;
    let client = table::client(engine.url());
    table::create(&client, Template::embedded().map_err(StartError::from)?.table()).await.map_err(StartError::from)?;
    let store = Arc::new(Store::new(client, table::NAME, Arc::new(SystemClock), Arc::new(SystemRandom)));
    if !files.is_empty() {
        let bulk = engine.bulk()?;
        engine.load(true)?;
        let imported = import::into_engine(&store, bulk).import(files, progress).await;
        engine.load(false)?;
        imported.map_err(StartError::from)?;
    }
    let exported = from_store(&store, to, progress).await;
    engine.stop().await;
    exported
}

/// Exports a table of AWS, or of whatever serves DynamoDB at `endpoint`.
pub async fn from_table(
    table: &str,
    endpoint: Option<&str>,
    to: &Path,
    progress: Progress<'_>,
) -> Result<ExportReport, Error> {
    from_store(&import::connect(table, endpoint).await, to, progress).await
}

/// Exports that store's table; `-` is standard output.
pub async fn from_store(store: &Arc<Store>, to: &Path, progress: Progress<'_>) -> Result<ExportReport, Error> {
    let exporter = Exporter { portfolios: store.clone(), read: store.clone() };
    if to == Path::new(STANDARD_OUTPUT) {
        return Ok(exporter.export(io::stdout(), progress).await?);
    }
    let failed = |cause| Error::File { path: to.to_owned(), cause };
    let file = Unfinished::create(to).map_err(failed)?;
    let report = exporter.export(file.writer().map_err(failed)?, progress).await?;
    file.finish().map_err(failed)?;
    Ok(report)
}

/// A file that has its name only once it is whole. It holds addresses and keys of learners, so its owner alone reads it.
struct Unfinished<'a> {
    path: PathBuf,
    target: &'a Path,
}

impl<'a> Unfinished<'a> {
    fn create(target: &'a Path) -> io::Result<Self> {
        let mut name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let (path, mut options) = (target.with_file_name(name), OpenOptions::new());
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?;
        Ok(Self { path, target })
    }

    fn writer(&self) -> io::Result<impl Write + Send + use<>> {
        Ok(BufWriter::new(File::options().write(true).open(&self.path)?))
    }

    fn finish(self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, self.target)
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing to remove.
        let _ = fs::remove_file(&self.path);
    }
}
