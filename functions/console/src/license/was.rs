//! A license as it was at a time that the viewer names.

use license_domain::{AuditEntry, License, PlanId, Timestamp, audit_trail::undo_license};

use crate::{
    moment::{self, Moment},
    show::LicenseLine,
};

use super::CHANGES;

const NOT_CREATED: &str = "The license did not exist then.";
const TOO_OFTEN: &str = "The license has changed too often since then: the whole history says what it was.";

/// What the license was, or why that cannot be said.
#[derive(Debug, Default)]
pub struct Was {
    /// The time, as it was entered.
    pub typed: String,
    pub complaint: &'static str,
    pub then: Option<Then>,
}

/// The license at a time.
#[derive(Debug)]
pub struct Then {
    pub at: Moment,
    pub license: LicenseLine,
    /// Its plan, if it was another one.
    pub plan: Option<PlanId>,
    /// Whether a learner held it whose address is not on record.
    pub is_of_unknown: bool,
}

impl Was {
    /// Undoes the newest changes, the newest first, that were made after the time.
    pub fn read(typed: Option<&str>, license: &License, history: &[AuditEntry], now: Timestamp) -> Self {
        let Some(typed) = typed.filter(|typed| !typed.is_empty()) else { return Self::default() };
        let read = then(typed, license, history, now);
        Self { typed: typed.to_owned(), complaint: read.as_ref().err().copied().unwrap_or_default(), then: read.ok() }
    }
}

fn then(typed: &str, license: &License, history: &[AuditEntry], now: Timestamp) -> Result<Then, &'static str> {
    let at = moment::typed(typed).ok_or(moment::NOT_TYPED)?;
    if at > now {
        return Err(moment::YET_TO_COME);
    }
    if license.created > at {
        return Err(NOT_CREATED);
    }
    let later = history.iter().take_while(|entry| entry.at > at).count();
    if later == CHANGES {
        return Err(TOO_OFTEN);
    }
    let was = undo_license(license.clone(), &history[..later]);
    Ok(Then {
        at: at.into(),
        plan: Some(was.subscription_plan).filter(|plan| *plan != license.subscription_plan),
        is_of_unknown: was.user_email.is_none() && was.status != license_domain::LicenseStatus::Unassigned,
        license: LicenseLine::from(&was),
    })
}
