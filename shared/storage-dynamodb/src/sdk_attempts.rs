//! How often the SDK sent a call before it got a response: the effect of an earlier attempt is unknown.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};

/// Counts the attempts of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct SdkAttempts(Arc<AtomicU32>);

impl SdkAttempts {
    /// Whether the call was sent more than once.
    pub(crate) fn are_several(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

impl Intercept for SdkAttempts {
    fn name(&self) -> &'static str {
        "SdkAttempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
