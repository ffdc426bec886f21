//! Before every handler: who calls is found out once, the request is counted, and one that carries a key is looked up.
//! Whatever is asked for here is asked beside the handler's first read.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::future::{Either, select};
use license_domain::Principal;

use crate::{
    Grants, Web, once,
    throttle::{Pass, Who},
};

/// Who calls, by a token that was verified.
#[derive(Clone, Debug)]
pub(crate) struct Verified(pub Principal);

/// What a change waits for.
#[derive(Clone)]
pub(crate) struct Counted(pub Pass);

/// Where nothing is counted: monitors ask often.
const UNCOUNTED: &str = "/health/";

/// The gate of a path.
pub(crate) async fn pass(
    State((web, path, access)): State<(Web, &'static str, Grants)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let principal = match access {
        Grants::Anyone => None,
        // A refusal is the handler's to tell, in its own place.
        _ => web.authenticator().principal(&parts, web.now()).await.ok(),
    };
    let counted = if path == UNCOUNTED { None } else { count(&web, &parts, principal.as_ref()) };
    if let Some(principal) = &principal {
        parts.extensions.insert(Verified(principal.clone()));
    }
    let Some(counted) = counted else {
        return once::run(&web, principal.as_ref(), Request::from_parts(parts, body), next).await;
    };
    parts.extensions.insert(Counted(counted.clone()));
    let handled = std::pin::pin!(once::run(&web, principal.as_ref(), Request::from_parts(parts, body), next));
    // Whoever is refused has changed nothing: changes wait for the count.
    let (response, standing) = match select(handled, counted.clone()).await {
        Either::Left((response, _)) => (response, counted.await),
        Either::Right((Err(throttled), _)) => return throttled.into_response(),
        Either::Right((Ok(standing), handled)) => (handled.await, Ok(standing)),
    };
    match standing {
        Ok(standing) => {
            let mut response = response;
            standing.tell(&mut response);
            response
        }
        Err(throttled) => throttled.into_response(),
    }
}

fn count(web: &Web, parts: &Parts, principal: Option<&Principal>) -> Option<Pass> {
    let who = match principal {
        Some(principal) => Who::User(&principal.username),
        None => Who::Address(address(&parts.headers)),
    };
    web.throttle().ask(who, web.now())
}

/// The address that the request came from: API Gateway puts it last, behind whatever a client has made up.
fn address(headers: &HeaderMap) -> &str {
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    forwarded.and_then(|list| list.rsplit(',').next()).map_or("unknown", str::trim)
}
