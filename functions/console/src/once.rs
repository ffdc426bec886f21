//! Forms that change something once: the page of a confirmation gives its form a key, and what the key has done is on record.

use license_api::{
    ApiError, Requester,
    idempotency::{FormRequest, of_form},
};

use crate::{Context, form::Form, guard::Operator};

/// The field with the key.
pub const KEY: &str = "key";

/// The field with the reason.
pub const REASON: &str = "reason";

/// The most characters of a reason.
pub const MAX_REASON: usize = 255;

/// What is said where the reason is missing.
pub const NO_REASON: &str = "Enter a reason of up to 255 characters.";

/// A key for a new form, or the one that the form has already.
pub fn key(context: &Context, form: Option<&Form>) -> String {
    let known = form.and_then(|form| form.get(KEY)).map(str::to_owned);
    known.unwrap_or_else(|| format!("{:032x}", context.app.random().bits()))
}

/// The reason that the form names.
pub fn reason(form: &Form) -> Option<&str> {
    form.get(REASON).filter(|reason| reason.chars().count() <= MAX_REASON)
}

/// Makes the change of a form that was sent to that path, unless the same form has made it before: then the outcome on record
/// is what the change gets.
pub async fn once<T, F, Fut>(
    context: &Context,
    operator: &Operator,
    (path, form): (&str, &Form),
    reason: &str,
    change: F,
) -> Result<T, ApiError>
where
    F: Fn(Requester) -> Fut,
    Fut: Future<Output = Result<T, ApiError>>,
{
    let sent = form.content();
    let request = FormRequest {
        person: &operator.person,
        request_id: &operator.request_id,
        key: form.get(KEY).unwrap_or_default(),
        content: &[path.as_bytes(), sent.as_bytes()],
        reason,
    };
    of_form(&context.app, request, change).await
}
