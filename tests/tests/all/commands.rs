//! What the commands for operators select and do, each with the tests that hold it. A name without a test fails.

use std::path::Path;

/// What is selected or done, and the functions that test it.
const LINES: &[(&str, &str, &[&str])] = &[
    (
        "process_renewals",
        "the window is given in hours, 12 by default; both ends belong to it",
        &[
            "renewals_begin_within_the_window_that_is_asked_for",
            "a_renewal_is_due_from_its_window_on_however_late_and_before_everything_else",
        ],
    ),
    (
        "process_renewals",
        "late ones too; exempt ones wait for an operator",
        &[
            "a_renewal_that_an_outage_missed_is_processed_late_and_shown_at_once",
            "a_renewal_that_is_made_late_begins_at_once_and_an_exempt_one_waits_for_an_operator",
        ],
    ),
    (
        "process_renewals",
        "inactive plans and plans for internal use too",
        &["plans_that_are_inactive_or_internal_are_renewed_too"],
    ),
    (
        "process_renewals",
        "one refusal stops no other, and the command fails",
        &[
            "a_refused_renewal_is_foreseen_waits_longer_each_time_and_stops_no_other",
            "renewals_begin_within_the_window_that_is_asked_for",
        ],
    ),
    (
        "process_renewals",
        "the dry run lists and changes nothing",
        &["a_dry_run_says_which_renewals_would_begin_and_changes_nothing"],
    ),
    (
        "process_renewals",
        "what is copied, refused, made or taken as future plan",
        &[
            "the_types_to_copy_are_copied",
            "what_cannot_be_renewed_is_refused_and_nothing_is_changed",
            "a_given_plan_grows_and_follows",
            "the_future_plan_is_created_and_licenses_are_copied",
        ],
    ),
    (
        "process_renewals",
        "changes of the prior plan until the future one starts",
        &[
            "what_changes_after_the_processing_is_carried_over_second_by_second",
            "a_future_plan_without_a_free_seat_takes_no_more_learners",
        ],
    ),
    (
        "expire_subscriptions",
        "the range, both ends included, or the named plans; no lower bound by default",
        &[
            "plans_expire_that_ended_within_the_range_or_are_named",
            "a_plan_without_renewal_expires_once_it_has_ended_however_long_ago",
        ],
    ),
    (
        "expire_subscriptions",
        "inactive plans and plans for internal use too",
        &["plans_that_are_inactive_or_internal_expire_too_and_those_without_learners_without_a_call"],
    ),
    (
        "expire_subscriptions",
        "a renewal keeps its plan; a chain expires after its last plan",
        &[
            "a_renewal_that_is_ahead_keeps_its_plan_until_a_day_after_its_effective_date",
            "a_plan_that_was_renewed_expires_after_the_last_of_its_chain_and_announces_none_that_goes_on",
        ],
    ),
    (
        "expire_subscriptions",
        "a hundred licenses a call; the time before which enrollments end",
        &[
            "a_hundred_licenses_go_into_one_call",
            "what_an_outage_missed_is_done_late_and_once_and_spares_what_was_changed_since",
        ],
    ),
    (
        "expire_subscriptions",
        "a failed call leaves the plan unmarked and stops no other",
        &["one_failure_stops_no_other_plan_and_is_tried_again_until_it_is_done"],
    ),
    (
        "expire_subscriptions",
        "--force repeats it for named plans; the dry run changes nothing",
        &[
            "plans_expire_that_ended_within_the_range_or_are_named",
            "a_dry_run_says_what_would_be_done_and_changes_nothing",
        ],
    ),
    (
        "process_auto_scalable_plans",
        "the current plan with the latest start, above the threshold, up to the maximum",
        &[
            "the_current_plan_that_started_last_grows",
            "a_plan_grows_above_its_threshold_by_one_license_at_least_up_to_its_maximum",
            "a_plan_grows_soon_after_its_threshold_is_passed_step_by_step_up_to_its_maximum",
        ],
    ),
    (
        "process_auto_scalable_plans",
        "frozen plans and missing numbers",
        &["numbers_that_an_import_left_out_and_a_frozen_plan_are_why_a_plan_never_grows"],
    ),
    (
        "process_auto_scalable_plans",
        "one step each run; the dry run",
        &["by_hand_it_begins_one_step_of_each_plan_that_is_to_grow"],
    ),
    (
        "retire_old_licenses",
        "by the plan's end, by revocation, by assignment",
        &[
            "ninety_days_after_a_plans_end_its_licenses_are_revoked_and_name_no_one",
            "in_a_plan_that_runs_on_old_invitations_and_revocations_are_forgotten_within_a_day",
        ],
    ),
    (
        "retire_old_licenses",
        "internal plans once they ended, their sales, --batch-size, the dry run",
        &["the_data_of_plans_that_ended_is_purged_by_hand_with_sales_and_of_internal_plans_too"],
    ),
    (
        "retire_old_licenses",
        "what stays: keys and dates, an older revocation's date; no seat is added; the event without an address",
        &["ninety_days_after_a_plans_end_its_licenses_are_revoked_and_name_no_one"],
    ),
    ("retire_old_licenses", "a negative duration", &["a_negative_duration_purges_nothing"]),
    (
        "unlink_expired_licenses",
        "ninety days after the end, before the purge, once, for the named customers",
        &[
            "learners_are_unlinked_on_the_90th_day_before_they_are_forgotten_and_once",
            "customers_that_did_not_choose_it_keep_their_learners",
            "learners_are_unlinked_before_their_data_is_purged_by_hand_too",
        ],
    ),
    (
        "unlink_expired_licenses",
        "who holds another license; a refusal is not recorded",
        &[
            "a_learner_with_another_license_is_not_unlinked_and_is_examined_again_each_day",
            "nothing_is_recorded_where_the_service_refuses_and_nothing_is_forgotten_meanwhile",
        ],
    ),
    (
        "trigger_event_for_licenses",
        "180 days after the activation, once, for the named customers",
        &["other_systems_are_informed_of_a_license_180_days_after_its_activation_once_it_has_a_number"],
    ),
    (
        "trigger_event_for_licenses",
        "active plans only, --customers, the dry run",
        &["events_of_licenses_are_triggered_by_hand_for_the_customers_that_are_named"],
    ),
    (
        "send_license_utilization_emails",
        "a week after auto-apply was enabled, once for a plan",
        &[
            "admins_are_informed_once_a_week_after_learners_could_first_take_licenses",
            "the_report_is_due_a_week_after_auto_apply_was_enabled_and_the_plan_has_started",
        ],
    ),
    (
        "send_weekly_utilization_emails",
        "each week of an active plan, where the customer wants it",
        &[
            "admins_are_informed_of_each_week_where_the_customer_wants_it",
            "each_week_of_a_plan_is_reported_once_where_the_customer_wants_it",
        ],
    ),
    (
        "send_license_expiration_reminders",
        "from thirty days before the end, once, by hand for the named customers",
        &[
            "learners_are_reminded_once_from_thirty_days_before_the_end_on",
            "mails_go_out_by_hand_for_the_customers_that_are_named_and_a_dry_run_changes_nothing",
            "reminders_are_due_from_thirty_days_before_the_end_until_it_however_late",
        ],
    ),
    (
        "send_subscription_plan_expiration_emails",
        "from the day after the end, once",
        &[
            "learners_are_informed_that_their_plan_has_ended_on_the_day_after_it_and_once",
            "the_end_is_announced_from_the_day_after_it_for_ninety_days_and_once",
        ],
    ),
    (
        "both mails",
        "renewed learners, and customers that want no notice",
        &["customers_that_want_no_notice_and_learners_who_go_on_get_none"],
    ),
    (
        "validate_num_catalog_queries",
        "which plans count, the comparison, the threshold, the allowed catalogs",
        &[
            "more_queries_than_plan_types_are_an_error",
            "only_plans_that_are_sold_and_have_not_expired_count",
            "an_error_of_the_catalog_service_ends_the_command",
        ],
    ),
    (
        "seed_development_data, seed_enterprise_devstack_data",
        "what is made once and what each time",
        &["a_development_installation_gets_products_a_customer_and_plans"],
    ),
    (
        "manufacture_data",
        "customers with believable histories",
        &["made_up_customers_work_like_real_ones", "the_same_seed_makes_the_same_data"],
    ),
    (
        "transfer",
        "the other plan is another one of the agreement; a license that comes into a renewed plan is carried over",
        &[
            "impossible_requests_are_refused_and_jobs_belong_to_a_customer",
            "licenses_that_are_transferred_into_a_renewed_plan_are_carried_over_and_those_that_leave_it_keep_their_copies",
        ],
    ),
    (
        "transfer",
        "a list of licenses, and why some of it are not transferred",
        &["named_licenses_are_transferred_and_the_results_say_why_others_are_not"],
    ),
    (
        "renewals",
        "titles that are taken, given plans, chains and rings, the lock that is shown, what follows a processing",
        &[
            "what_cannot_be_renewed_is_refused_and_nothing_is_changed",
            "a_given_plan_is_untouched_and_not_too_large",
            "a_ring_of_renewals_ends",
            "a_plan_is_locked_in_the_twelve_hours_before_its_renewal",
            "auto_apply_moves_to_the_future_plan_or_ends",
            "renewals_are_checked_by_the_rules_of_the_contract",
        ],
    ),
    (
        "license sources",
        "a sale stays with the row that it came with, also of rows that wait",
        &["rows_that_waited_keep_their_source"],
    ),
    (
        "transfer",
        "assigned and activated licenses, with their seats; a learner with a license there is refused",
        &["licenses_are_transferred_to_another_plan_and_back", "missing_licenses_are_created_up_to_the_desired_number"],
    ),
    (
        "freeze, delete revoked, create missing",
        "what is deleted or added, and what is refused",
        &[
            "freezing_deletes_what_no_learner_has",
            "revoked_licenses_are_deleted_with_what_was_noted_beside_them",
            "missing_licenses_are_created_up_to_the_desired_number",
        ],
    ),
    ("sync", "slug, name and catalog of the customer", &["an_agreement_gets_what_the_enterprise_service_has"]),
    (
        "revert",
        "each license to the moment, without events, mails and retired data",
        &[
            "licenses_that_were_revoked_by_mistake_are_what_they_were",
            "a_learner_never_has_two_licenses_and_no_seat_appears",
            "a_retired_learner_does_not_return",
            "a_license_is_as_it_was_or_is_refused",
        ],
    ),
];

#[test]
fn what_commands_select_and_do_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    crate::covered::sources(&root.join("tests"), &mut code);
    crate::covered::sources(&root.join("../shared/domain/src"), &mut code);
    for (command, line, tests) in LINES {
        assert!(!tests.is_empty(), "{command}: {line}");
        for test in *tests {
            assert!(code.contains(&format!("fn {test}(")), "{command}: {line}: there is no test {test}");
        }
    }
}
