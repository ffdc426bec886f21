//! Business metrics, counted from the events, because every change has exactly one event.

use license_domain::{Event, EventKind};
use license_telemetry::metrics::{self, Unit};

/// Counts an event that was relayed. An event that the stream repeats is counted again: the metrics are for a
/// dashboard, while the plan's counters are exact.
pub(crate) fn count(event: &Event) {
    if let Some((name, many)) = figure(event.kind, event.licenses.len()) {
        // Events contain a few dozen licenses, far below the numbers that a float represents exactly.
        metrics::record(
            name,
            f64::from(u32::try_from(many).expect("a batch has some hundred records")),
            Unit::Count,
            &[],
        );
    }
}

/// The metric of an event of that kind with so many licenses.
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
