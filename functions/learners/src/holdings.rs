//! The requester's licenses: those of the token's address, and those that the LMS user holds under other addresses. If
//! the token has another address than a license, the learner's address has changed, and the licenses of all customers
//! move to it.

use futures::{StreamExt, TryStreamExt, stream, try_join};
use license_api::Requester;
use license_domain::{EmailAddress, EmailKey, License, LmsUserId};
use license_storage::{Learners, StoreError};

/// The most addresses of one learner that are read at the same time.
const PARALLEL: usize = 8;

/// The requester's licenses, without duplicates.
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
    // A license that could not move, because another user's license has the slot, still belongs to the learner.
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

/// A failed move must not keep learners from seeing their licenses.
async fn adopt(
    learners: &dyn Learners,
    requester: &Requester,
    user: LmsUserId,
    email: &EmailAddress,
) -> Result<(), StoreError> {
    // A requester over the rate limit will get 429, and nothing moves.
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
