//! Middleware that runs before every handler: it authenticates the requester once, counts the request, and looks up the
//! idempotency record if the request has a key. These reads run at the same time as the handler's first read.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::future::{Either, select};
use license_domain::Principal;

use crate::{
    AppState, RouteAccess, idempotency,
    throttle::{CountedBy, Pass, Throttled},
};

/// The principal of a verified token.
#[derive(Clone, Debug)]
pub(crate) struct Authenticated(pub Principal);

/// The count of this request. A change waits until the count allows it.
#[derive(Clone)]
pub(crate) struct Counted(pub Pass);

/// Authenticates the requester of a path and counts the request.
pub(crate) async fn authenticate(
    State((web, access)): State<(AppState, RouteAccess)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let principal = match access {
        RouteAccess::Anyone { .. } => None,
        // An invalid token is not refused here but in the handler, when it extracts its requester.
        _ => web.authenticator().principal(&parts, web.now()).await.ok(),
    };
    let counted = match access {
        RouteAccess::Anyone { is_counted: false } => None,
        _ => count(&web, &parts, principal.as_ref()),
    };
    if let Some(principal) = &principal {
        parts.extensions.insert(Authenticated(principal.clone()));
    }
    let Some(counted) = counted else {
        return idempotency::run(&web, principal.as_ref(), Request::from_parts(parts, body), next).await;
    };
    parts.extensions.insert(Counted(counted.clone()));
    let handled = std::pin::pin!(idempotency::run(&web, principal.as_ref(), Request::from_parts(parts, body), next));
    // A request that is refused here has changed nothing: changes wait for the count.
    let (response, standing) = match select(handled, counted.clone()).await {
        Either::Left((response, _)) => (response, counted.await),
        Either::Right((Err(throttled), _)) => return throttled.into_response(),
        Either::Right((Ok(standing), handled)) => (handled.await, Ok(standing)),
    };
    match standing {
        Ok(standing) => {
            let mut response = response;
            standing.add_headers(&mut response);
            response
        }
        Err(throttled) => throttled.into_response(),
    }
}

/// Counts a request to an unknown path, and responds with `page` if the count allows it: a client that guesses paths is
/// limited like every other client.
pub(crate) async fn count_unknown(web: AppState, request: Request, page: fn() -> Response) -> Response {
    let (parts, _) = request.into_parts();
    let principal = web.authenticator().principal(&parts, web.now()).await.ok();
    let Some(counted) = count(&web, &parts, principal.as_ref()) else { return page() };
    match counted.await {
        Ok(standing) => {
            let mut response = page();
            standing.add_headers(&mut response);
            response
        }
        Err(throttled) => throttled.into_response(),
    }
}

/// Counts a request for a page of the console.
pub(crate) async fn count_page(web: &AppState, parts: &Parts, username: Option<&str>) -> Result<(), Throttled> {
    let who = match username {
        Some(username) => CountedBy::User(username),
        None => CountedBy::Address(address(&parts.headers, web.settings().trusted_proxies)),
    };
    match web.throttle().ask(who, web.now()) {
        Some(counted) => counted.await.map(|_| ()),
        None => Ok(()),
    }
}

fn count(web: &AppState, parts: &Parts, principal: Option<&Principal>) -> Option<Pass> {
    let who = match principal {
        Some(principal) => CountedBy::User(&principal.username),
        None => CountedBy::Address(address(&parts.headers, web.settings().trusted_proxies)),
    };
    web.throttle().ask(who, web.now())
}

/// The address that the request came from. API Gateway puts the one that it saw last; each trusted proxy before it has
/// put the one that it saw before that. A client can forge what is further left.
fn address(headers: &HeaderMap, trusted_proxies: usize) -> &str {
    let lists = headers.get_all("x-forwarded-for").iter().rev().filter_map(|value| value.to_str().ok());
    let hops = lists.flat_map(|list| list.rsplit(',')).map(str::trim).filter(|hop| !hop.is_empty());
    // Fewer addresses than expected: the request did not pass all proxies. The leftmost one is the best that is known.
    hops.take(trusted_proxies.saturating_add(1)).last().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_client_address_is_the_one_before_the_trusted_proxies() {
        let of = |lines: &[&'static str], proxies| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            address(&headers, proxies).to_owned()
        };
        let through_one = &["made up, 203.0.113.7, 130.176.0.1"];
        assert_eq!(of(through_one, 0), "130.176.0.1");
        assert_eq!(of(through_one, 1), "203.0.113.7");
        assert_eq!(of(&["made up, 203.0.113.7", "130.176.0.1"], 1), "203.0.113.7");
        assert_eq!(of(&["2001:db8::7, 130.176.0.1,10.0.0.1"], 2), "2001:db8::7");
        assert_eq!(of(&["203.0.113.7"], 3), "203.0.113.7");
        assert_eq!(of(&[], 1), "unknown");
    }
}
