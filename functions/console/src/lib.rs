//! The console: pages on which operators and support staff see what is stored, and change it by the rules of the API.
//! Pages are rendered on the server and need no script; one shows moments in the viewer's zone.

mod addresses;
mod all_plans;
mod all_renewals;
mod attention;
mod audit;
mod begin_job;
mod change_licenses;
mod change_role;
mod change_webhook;
mod clock;
mod compose;
mod confirm;
mod control_job;
mod customer;
mod done;
mod edit;
mod error;
mod form;
mod guard;
mod history;
mod home;
mod job;
mod jobs;
mod known;
mod learner;
mod license;
mod mails;
mod moment;
mod new_job;
mod once;
mod operations;
mod page;
mod paging;
mod picture;
mod plan;
mod process_renewal;
mod products;
mod render;
mod resend_mail;
mod revert;
mod rights;
mod script;
mod search;
mod session;
mod show;
mod sign_in;
mod sign_out;
mod system;
mod users;
mod webhooks;

use std::sync::Arc;

use axum::{Router, extract::FromRef};
use license_api::AppState;
use license_clients::SignIn;
use license_messaging::DeadLetters;
use license_storage::{
    AuditTrails, ChangeProducts, ChangeRoles, Deliveries, Jobs, Learners, Licenses, PlanWorks, Portfolios, Prefetches,
    QueueChanges, Sessions, SweepRecords, UserLists, Users, Webhooks,
};
use license_use_cases::Provisioning;
use license_work::{LicenseKinds, Plans, Renewals, Runs};

pub use self::{
    compose::{SETTINGS, compose},
    page::{Access, Page, Pages},
    rights::Right,
    session::{ABSOLUTE_LIFETIME, COOKIE, IDLE_LIFETIME},
};

/// The ports and clients that this function uses.
#[derive(Clone)]
pub struct Context {
    pub app: AppState,
    /// The sessions of signed-in persons.
    pub sessions: Arc<dyn Sessions>,
    pub portfolios: Arc<dyn Portfolios>,
    /// The licenses of a plan.
    pub licenses: Arc<dyn Licenses>,
    /// The licenses of a learner.
    pub learners: Arc<dyn Learners>,
    pub jobs: Arc<dyn Jobs>,
    pub deliveries: Arc<dyn Deliveries>,
    pub audit_trails: Arc<dyn AuditTrails>,
    /// Webhooks.
    pub webhooks: Arc<dyn Webhooks>,
    /// Prefetches what a preview needs.
    pub prefetches: Arc<dyn Prefetches>,
    /// Assigning, revoking and reminding: in one transaction, or as a run.
    pub runs: Runs<LicenseKinds>,
    /// Agreements, plans and renewals, and their changes.
    pub provisioning: Provisioning,
    /// Processes renewals.
    pub renewal_runs: Renewals,
    /// What the clock does to plans.
    pub plans: Plans,
    /// The plans that the clock is to look at.
    pub plan_works: Arc<dyn PlanWorks>,
    /// Queues, and what was given up.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// What operators did to queues.
    pub queue_changes: Arc<dyn QueueChanges>,
    /// Products and plan types, as they are stored.
    pub products: Arc<dyn ChangeProducts>,
    /// The roles on record, as they are at this moment.
    pub users: Arc<dyn Users>,
    /// The people of whom something is on record.
    pub user_lists: Arc<dyn UserLists>,
    /// The sweeper's last run.
    pub sweeps: Arc<dyn SweepRecords>,
    /// Grants and revokes roles.
    pub roles: Arc<dyn ChangeRoles>,
    /// The LMS, with which people sign in.
    pub sign_in: Arc<dyn SignIn>,
}

impl FromRef<Context> for AppState {
    fn from_ref(context: &Context) -> Self {
        context.app.clone()
    }
}

/// The function's pages, each with its handler.
pub fn pages() -> Pages {
    let pages = Pages::new()
        .add(sign_in::BEGIN, sign_in::begin)
        .add(sign_in::COMPLETE, sign_in::complete)
        .add(sign_out::ROUTE, sign_out::handle)
        .add(sign_out::END, sign_out::end)
        .add(home::ROUTE, home::handle)
        .add(attention::ROUTE, attention::handle)
        .add(search::ROUTE, search::handle)
        .add(customer::ROUTE, customer::handle)
        .add(all_plans::ROUTE, all_plans::handle)
        .add(all_renewals::ROUTE, all_renewals::handle)
        .add(plan::ROUTE, plan::handle)
        .add(license::ROUTE, license::handle)
        .add(learner::ROUTE, learner::handle)
        .add(learner::LOOK, learner::look)
        .add(jobs::ALL, jobs::all)
        .add(jobs::OF_CUSTOMER, jobs::of_customer)
        .add(job::ROUTE, job::handle)
        .add(control_job::FORM, control_job::form)
        .add(control_job::CONFIRM, control_job::confirm)
        .add(mails::UNSETTLED, mails::unsettled)
        .add(mails::OF_LICENSE, mails::of_license)
        .add(webhooks::ROUTE, webhooks::handle)
        .add(change_webhook::FORM, change_webhook::form)
        .add(change_webhook::CONFIRM, change_webhook::confirm)
        .add(audit::ROUTE, audit::handle)
        .add(history::ROUTE, history::handle)
        .add(products::ROUTE, products::handle)
        .add(users::ROUTE, users::handle)
        .add(system::ROUTE, system::handle)
        .add(system::FORM, system::form)
        .add(system::CONFIRM, system::confirm)
        .add(change_role::FORM, change_role::form)
        .add(change_role::CONFIRM, change_role::confirm)
        .add(resend_mail::FORM, resend_mail::form)
        .add(resend_mail::CONFIRM, resend_mail::confirm)
        .add(process_renewal::FORM, process_renewal::form)
        .add(process_renewal::CONFIRM, process_renewal::confirm)
        .add(begin_job::FORM, begin_job::form)
        .add(begin_job::PREVIEW, begin_job::preview)
        .add(begin_job::CONFIRM, begin_job::confirm)
        .add(revert::FORM, revert::form)
        .add(revert::PREVIEW, revert::preview)
        .add(revert::CONFIRM, revert::confirm)
        .add(operations::FORM, operations::form)
        .add(operations::CONFIRM, operations::confirm)
        .add(operations::SYNC_FORM, operations::sync_form)
        .add(operations::SYNC, operations::sync)
        .add(clock::ROUTE, clock::handle)
        .add(clock::FORM, clock::form)
        .add(clock::CONFIRM, clock::confirm)
        .add(clock::RENEWALS_FORM, clock::process_form)
        .add(clock::RENEWALS, clock::process)
        .add(change_licenses::FORM, change_licenses::form)
        .add(change_licenses::PREVIEW, change_licenses::preview)
        .add(change_licenses::CONFIRM, change_licenses::confirm)
        .add(known::PLANS, known::plans)
        .add(known::PLAN, known::plan)
        .add(known::AGREEMENTS, known::list)
        .add(known::AGREEMENT, known::agreement)
        .add(known::LICENSE, known::license);
    edit::add_to(pages)
}

pub fn router(context: Context) -> Router {
    pages().router(context)
}
