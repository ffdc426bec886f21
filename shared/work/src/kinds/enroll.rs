//! Enrollment: the learners' licenses are read, each course is looked up in the catalogs of their plans, and the
//! enterprise service is called for up to 25 learners × 25 courses in one call.

use std::collections::{HashMap, HashSet};

use license_clients::EnrollmentRequest;
use license_domain::{
    CatalogId, EmailKey, Job, License, LicenseStatus, PlanId, Portfolio, Row, RowOutcome, RowResult, SubscriptionPlan,
};

use super::AllKinds;
use crate::WorkError;

/// The most courses of one call.
const COURSES_AT_ONCE: usize = 25;

impl AllKinds {
    /// Enrolls these learners in all of the job's courses. It may be repeated: an existing enrollment stays.
    pub(super) async fn enroll(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        rows: &[Row],
    ) -> Result<Vec<RowResult>, WorkError> {
        let mut results = Vec::new();
        let mut held: Vec<(&Row, Vec<License>)> = Vec::new();
        for row in rows {
            match (&row.user_email, &row.problem) {
                (Some(email), None) => held.push((row, self.usable(job, portfolio, &email.key()).await?)),
                _ => results.push(row.result(RowOutcome::Invalid, None)),
            }
        }
        // A learner whose outcomes do not fit into one chunk is alone in theirs, whose row names a range of courses.
        let all = &job.params.course_run_keys[..];
        let part = rows.iter().find_map(|row| row.courses).map_or(Some(all), |(from, to)| all.get(from..to));
        for courses in part.ok_or(WorkError::Gone("courses"))?.chunks(COURSES_AT_ONCE) {
            results.extend(self.enroll_in(job, portfolio, &held, courses).await?);
        }
        results.sort_by(|a, b| (a.row, &a.course_run_key).cmp(&(b.row, &b.course_run_key)));
        Ok(results)
    }

    async fn enroll_in(
        &self,
        job: &Job,
        portfolio: &Portfolio,
        held: &[(&Row, Vec<License>)],
        courses: &[String],
    ) -> Result<Vec<RowResult>, WorkError> {
        let mut results = Vec::new();
        let mut requests: Vec<(&Row, EnrollmentRequest)> = Vec::new();
        for (row, licenses) in held {
            let Some(email) = &row.user_email else { continue };
            for course in courses {
                let say = |outcome| RowResult { course_run_key: Some(course.clone()), ..row.result(outcome, None) };
                if licenses.is_empty() {
                    results.push(say(RowOutcome::NotFound));
                    continue;
                }
                match self.paying(portfolio, licenses, course).await? {
                    None => results.push(say(RowOutcome::NotInCatalog)),
                    Some(license) => requests.push((
                        row,
                        EnrollmentRequest {
                            email: email.clone(),
                            course_run_key: course.clone(),
                            license_uuid: license.uuid,
                            activation_link: self.activation_link(portfolio, license),
                        },
                    )),
                }
            }
        }
        let done = |row: &Row, request: &EnrollmentRequest, outcome| RowResult {
            course_run_key: Some(request.course_run_key.clone()),
            ..row.result(outcome, Some(request.license_uuid))
        };
        if job.dry_run || requests.is_empty() {
            results.extend(requests.iter().map(|(row, request)| done(row, request, RowOutcome::Enrolled)));
            return Ok(results);
        }
        let requested: Vec<EnrollmentRequest> = requests.iter().map(|(_, request)| request.clone()).collect();
        let enterprise = job.enterprise_customer_uuid;
        let outcome = self.services.enterprises.enroll(enterprise, &requested, job.params.notify).await?;
        let named = |list: &[license_clients::Enrolled]| -> HashSet<(EmailKey, String)> {
            list.iter().map(|one| (one.email.key(), one.course_run_key.clone())).collect()
        };
        let (enrolled, pending) = (named(&outcome.successes), named(&outcome.pending));
        results.extend(requests.iter().map(|(row, request)| {
            let key = (request.email.key(), request.course_run_key.clone());
            let outcome = match (enrolled.contains(&key), pending.contains(&key)) {
                (true, _) => RowOutcome::Enrolled,
                (false, true) => RowOutcome::Pending,
                (false, false) => RowOutcome::Refused,
            };
            done(row, request, outcome)
        }));
        Ok(results)
    }

    /// The learner's live licenses of the customer's current plans, activated ones first.
    async fn usable(&self, job: &Job, portfolio: &Portfolio, email: &EmailKey) -> Result<Vec<License>, WorkError> {
        let now = self.clock.now();
        let current: HashMap<PlanId, &SubscriptionPlan> = portfolio
            .plans
            .iter()
            .filter(|plan| plan.is_active && plan.is_current(now))
            .filter(|plan| job.subscription_plan.is_none_or(|wanted| wanted == plan.uuid))
            .map(|plan| (plan.uuid, plan))
            .collect();
        let mut licenses = self.learners.licenses_of(email).await?;
        licenses.retain(|license| license.status.is_live() && current.contains_key(&license.subscription_plan));
        licenses.sort_by_key(|license| (license.status != LicenseStatus::Activated, license.uuid));
        Ok(licenses)
    }

    /// The URL where the learner activates the license, if it is not activated.
    fn activation_link(&self, portfolio: &Portfolio, license: &License) -> Option<String> {
        let portal = self.services.learner_portal.as_deref().filter(|_| license.status == LicenseStatus::Assigned)?;
        portfolio.agreement.activation_link(portal, license.activation_key?)
    }

    /// The license whose plan's catalog contains the course.
    async fn paying<'a>(
        &self,
        portfolio: &Portfolio,
        licenses: &'a [License],
        course: &str,
    ) -> Result<Option<&'a License>, WorkError> {
        for license in licenses {
            let own = portfolio.plan(license.subscription_plan).and_then(|plan| plan.enterprise_catalog_uuid);
            let catalog: Option<CatalogId> = own.or(portfolio.agreement.default_enterprise_catalog_uuid);
            if let Some(catalog) = catalog
                && self.services.catalogs.contains(catalog, course).await?
            {
                return Ok(Some(license));
            }
        }
        Ok(None)
    }
}
