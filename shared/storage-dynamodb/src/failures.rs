//! Classifies errors of the table: temporary or permanent. Keeps the service's message for the log, without what may
//! repeat personal data.

use std::fmt;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, transact_write_items::TransactWriteItemsError},
    types::CancellationReason,
};

use crate::{keys, table::Canceled};
use license_storage::StoreError;

/// The most characters of a message that are logged.
const MAX_MESSAGE: usize = 600;

/// From one of these words on, a message of DynamoDB repeats values.
const VALUES: [&str; 4] = ["AttributeValue", "{S:", "{N:", "{B:"];

/// Reads the reasons of a canceled transaction. They are in the order of its items. A failed condition is more
/// important than a conflict, because it would fail again.
pub(crate) fn cancellation<R>(error: SdkError<TransactWriteItemsError, R>) -> Canceled
where
    R: fmt::Debug + Send + Sync + 'static,
{
    const OPERATION: &str = "TransactWriteItems";
    let service = match error {
        SdkError::ServiceError(service) => service.into_err(),
        other => return Canceled::Store(classify(OPERATION, &other)),
    };
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = &service else {
        return match service.code() {
            Some("TransactionInProgressException" | "TransactionConflictException") => Canceled::Conflict,
            code => Canceled::Store(classify_code(OPERATION, code, describe(&service))),
        };
    };
    let reasons = cancelled.cancellation_reasons();
    let is = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
    if is("ConditionalCheckFailed") {
        let failed = |reason: &CancellationReason| {
            (reason.code() == Some("ConditionalCheckFailed"))
                .then(|| reason.item.clone().filter(|item| !item.is_empty()))
        };
        return Canceled::Conditions(reasons.iter().map(failed).collect());
    }
    if is("TransactionConflict") || is("ThrottlingError") || is("ProvisionedThroughputExceeded") {
        return Canceled::Conflict;
    }
    let described = |(at, reason): (usize, &CancellationReason)| {
        let code = reason.code().filter(|code| *code != "None")?;
        Some(format!("item {at}: {code}: {}", scrub(reason.message().unwrap_or_default())))
    };
    let described: Vec<String> = reasons.iter().enumerate().filter_map(described).collect();
    let cause = shorten(&format!("{}{}", described.join("; "), request_id(&service)));
    Canceled::Store(StoreError::Refused { operation: OPERATION, cause })
}

/// A request that the SDK could not build.
pub(crate) fn malformed(operation: &'static str, error: &dyn fmt::Display) -> StoreError {
    StoreError::Refused { operation, cause: scrub(&error.to_string()) }
}

/// Classifies an error as temporary or permanent. The service's code and message and the id of the request at AWS are
/// kept for the log.
pub fn classify<E, R>(operation: &'static str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + fmt::Debug,
    R: fmt::Debug,
{
    match error {
        SdkError::ServiceError(service) => {
            let error = service.err();
            classify_code(operation, error.code(), describe(error))
        }
        SdkError::ConstructionFailure(_) => {
            StoreError::Refused { operation, cause: "the request was not built".into() }
        }
        SdkError::TimeoutError(_) => StoreError::Unavailable { operation, cause: "timed out".into() },
        SdkError::DispatchFailure(failure) => {
            StoreError::Unavailable { operation, cause: format!("not sent: {failure:?}") }
        }
        SdkError::ResponseError(_) => StoreError::Unavailable { operation, cause: "the response was not read".into() },
        _ => StoreError::Unavailable { operation, cause: "unknown failure".into() },
    }
}

fn classify_code(operation: &'static str, code: Option<&str>, cause: String) -> StoreError {
    match code {
        Some(
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TransactionConflictException"
            | "InternalServerError"
            | "InternalFailure"
            | "ServiceUnavailable",
        )
        | None => StoreError::Unavailable { operation, cause },
        _ => StoreError::Refused { operation, cause },
    }
}

/// The service's code and message, and the request's id at AWS, which AWS's support needs.
fn describe(error: &impl ProvideErrorMetadata) -> String {
    let message = scrub(error.message().unwrap_or("no message"));
    shorten(&format!("{}: {message}{}", error.code().unwrap_or("no code"), request_id(error)))
}

fn request_id(error: &impl ProvideErrorMetadata) -> String {
    error.meta().request_id().map(|id| format!(" (AWS request id {id})")).unwrap_or_default()
}

/// A message without what may be personal data: it is cut where it begins to repeat values, a personal key, or an
/// address.
pub(crate) fn scrub(message: &str) -> String {
    let personal = VALUES.into_iter().chain(keys::PERSONAL_PREFIXES).filter_map(|mark| message.find(mark));
    let address = message.find('@').map(|at| {
        let is_edge = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | '<' | '[' | ',' | '=' | ':');
        message[..at].rfind(is_edge).map_or(0, |edge| edge + 1)
    });
    match personal.chain(address).min() {
        Some(end) => shorten(&format!("{}…", message.get(..end).unwrap_or_default())),
        None => shorten(message),
    }
}

fn shorten(text: &str) -> String {
    if text.chars().nth(MAX_MESSAGE).is_none() {
        return text.to_owned();
    }
    text.chars().take(MAX_MESSAGE).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{
        error::ErrorMetadata, operation::get_item::GetItemError, types::error::TransactionCanceledException,
    };

    use super::*;

    const DENIED: &str = "User: arn:aws:sts::111122223333:assumed-role/Licenses/licenses is not authorized to perform: \
                          dynamodb:PutItem on resource: arn:aws:dynamodb:eu-central-1:111122223333:table/T";

    fn metadata(code: &str, message: &str) -> ErrorMetadata {
        ErrorMetadata::builder().code(code).message(message).custom("aws_request_id", "4KBNVR").build()
    }

    fn words(cancelled: Canceled) -> String {
        match cancelled {
            Canceled::Store(error) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_services_own_words_are_kept_for_the_log() {
        let error = GetItemError::generic(metadata("AccessDeniedException", DENIED));
        let error = classify("GetItem", &SdkError::service_error(error, ()));
        assert_eq!(
            error.to_string(),
            format!("the table refused GetItem: AccessDeniedException: {DENIED} (AWS request id 4KBNVR)")
        );
        let error = TransactWriteItemsError::generic(metadata("AccessDeniedException", DENIED));
        assert_eq!(
            words(cancellation(SdkError::service_error(error, ()))),
            format!("the table refused TransactWriteItems: AccessDeniedException: {DENIED} (AWS request id 4KBNVR)")
        );
    }

    #[test]
    fn a_canceled_transaction_tells_which_item_was_refused_and_why() {
        let reason = |code: &str, message: Option<&str>| {
            CancellationReason::builder().code(code).set_message(message.map(str::to_owned)).build()
        };
        let too_large = "Item size has exceeded the maximum allowed size";
        let cancelled = TransactionCanceledException::builder()
            .cancellation_reasons(reason("None", None))
            .cancellation_reasons(reason("ValidationError", Some(too_large)))
            .meta(metadata("TransactionCanceledException", "Transaction cancelled"))
            .build();
        let error = TransactWriteItemsError::TransactionCanceledException(cancelled);
        assert_eq!(
            words(cancellation(SdkError::service_error(error, ()))),
            format!(
                "the table refused TransactWriteItems: item 1: ValidationError: {too_large} (AWS request id 4KBNVR)"
            )
        );
    }

    #[test]
    fn no_message_names_a_person() {
        for (message, left) in [
            ("lower bound operand: AttributeValue: {S:ann@example.com}, upper", "lower bound operand: …"),
            ("duplicate key LEARNER#ann@example.com / LICENSE#1", "duplicate key …"),
            ("no alias LMS#7 / EMAIL#ann@example.com", "no alias …"),
            ("invalid type: string \"ann@example.com\", expected u64", "invalid type: string \"…"),
            ("the key PLAN#1 / @ is malformed", "the key PLAN#1 / …"),
            ("Requested resource not found", "Requested resource not found"),
        ] {
            assert_eq!(scrub(message), left);
        }
        assert_eq!(scrub(&"x".repeat(5_000)).chars().count(), MAX_MESSAGE + 1);
    }
}
