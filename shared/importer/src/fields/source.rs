//! The sources of licenses.

use license_domain::{LicenseId, LicenseSource, license::SOURCE_TYPE_AMT};
use serde::{Deserialize, Serialize};

use super::{Reading, WrittenRow, fields, key, model};
use crate::dump::Row;

/// The source of a license.
#[derive(Debug, Deserialize, Serialize)]
pub struct SourceOf {
    pub license: LicenseId,
    pub source_id: String,
    /// The key of the kind of source.
    pub source_type: i64,
}

pub fn source(row: &Row) -> Reading<SourceOf> {
    fields(row)
}

#[derive(Deserialize, Serialize)]
struct SourceTypeFields {
    #[serde(default)]
    name: String,
    slug: String,
}

/// A kind of source: its key and slug.
pub fn source_type(row: &Row) -> Reading<(i64, String)> {
    Ok((key(&row.pk)?, fields::<SourceTypeFields>(row)?.slug))
}

/// The row of a license's source.
pub fn source_row(pk: u64, license: LicenseId, source: &LicenseSource, source_type: i64) -> WrittenRow<u64, SourceOf> {
    let fields = SourceOf { license, source_id: source.source_id.clone(), source_type };
    WrittenRow { model: model::SOURCE, pk, fields }
}

/// The row of a kind of source.
pub fn source_type_row(pk: i64, slug: &str) -> WrittenRow<i64, impl Serialize + use<>> {
    // The name of the one kind that every installation has.
    let name = if slug == SOURCE_TYPE_AMT { "Application Management Technology" } else { slug };
    let fields = SourceTypeFields { name: name.to_owned(), slug: slug.to_owned() };
    WrittenRow { model: model::SOURCE_TYPE, pk, fields }
}
