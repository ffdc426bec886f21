//! The audit trail over HTTP: pages of a thing's history, and the parameter `as_of`.

use axum::Json;
use chrono::TimeDelta;
use license_domain::{AuditEntry, EventId, EventKind, Subject, Timestamp};
use license_storage::{AuditQuery, AuditTrails, StoreError};

use crate::{
    ApiError, Complaints, CursorQuery, Field, PageQuery, Params,
    doc::{self, Doc, ResponseDoc, Shape},
    fields::rfc3339,
    wire::HistoryEntry,
};

/// How many entries a page has if the request does not say.
const PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 500;

/// How many entries one read of the store returns, at most.
const STEP: usize = 200;

/// How many reads of the store a request makes, at most. A page of rare entries may end early; `next` leads on.
const STEPS: usize = 10;

/// The documentation that every history route shares.
pub const DOC: &Doc = &Doc {
    summary: "Who changed it, when and why: the newest change first",
    query: &doc::HISTORY,
    body: &[],
    answers: &[
        ResponseDoc::new(
            200,
            "A page. With filters it may have fewer entries than asked for, or none, while `next` leads to more.",
            Shape::Of(doc::schema::<CursorQuery<HistoryEntry>>),
        ),
        ResponseDoc::new(400, "A filter that there is not.", Shape::Complaints),
    ],
};

/// The filters of a request for a history.
#[derive(Debug)]
struct Filter {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    kinds: Option<Vec<EventKind>>,
    actor: Option<String>,
}

impl Filter {
    fn read(params: &Params) -> Result<Self, ApiError> {
        Ok(Self {
            from: moment(params, &doc::FROM)?,
            until: moment(params, &doc::UNTIL)?,
            kinds: params.text(&doc::KIND).map(kinds).transpose()?,
            actor: params.text(&doc::ACTOR).map(str::to_owned),
        })
    }

    /// Whether there is no filter, so that each entry that is read is shown.
    const fn is_plain(&self) -> bool {
        self.kinds.is_none() && self.actor.is_none()
    }

    fn admits(&self, entry: &AuditEntry) -> bool {
        self.from.is_none_or(|from| entry.at >= from)
            && self.until.is_none_or(|until| entry.at < until)
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&entry.kind))
            && self.actor.as_ref().is_none_or(|actor| entry.actor.as_ref() == Some(actor))
    }
}

/// The page of a trail that the request names.
pub async fn page(
    audit_trails: &dyn AuditTrails,
    subject: Subject,
    query: &PageQuery,
) -> Result<Json<CursorQuery<HistoryEntry>>, ApiError> {
    let filter = Filter::read(query.params())?;
    let size = query.size(PAGE_SIZE, MAX_PAGE_SIZE);
    let mut before = match query.cursor()? {
        Some(cursor) => Some(cursor.parse::<EventId>().map_err(|_| ApiError::invalid_page())?),
        None => None,
    };
    // Ids have milliseconds: the last one may hold entries from before and after `until`.
    let until = filter.until.and_then(|until| until.checked_add_signed(TimeDelta::milliseconds(1)));
    let mut shown: Vec<HistoryEntry> = Vec::new();
    for _ in 0..STEPS {
        // One entry more than is shown is read, to know whether there is a next page.
        let limit = if filter.is_plain() { STEP.min(size + 1 - shown.len()) } else { STEP };
        let asked = AuditQuery { from: filter.from, until, before, limit: Some(limit) };
        let entries = audit_trails.trail(subject, asked).await?;
        let is_end = entries.len() < limit;
        for entry in entries {
            let is_admitted = filter.admits(&entry);
            if is_admitted && shown.len() == size {
                return Ok(walk(query, before, shown));
            }
            before = Some(entry.event);
            shown.extend(is_admitted.then(|| HistoryEntry::new(entry)));
        }
        if is_end {
            return Ok(walk(query, None, shown));
        }
    }
    Ok(walk(query, before, shown))
}

fn walk(query: &PageQuery, before: Option<EventId>, shown: Vec<HistoryEntry>) -> Json<CursorQuery<HistoryEntry>> {
    Json(CursorQuery::new(query, before.map(|event| event.to_string()).as_deref(), shown))
}

/// The time in `as_of`, if there is one; 400 if it is malformed or in the future.
pub fn as_of(params: &Params, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    match moment(params, &doc::AS_OF)? {
        Some(at) if at > now => Err(complaint(&doc::AS_OF, "This time is yet to come.")),
        at => Ok(at),
    }
}

/// What changed after that time, the newest change first.
pub async fn since(
    audit_trails: &dyn AuditTrails,
    subject: Subject,
    at: Timestamp,
) -> Result<Vec<AuditEntry>, StoreError> {
    let mut entries = audit_trails.trail(subject, AuditQuery { from: Some(at), ..AuditQuery::default() }).await?;
    entries.retain(|entry| entry.at > at);
    Ok(entries)
}

/// The moment that a parameter names, if it is there; 400 if it is none.
pub fn moment(params: &Params, parameter: &Field) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = params.text(parameter) else { return Ok(None) };
    let wrong = || complaint(parameter, "Datetime has wrong format. Use YYYY-MM-DDThh:mm:ss[.uuuuuu]Z instead.");
    rfc3339(text).map(Some).ok_or_else(wrong)
}

fn kinds(text: &str) -> Result<Vec<EventKind>, ApiError> {
    let kind = |name: &str| EventKind::ALL.iter().copied().find(|kind| kind.as_str() == name.trim());
    text.split(',').map(|name| kind(name).ok_or_else(|| complaint(&doc::KIND, "Unknown kind of change."))).collect()
}

fn complaint(parameter: &Field, text: &str) -> ApiError {
    Complaints::of(parameter.name, text).into()
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn body<T>(result: Result<T, ApiError>) -> Option<String> {
        match result {
            Err(ApiError::Refused(StatusCode::BAD_REQUEST, body)) => {
                body.as_object().and_then(|fields| fields.keys().next().cloned())
            }
            _ => None,
        }
    }

    #[test]
    fn unknown_filters_are_refused_by_name() {
        for (query, field) in [
            ("from=yesterday", Some("from")),
            ("until=2026-01-01", Some("until")),
            ("from=9999-12-31T23:59:59-01:00", Some("from")),
            ("until=0000-01-01T00:00:00Z", Some("until")),
            ("kind=licenses-assigned,nothing", Some("kind")),
            ("from=&until=&kind=&actor=", None),
            ("from=2026-01-01T00:00:00%2B01:00&kind=plan-created,%20plan-updated", None),
        ] {
            assert_eq!(body(Filter::read(&Params::parse(query))).as_deref(), field, "{query}");
        }
    }

    #[test]
    fn a_time_in_the_future_is_refused() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a moment");
        let at = |text: &str| as_of(&Params::parse(text), now);
        assert_eq!(at("as_of=2026-01-01T00:00:00Z").expect("the present"), Some(now));
        assert_eq!(at("").expect("nothing"), None);
        assert_eq!(body(at("as_of=2026-01-01T00:00:00.000001Z")).as_deref(), Some("as_of"));
        assert_eq!(body(at("as_of=junk")).as_deref(), Some("as_of"));
    }
}
