//! Adds Lambda's id of the invocation and X-Ray's id of the trace to every log line of an invocation.

use std::task::{Context, Poll};

use lambda_runtime::LambdaInvocation;
use tower::{Layer, Service};
use tracing::{Instrument, Span, instrument::Instrumented};

/// Gives each invocation a span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InvocationLayer;

impl<S> Layer<S> for InvocationLayer {
    type Service = InvocationService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InvocationService { inner }
    }
}

/// The service of [`InvocationLayer`].
#[derive(Clone, Debug)]
pub(crate) struct InvocationService<S> {
    inner: S,
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for InvocationService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let span = span(&invocation.context);
        // The span is also entered for the call itself, which may create spans or fail to read the event.
        span.in_scope(|| self.inner.call(invocation)).instrument(span)
    }
}

/// Spans are at the highest level, so that the ids are logged at every log level.
fn span(invocation: &lambda_runtime::Context) -> Span {
    let lambda_request_id = invocation.request_id.as_str();
    let trace_id = invocation.xray_trace_id.as_deref().and_then(trace_id);
    tracing::error_span!("invocation", lambda_request_id, trace_id)
}

/// The trace of a header such as `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
fn trace_id(header: &str) -> Option<&str> {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_is_the_headers_root() {
        assert_eq!(trace_id("Root=1-5759e988-bd86;Parent=53995c3f42cd8ad8;Sampled=1"), Some("1-5759e988-bd86"));
        assert_eq!(trace_id("Self=1-0-2; Root=1-5759e988-bd86"), Some("1-5759e988-bd86"));
        assert_eq!(trace_id("Sampled=0"), None);
    }
}
