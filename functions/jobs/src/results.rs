//! `GET /api/v1/jobs/{job}/results/`: the outcomes of the rows so far, as pages of JSON with `next`, or all of them as
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
use license_clients::{FileWriter, Written};
use license_domain::Job;
use license_work::{ResultsTable, WorkError, results, write_results};

use crate::{Context, find, response::ShownRow, upstream};

pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/jobs/{job}/results/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "List the outcomes of a job's rows",
        query: &[doc::CURSOR, doc::FORMAT],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "A page,", Shape::Of(doc::schema::<CursorQuery<ShownRow>>)),
            ResponseDoc::new(200, "or the whole table.", Shape::Csv),
            ResponseDoc::new(303, "The CSV is too large for a response: `Location` leads to a file.", Shape::Nothing),
        ],
    },
};

/// How many chunks a page is made of.
const CHUNKS: u64 = 5;

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
        return table(&context, &job).await;
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

/// The whole CSV: the response itself, or a file if it is too large for that.
async fn table(context: &Context, job: &Job) -> Result<Response, ApiError> {
    let name = format!("exports/{}/{}.csv", job.uuid, context.app.random().uuid());
    let mut file = FileWriter::new(context.exports.as_ref(), name.clone()).unless_small(context.csv_limit.0);
    let written = write_results(context.jobs.as_ref(), job, ResultsTable::Rows, &mut file).await;
    match file.end(written).await.map_err(failed)? {
        Written::Small(csv) => Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv).into_response()),
        Written::File => {
            let link = context.exports.link(&name).await.map_err(|error| upstream(&error))?;
            let headers = [(header::LOCATION, link), (header::CACHE_CONTROL, "no-store".to_owned())];
            Ok((StatusCode::SEE_OTHER, headers).into_response())
        }
    }
}

fn failed(error: WorkError) -> ApiError {
    match error {
        WorkError::Store(error) => error.into(),
        WorkError::Client(error) => upstream(&error),
        error => ApiError::Upstream { service: "job", cause: error.to_string(), retryable: error.is_retryable() },
    }
}
