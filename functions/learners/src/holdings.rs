//! Every license that is the caller's: those of the token's address, and those that the LMS user holds under
//! another address. A token with another address means that the learner's address changed: the licenses follow
//! it, those of all customers.

use futures::{StreamExt, TryStreamExt, stream, try_join};
use license_api::Requester;
use license_domain::{EmailAddress, EmailKey, License, LmsUserId};
use license_storage::{Learners, StoreError};

/// How many addresses of one learner are looked up at once, at most.
const PARALLEL: usize = 8;

/// The requester's licenses, each once.
pub async fn of(learners: &dyn Learners, requester: &Requester) -> Result<Vec<License>, StoreError> {
    let email = requester.principal.email.as_ref();
    let user = requester.principal.lms_user_id;
    let (mut held, addresses) = try_join!(licenses_of(learners, email), addresses_of(learners, user))?;
    let (Some(user), true) = (user, addresses.iter().any(|address| Some(address) != email)) else {
        return Ok(held);
    };
    if let Some(email) = email {
        adopt(learners, requester, user, email).await?;
        held = licenses_of(learners, Some(email)).await?;
    }
    // What could not follow (somebody else holds a license there) is still the learner's.
    let elsewhere: Vec<EmailKey> =
        addresses.iter().filter(|address| Some(*address) != email).map(EmailAddress::key).collect();
    let reads = elsewhere.iter().map(|key| learners.licenses_of(key));
    let reads = stream::iter(reads.collect::<Vec<_>>()).buffered(PARALLEL);
    for found in reads.try_collect::<Vec<_>>().await? {
        held.extend(found.into_iter().filter(|license| license.lms_user_id == Some(user)));
    }
    held.sort_by_key(|license| license.uuid);
    held.dedup_by_key(|license| license.uuid);
    Ok(held)
}

/// The learner looks at their licenses; that these could not follow just now must not keep them from it.
async fn adopt(
    learners: &dyn Learners,
    requester: &Requester,
    user: LmsUserId,
    email: &EmailAddress,
) -> Result<(), StoreError> {
    // A caller over the limit will be told so, and moves nothing.
    let Ok(change) = requester.change("email-change").await else { return Ok(()) };
    match learners.adopt(user, email, &change).await {
        Ok(moved) => {
            tracing::info!(request_id = requester.request_id, moved, "licenses followed a learner's change of address");
            Ok(())
        }
        Err(error) if error.is_retryable() => {
            tracing::warn!(request_id = requester.request_id, %error, "licenses could not follow a change of address");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn licenses_of(learners: &dyn Learners, email: Option<&EmailAddress>) -> Result<Vec<License>, StoreError> {
    match email {
        Some(email) => learners.licenses_of(&email.key()).await,
        None => Ok(Vec::new()),
    }
}

async fn addresses_of(learners: &dyn Learners, user: Option<LmsUserId>) -> Result<Vec<EmailAddress>, StoreError> {
    match user {
        Some(user) => learners.addresses_of(user).await,
        None => Ok(Vec::new()),
    }
}
