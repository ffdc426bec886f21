//! Rate limits for each requester, by second and by minute. Requests are counted in the table, and so over all
//! instances. The count runs at the same time as the first read; a change waits for it.
//!
//! Each counted request is one update of a small item: one write unit. The counts are exact for each second and minute
//! of the clock; a burst at the border of two minutes can reach twice the limit. A requester who is over a limit is
//! cached until the minute (or second) ends, and further requests cost no write. If the table fails, no request is
//! refused.

use std::sync::Arc;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::future::{BoxFuture, FutureExt, Shared};
use license_cache::ExpiringCache;
use license_domain::Timestamp;
use license_storage::{RequestCount, RequesterRecords};
use license_telemetry::metrics;

use crate::{ApiError, digest::digest};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The limits; a limit that is not set does not apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests without a valid token from one address, in a minute.
    pub anonymous_per_minute: Option<u64>,
    /// Requests of one user in a second.
    pub user_per_second: Option<u64>,
    /// Requests of one user in a minute.
    pub user_per_minute: Option<u64>,
    /// Users without limits.
    pub exempt: Vec<String>,
}

/// The requester whose requests are counted together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CountedBy<'a> {
    User(&'a str),
    /// Requests without a valid token, by the client's address.
    Address(&'a str),
}

/// How much of the limits is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The limit and the requests left, if requests are counted by the minute.
    minute: Option<(u64, u64)>,
    /// Seconds until the minute ends.
    reset: i64,
}

/// A request over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// Seconds to wait.
    wait: i64,
    /// The limit that was reached.
    limit: u64,
}

/// The result of the count, which several tasks can wait for.
pub(crate) type Pass = Shared<BoxFuture<'static, Result<Standing, Throttled>>>;

/// Counts requests and compares them with the limits.
pub(crate) struct Throttle {
    limits: RateLimits,
    requesters: Arc<dyn RequesterRecords>,
    refused: Arc<Refused>,
}

impl Throttle {
    pub(crate) fn new(limits: RateLimits, requesters: Arc<dyn RequesterRecords>) -> Self {
        Self { limits, requesters, refused: Arc::default() }
    }

    /// Counts one request when the result is awaited. `None` if no limit applies.
    pub(crate) fn ask(&self, who: CountedBy<'_>, now: Timestamp) -> Option<Pass> {
        let (name, second, minute) = match who {
            CountedBy::User(name) if self.limits.exempt.iter().any(|exempt| exempt == name) => return None,
            CountedBy::User(name) => (format!("user {name}"), self.limits.user_per_second, self.limits.user_per_minute),
            CountedBy::Address(address) => (format!("address {address}"), None, self.limits.anonymous_per_minute),
        };
        if second.is_none() && minute.is_none() {
            return None;
        }
        let requester = digest(&[name.as_bytes()]);
        if let Some(throttled) = still_refused(&self.refused, &requester, now) {
            return Some(std::future::ready(Err(throttled)).boxed().shared());
        }
        let (requesters, refused) = (self.requesters.clone(), self.refused.clone());
        let count = async move {
            let counted = match requesters.count(&requester, now).await {
                Ok(counted) => counted,
                Err(error) => {
                    tracing::warn!(cause = %error, "the request could not be counted, and is let through");
                    metrics::count("ThrottleUnavailable", &[]);
                    return Ok(Standing::default());
                }
            };
            let standing = judge(counted, second, minute, now);
            if let Err(throttled) = standing {
                metrics::count("Throttled", &[]);
                refuse(&refused, requester, now, throttled);
            }
            standing
        };
        Some(count.boxed().shared())
    }
}

fn judge(
    counted: RequestCount,
    second: Option<u64>,
    minute: Option<u64>,
    now: Timestamp,
) -> Result<Standing, Throttled> {
    let reset = 60 - now.timestamp().rem_euclid(60);
    if let Some(limit) = minute.filter(|limit| counted.in_minute > *limit) {
        return Err(Throttled { wait: reset, limit });
    }
    if let Some(limit) = second.filter(|limit| counted.in_second > *limit) {
        return Err(Throttled { wait: 1, limit });
    }
    Ok(Standing { minute: minute.map(|limit| (limit, limit - counted.in_minute)), reset })
}

/// Requesters over a limit, until the end of the second or minute.
type Refused = ExpiringCache<String, (Timestamp, Throttled)>;

fn still_refused(refused: &Refused, requester: &str, now: Timestamp) -> Option<Throttled> {
    let (until, throttled) = refused.get(requester, now)?;
    Some(Throttled { wait: (until - now).num_seconds().max(1), ..throttled })
}

fn refuse(refused: &Refused, requester: String, now: Timestamp, throttled: Throttled) {
    // Windows begin with whole seconds of the clock.
    let until = Timestamp::from_timestamp(now.timestamp() + throttled.wait, 0).expect("a time of this century");
    refused.put(requester, (until, throttled), now, until);
}

impl Standing {
    /// Adds the limit's headers to a response.
    pub(crate) fn add_headers(self, response: &mut Response) {
        if let Some((limit, left)) = self.minute {
            add_limit(response, limit, left, self.reset);
        }
    }
}

fn add_limit(response: &mut Response, limit: u64, left: u64, reset: i64) {
    let headers = response.headers_mut();
    headers.insert(LIMIT, HeaderValue::from(limit));
    headers.insert(REMAINING, HeaderValue::from(left));
    headers.insert(RESET, HeaderValue::from(reset));
}

impl From<Throttled> for ApiError {
    fn from(throttled: Throttled) -> Self {
        let wait = throttled.wait;
        let plural = if wait == 1 { "" } else { "s" };
        let detail = format!("Request was throttled. Expected available in {wait} second{plural}.");
        Self::detail(StatusCode::TOO_MANY_REQUESTS, detail)
    }
}

impl IntoResponse for Throttled {
    fn into_response(self) -> Response {
        let mut response = ApiError::from(self).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(self.wait));
        add_limit(&mut response, self.limit, 0, self.wait);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_counts_before_the_second_and_both_exactly() {
        let at = |second: i64| Timestamp::from_timestamp(1_795_430_760 + second, 0).expect("a moment");
        let counted = |in_second, in_minute| RequestCount { in_second, in_minute };
        let left = |counted, now| judge(counted, Some(2), Some(5), now).map(|standing| standing.minute);
        assert_eq!(left(counted(2, 5), at(8)), Ok(Some((5, 0))));
        assert_eq!(left(counted(3, 4), at(8)), Err(Throttled { wait: 1, limit: 2 }));
        assert_eq!(left(counted(3, 6), at(8)), Err(Throttled { wait: 52, limit: 5 }));
        assert_eq!(judge(counted(900, 900), None, None, at(0)), Ok(Standing { minute: None, reset: 60 }));
    }
}
