//! `GET /api/v1/subscriptions/{plan}/licenses/csv/`: the licenses that have or had a learner, as CSV for a spreadsheet
//! (RFC 4180, UTF-8). Free seats are left out; without any other license the body is empty. If the CSV does not fit
//! into a Lambda response, it is stored in a bucket: 303 with a link that is valid for a quarter of an hour.
//!
//! ```text
//! activation_date,activation_link,last_remind_date,status,user_email
//! 2026-02-03T00:00:00Z,https://…/acme/licenses/2222…/activate,,activated,ann@example.com
//! ```

use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use license_api::{
    ADMINS, ApiError, Doc, Requester, RequiredPermission, Route, RouteAccess,
    doc::{ResponseDoc, Shape},
    id, wire,
};
use license_clients::{ClientError, FileWriter, Written};
use license_csv::CsvTable;
use license_domain::number::to_usize;
use license_domain::{EmailAddress, License, LicenseStatus, PlanId, SubscriptionPlan};
use license_storage::{LicenseFilter, LicenseQuery, StoreError};

use crate::{Context, plan};

/// The licenses as a table.
pub const ROUTE: Route = Route {
    method: "GET",
    path: "/api/v1/subscriptions/{plan}/licenses/csv/",
    access: RouteAccess::Roles { roles: ADMINS, listing: false, missing: RequiredPermission::Admin },
    doc: &Doc {
        summary: "A plan's licenses as a table",
        query: &[],
        body: &[],
        answers: &[
            ResponseDoc::new(200, "CSV (RFC 4180) with a header; without free seats.", Shape::Csv),
            ResponseDoc::new(303, "The CSV is too large for a response: `Location` leads to a file.", Shape::Nothing),
        ],
    },
};

/// How many licenses one step reads.
const PAGE: usize = 5_000;

const COLUMNS: [&str; 5] = ["activation_date", "activation_link", "last_remind_date", "status", "user_email"];

pub async fn handle(
    State(context): State<Context>,
    requester: Requester,
    Path(plan): Path<String>,
) -> Result<Response, ApiError> {
    let plan: PlanId = id(&plan)?;
    plan::require_some_role(&requester)?;
    let portfolio = context.portfolios.portfolio_of_plan(plan).await?;
    plan::require(&requester, portfolio.as_ref())?;
    let (portfolio, plan) = plan::found(portfolio.as_ref(), plan)?;

    let taken = LicenseStatus::ALL.iter().copied().filter(|status| *status != LicenseStatus::Unassigned).collect();
    let filter = LicenseFilter { statuses: Some(taken), ..LicenseFilter::default() };
    let slug = portfolio.agreement.enterprise_customer_slug.as_deref();
    let links = slug.map(|slug| format!("{}/{slug}/licenses", context.portal.0));
    let name = format!("exports/{}/{}.csv", plan.uuid, context.app.random().uuid());
    let mut file = FileWriter::new(context.exports.as_ref(), name.clone()).unless_small(context.csv_limit.0);
    let written = write_all(&context, plan, filter, links.as_deref(), &mut file).await;
    match file.end(written).await.map_err(ApiError::from)? {
        Written::Small(csv) => Ok(([(header::CONTENT_TYPE, "text/csv")], csv).into_response()),
        Written::File => {
            let link = context.exports.link(&name).await.map_err(Failure::from)?;
            let headers = [(header::LOCATION, link), (header::CACHE_CONTROL, "no-store".to_owned())];
            Ok((StatusCode::SEE_OTHER, headers).into_response())
        }
    }
}

/// Why there is no CSV.
enum Failure {
    Store(StoreError),
    Files(ClientError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Files(error)
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error.into(),
            Failure::Files(error) => {
                let (cause, retryable) = (error.to_string(), error.is_retryable());
                Self::Upstream { service: "file store", cause, retryable }
            }
        }
    }
}

/// Writes the CSV of the plan's licenses while they are read; links begin with `links`. Without licenses it is empty
/// and has no header.
async fn write_all(
    context: &Context,
    plan: &SubscriptionPlan,
    filter: LicenseFilter,
    links: Option<&str>,
    file: &mut FileWriter<'_>,
) -> Result<(), Failure> {
    let count: u64 = context.licenses.count(plan, &filter).await?.iter().map(|(_, count)| count).sum();
    // A small plan is read in one step, with room for licenses that are added in between.
    let limit = to_usize(count).saturating_add(100).min(PAGE);
    let mut query = LicenseQuery { filter, limit, ..LicenseQuery::default() };
    let mut table = None;
    loop {
        let page = context.licenses.list(plan, &query).await?;
        let Some(last) = page.last() else { return Ok(()) };
        query.after = Some(context.licenses.position_behind(last));
        let table = table.get_or_insert_with(new_table);
        add(table, &page, links);
        file.write(&table.take()).await?;
        if page.len() < limit {
            return Ok(());
        }
    }
}

type Table = CsvTable<Vec<u8>, { COLUMNS.len() }>;

fn new_table() -> Table {
    CsvTable::new(Vec::new(), COLUMNS).expect("a vector takes every byte")
}

fn add(table: &mut Table, licenses: &[License], links: Option<&str>) {
    for license in licenses {
        let date = |date: Option<_>| date.map(wire::timestamp).unwrap_or_default();
        let (activated, reminded) = (date(license.activation_date), date(license.last_remind_date));
        let link = links.zip(license.activation_key).map(|(links, key)| format!("{links}/{key}/activate"));
        let cells = [
            activated.as_str(),
            link.as_deref().unwrap_or(""),
            reminded.as_str(),
            license.status.as_str(),
            license.user_email.as_ref().map_or("", EmailAddress::as_given),
        ];
        table.row(cells).expect("a vector takes every byte");
    }
}

#[cfg(test)]
mod tests {
    use license_domain::{ActivationKey, LicenseId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn rows_end_with_crlf_and_cells_are_quoted_or_marked_as_text() {
        let now = "2026-11-23T10:46:08.000120Z".parse().expect("a date");
        let seat = License::unassigned(LicenseId(Uuid::nil()), PlanId(Uuid::nil()), now);
        let email = EmailAddress::on_record("=\"a,b\"@x.example");
        let assigned = seat.assign(email, ActivationKey(Uuid::nil()), now).expect("a free seat");
        let activated = assigned.activate(None, now).expect("assigned").expect("a change");
        let revoked = License { user_email: None, activation_key: None, ..assigned.revoke(now).expect("live") };
        let mut table = new_table();
        add(&mut table, &[activated, revoked], Some("https://learn.example/acme/licenses"));
        assert_eq!(
            table.into_text(),
            "activation_date,activation_link,last_remind_date,status,user_email\r\n\
             2026-11-23T10:46:08.000120Z,https://learn.example/acme/licenses/00000000-0000-0000-0000-000000000000/\
             activate,2026-11-23T10:46:08.000120Z,activated,\"'=\"\"a,b\"\"@x.example\"\r\n\
             ,,2026-11-23T10:46:08.000120Z,revoked,\r\n"
        );
    }
}
