//! Exports a table into a file, without starting the product.

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

/// The name of standard output.
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
    /// The file cannot be created.
    #[error("cannot write {}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
}

/// Exports the data of the folder together with that of the files; without a folder that of the files alone.
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

/// Exports a table of AWS, or of another DynamoDB at `endpoint`.
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

/// A file that gets its name only when it is complete. It contains addresses and keys of learners, so only its owner
/// may read it.
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
        // After the rename the old name does not exist.
        let _ = fs::remove_file(&self.path);
    }
}
