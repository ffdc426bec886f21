//! `GET /api/v1/jobs/{job}/results/`: what became of each row, so far: pages as JSON, walked by `next`, or all of it as
//! CSV (`?format=csv`, or by `Accept`).

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use license_api::{
    ADMINS, ApiError, CursorQuery, Doc, PageQuery, Params, Requester, RequiredPermission, Route, RouteAccess,
    doc::{self, ResponseDoc, Shape},
};
use license_domain::RowResult;
use license_work::{results, results_csv};

use crate::{Context, find, response::ShownRow, upstream};

/// The results.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/jobs/{job}/results/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "What became of a job's rows",
        query: &[doc::CURSOR, doc::FORMAT],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "A page,", Shape::Of(doc::schema::<CursorQuery<ShownRow>>)),
            ResponseDoc::new(200, "or the whole table.", Shape::Csv),
            ResponseDoc::new(303, "The table is too large for an answer: `Location` leads to a file.", Shape::Nothing),
        ],
    },
};

/// How many chunks a page is made of.
const CHUNKS: u64 = 5;

/// How many are read at once for the whole table.
const CHUNKS_AT_ONCE: u64 = 50;

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(job): Path<String>,
    params: Params,
    page: PageQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let job = find(&context, &requester, &job).await?;
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if params.get(&doc::FORMAT) == Some("csv") || accepts.starts_with("text/csv") {
        let mut all: Vec<RowResult> = Vec::new();
        let mut from = 0;
        while from < job.chunks {
            let to = job.chunks.min(from + CHUNKS_AT_ONCE);
            all.extend(results(context.jobs.as_ref(), &job, from, to).await?);
            from = to;
        }
        let csv = results_csv(&all);
        if csv.len() > context.csv_limit.0 {
            let name = format!("exports/{}/{}.csv", job.uuid, context.app.random().uuid());
            let link = context.exports.publish(&name, csv).await.map_err(|error| upstream(&error))?;
            let headers = [(header::LOCATION, link), (header::CACHE_CONTROL, "no-store".to_owned())];
            return Ok((StatusCode::SEE_OTHER, headers).into_response());
        }
        return Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv).into_response());
    }
    let from: u64 = match page.cursor()? {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| ApiError::invalid_page())?,
    };
    let to = from.saturating_add(CHUNKS).min(job.chunks.max(from));
    let shown = results(context.jobs.as_ref(), &job, from, to).await?.into_iter().map(ShownRow::from).collect();
    let next = (to < job.chunks).then(|| to.to_string());
    Ok(Json(CursorQuery::new(&page, next.as_deref(), shown)).into_response())
}
