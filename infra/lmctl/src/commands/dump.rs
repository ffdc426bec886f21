//! `lmctl import` and `lmctl export`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use license_importer::Importer;
use license_local::export;
use license_storage_dynamodb::BulkWriter;

use super::{Context, end_progress, progress};
use crate::{Error, Exit, Format};

pub(super) async fn import(
    context: &Context<'_>,
    files: &[PathBuf],
    out: &mut (dyn Write + Send),
) -> Result<Exit, Error> {
    let store = context.store;
    let importer = Importer {
        portfolios: store.clone(),
        bulk: Arc::new(BulkWriter::through(store.clone(), context.items.clone())),
        clock: store.clock().clone(),
    };
    let done = if context.global.dry_run {
        importer.check(files, &progress).await
    } else {
        importer.import(files, &progress).await
    };
    end_progress();
    let report = done?;
    if context.global.output == Format::Json {
        serde_json::to_writer_pretty(&mut *out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(out, "{}\n{report}", if context.global.dry_run { "Would import" } else { "Imported" })?;
    }
    Ok(Exit::Done)
}

pub(super) async fn export(context: &Context<'_>, file: &Path) -> Result<Exit, Error> {
    if context.global.dry_run {
        return Err(Error::Usage("an export changes nothing: leave --dry-run out".to_owned()));
    }
    let done = export::from_store(context.store, file, &progress).await;
    end_progress();
    eprint!("Exported to {}\n{}", file.display(), done?);
    Ok(Exit::Done)
}
