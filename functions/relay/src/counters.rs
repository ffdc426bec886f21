//! What the business does, as metrics: counted from the events, because every change has exactly one.

use license_domain::{Event, EventKind};
use license_telemetry::metrics::{self, Unit};

/// Counts an event that was relayed. An event that the stream repeats is counted again: these are figures for a
/// dashboard, the plan's counters are exact.
pub(crate) fn count(event: &Event) {
    if let Some((name, many)) = figure(event.kind, event.licenses.len()) {
        // Events hold a few dozen licenses, far below what a float holds exactly.
        metrics::record(
            name,
            f64::from(u32::try_from(many).expect("a batch has some hundred records")),
            Unit::Count,
            &[],
        );
    }
}

/// The figure that an event of that kind about so many licenses adds to.
fn figure(kind: EventKind, licenses: usize) -> Option<(&'static str, usize)> {
    let (name, many) = match kind {
        EventKind::PlanCreated => ("PlansCreated", 1),
        EventKind::LicensesAssigned => ("LicensesAssigned", licenses),
        EventKind::LicenseActivated | EventKind::LicenseAutoApplied => ("LicensesActivated", licenses),
        EventKind::LicensesRevoked => ("LicensesRevoked", licenses),
        EventKind::LicensesRenewed => ("LicensesRenewed", licenses),
        EventKind::LicenseNotAssigned => ("LicensesNotAvailable", 1),
        EventKind::JobRequested => ("JobsRequested", 1),
        _ => return None,
    };
    (many > 0).then_some((name, many))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_by_licenses_and_jobs_by_events() {
        assert_eq!(figure(EventKind::LicensesAssigned, 3), Some(("LicensesAssigned", 3)));
        assert_eq!(figure(EventKind::LicensesRevoked, 2), Some(("LicensesRevoked", 2)));
        assert_eq!(figure(EventKind::LicenseAutoApplied, 1), Some(("LicensesActivated", 1)));
        assert_eq!(figure(EventKind::LicenseNotAssigned, 0), Some(("LicensesNotAvailable", 1)));
        assert_eq!(figure(EventKind::JobRequested, 0), Some(("JobsRequested", 1)));
        assert_eq!(figure(EventKind::LicensesRenewed, 0), None);
        assert_eq!(figure(EventKind::AgreementUpdated, 0), None);
    }
}
