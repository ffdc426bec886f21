//! What assigning, revoking or reminding would do, before it is done.

use license_domain::{EmailAddress, EmailKey, LicenseStatus, PlanId, RevocationCap, SubscriptionPlan};
use license_storage::MAX_PREFETCHED;

use super::{Action, Wanted};
use crate::{Context, error::PageError};

/// What the change would do, in sentences, and whether it is possible as far as can be said now.
pub(super) async fn consequences(
    context: &Context,
    plan: &SubscriptionPlan,
    action: Action,
    wanted: &Wanted,
) -> Result<(Vec<String>, bool), PageError> {
    let (assigned, activated) = held(context, plan.uuid, &wanted.emails).await?;
    let all = wanted.emails.len();
    let live = assigned + activated;
    Ok(match action {
        Action::Assign => {
            let counts = context.portfolios.seat_counts(&[plan]).await?.remove(&plan.uuid).unwrap_or_default();
            let (new, free) = (all - live, counts.unassigned());
            let is_enough = u64::try_from(new).is_ok_and(|new| new <= free);
            let mut lines = vec![
                format!("{new} learners get a license."),
                format!("{live} learners have one already and keep it."),
                format!("The plan has {free} unassigned licenses."),
            ];
            if new > 0 {
                let mail = if wanted.notify { "They are invited by mail." } else { "They get no mail." };
                lines.push(mail.to_owned());
            }
            if !is_enough {
                lines.push("These are too few for all of them, so that none would get one.".to_owned());
            }
            (lines, is_enough && new > 0)
        }
        Action::Revoke => {
            let mut lines = vec![
                format!(
                    "{live} learners lose their license, {activated} of them an activated one. This cannot be undone."
                ),
                format!("{} learners have no license of this plan.", all - live),
            ];
            let is_allowed = within_cap(plan, activated, &mut lines);
            (lines, live > 0 && is_allowed)
        }
        Action::Remind => {
            let lines = vec![
                format!("{assigned} learners are reminded by mail."),
                format!("{} learners have no license that waits for activation, and get no mail.", all - assigned),
            ];
            (lines, assigned > 0)
        }
    })
}

/// Whether the plan's cap allows to revoke so many activated licenses; what it allows is added to the lines.
fn within_cap(plan: &SubscriptionPlan, activated: usize, lines: &mut Vec<String>) -> bool {
    if !plan.is_revocation_cap_enabled {
        return true;
    }
    let cap = RevocationCap::new(plan.seats.total, plan.revoke_max_percentage, plan.num_revocations_applied);
    let left = cap.remaining().max(0);
    lines.push(format!(
        "The plan's revocation cap allows {left} more revocations of activated licenses, of {} in all.",
        cap.allowed
    ));
    let is_allowed = activated == 0 || i64::try_from(activated).is_ok_and(|activated| activated <= left);
    if !is_allowed {
        lines.push("These are too many, so that none would be revoked.".to_owned());
    }
    is_allowed
}

/// How many of the learners hold an assigned license, and how many an activated one.
async fn held(context: &Context, plan: PlanId, emails: &[EmailAddress]) -> Result<(usize, usize), PageError> {
    let keys: Vec<EmailKey> = emails.iter().map(EmailAddress::key).collect();
    let (mut assigned, mut activated) = (0, 0);
    for some in keys.chunks(MAX_PREFETCHED) {
        let prefetch = context.prefetches.prefetch(plan, some).await?;
        assigned += prefetch.held(plan, some, LicenseStatus::Assigned)?.len();
        activated += prefetch.held(plan, some, LicenseStatus::Activated)?.len();
    }
    Ok((assigned, activated))
}
