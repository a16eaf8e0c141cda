//! What every backend must do, as cases that know nothing but the verbs: a backend's tests run them all with
//! [`contract_tests!`](crate::contract_tests), each on an empty, migrated store of its own.
#![allow(clippy::unwrap_used)] // These are assertions: a case fails by panicking.

mod bench;
mod ways;

pub mod answers;
pub mod claims;
pub mod control;
pub mod customers;
pub mod days;
pub mod erasing;
pub mod events;
pub mod faults;
pub mod holes;
pub mod hooks;
pub mod instances;
pub mod model;
pub mod packets;
pub mod pages;
pub mod people;
pub mod retries;
pub mod revisions;
pub mod scopes;
pub mod sealed;
pub mod search;
pub mod tickets;
pub mod trust;
pub mod unreadable;
pub mod verdicts;
pub mod waves;
pub mod whole;
pub mod work;

pub use bench::{Bench, Tampering};

/// Every case of the contract as a test, by aggregate. `$bench` is an async function in the same module that makes a
/// [`Bench`] and whatever must live as long as it.
#[macro_export]
macro_rules! contract_tests {
    ($bench:ident) => {
        $crate::contract_tests! { $bench
            customers: [
                a_customer_is_made_by_the_house_and_renamed_by_its_own,
                a_join_token_is_used_as_often_as_it_counts_and_no_more,
                a_join_token_ends,
                the_same_key_gets_the_same_instance_again_even_from_a_token_that_is_over,
                of_many_keys_at_once_a_token_admits_its_count,
                join_tokens_are_listed_for_their_customer_alone,
                a_name_is_won_once_and_by_one,
            ]
            hooks: [
                a_draft_becomes_a_hook_with_one_revision,
                a_stale_version_is_refused_and_changes_nothing,
                an_edit_takes_back_the_frozen_bytes,
                the_legal_moves_lead_on_and_the_others_are_refused,
                what_has_a_verb_of_its_own_is_refused_by_advance,
                what_is_signed_is_held_and_what_is_not_is_not,
                review_needs_the_bytes_and_nothing_else_takes_any,
                a_signature_is_over_the_frozen_bytes_and_counts_once,
                a_signature_counted_at_an_older_version_is_refused,
                what_somebody_signed_is_not_edited_under_them,
                the_last_signature_signs_or_holds,
                of_two_drafts_at_once_over_one_version_one_wins,
                hooks_are_listed_by_state_customer_ticket_and_author_newest_first,
            ]
            instances: [
                an_instance_is_made_once_for_its_key,
                names_are_told_of_those_that_the_scope_holds,
                an_instance_that_waits_is_confirmed_by_its_fingerprint_only,
                suspending_denies_and_resuming_leads_back_to_where_it_was,
                retiring_is_for_ever_and_an_agents_own_right,
                a_session_hands_the_next_value_on_and_a_retry_gets_the_same,
                a_spent_value_with_another_nonce_is_a_fork,
                changed_facts_are_told_to_the_control_log,
                sessions_are_for_the_instance_alone,
                seen_moves_forward_only_and_writes_no_event,
            ]
            revisions: [
                publishing_needs_the_signed_bytes_and_tells_the_control_log,
                publishing_again_changes_nothing,
                what_is_not_signed_is_not_published,
                what_has_expired_is_not_published,
                places_beyond_the_limit_are_not_published,
                a_newer_revision_supersedes_the_older,
                stopping_ends_reservations_for_good,
                stopping_again_changes_nothing,
                what_is_full_or_superseded_is_stopped_and_named_while_it_would_have_lived,
                what_was_stopped_is_held_until_it_would_have_ended_and_stays_stopped,
                what_expired_is_not_stopped,
                lowering_never_raises_and_spares_what_is_in_use,
                lowering_to_what_it_is_changes_nothing,
                lowering_counts_no_lease_that_ran_out,
                lowering_to_the_accepted_packets_makes_it_full,
                expiring_waits_for_its_time,
                an_expired_revision_takes_the_packets_of_its_reservations,
                the_envelope_comes_back_byte_for_byte,
            ]
            waves: [
                a_revision_keeps_its_first_wave_and_servers_read_it,
                widening_is_told_to_the_control_log_and_the_audit,
                a_wave_grows_and_never_shrinks,
                widening_sent_again_is_one_widening,
                what_is_over_is_not_widened,
                agents_and_other_customers_people_widen_nothing,
                a_sample_of_few_is_all_of_them,
                a_sample_of_many_stands_for_about_all_of_them,
            ]
            claims: [
                places_are_granted_until_all_are_reserved,
                of_a_thousand_at_once_ten_get_the_ten_places,
                bytes_are_a_quota_as_places_are,
                a_packet_larger_than_allowed_is_refused_before_it_is_made,
                an_instance_that_holds_a_place_gets_the_same_claim,
                only_reserved_is_busy_and_accepted_is_full,
                a_lease_that_ran_out_gives_its_place_back,
                a_claim_that_lost_its_lease_takes_a_free_place_again_or_none,
                renewing_never_shortens_a_lease,
                sizing_gives_bytes_back_and_never_takes_more,
                rows_are_limited_however_many_fail,
                a_claim_before_its_time_waits_and_after_its_end_is_over,
                an_older_reservation_is_closed,
                agents_claim_for_themselves_and_people_never,
            ]
            answers: [
                an_answer_gives_the_place_back_and_decides_whether_it_may_come_again,
                interrupted_is_final_once_its_attempts_are_spent,
                a_failed_run_counts_as_an_attempt_whatever_the_agent_says,
                a_rejected_packet_is_final,
                errors_beyond_the_allowed_share_stop_the_hook,
                the_second_instance_that_overran_stops_the_hook,
                what_an_agent_says_of_a_run_that_was_stopped_is_heard,
                an_overrun_is_counted_once_an_instance,
                an_answer_without_a_claim_is_listed_and_the_newest_stands,
                an_instances_runs_are_listed_the_newest_hook_first,
            ]
            tickets: [
                a_ticket_is_known_by_system_and_key,
                the_same_ticket_again_changes_nothing,
                a_ticket_never_changes_its_customer,
                a_ticket_without_system_or_key_is_refused,
                tickets_are_listed_newest_first_whoever_asks,
            ]
            packets: [
                a_packet_is_its_chunks_in_order,
                the_writer_that_comes_second_to_an_offset_loses,
                an_accepted_packet_is_found_by_ticket_hook_instance_and_day,
                the_same_packet_twice_is_the_same_and_another_is_refused,
                of_many_commits_at_once_one_is_accepted,
                a_packet_with_a_gap_or_other_bytes_than_its_chunks_is_refused,
                a_commit_after_the_lease_ran_out_takes_a_free_place,
                a_commit_after_the_lease_ran_out_and_all_is_full_is_gone,
                late_packets_and_new_claims_never_exceed_the_places,
                the_first_receipt_stands,
                chunks_are_given_free_only_when_their_claim_cannot_come_back,
                no_packet_comes_in_once_its_chunks_may_be_deleted,
                a_large_statement_comes_back_byte_for_byte,
                packets_of_another_customer_are_not_there,
                each_customer_of_a_hook_sees_its_own_packets,
            ]
            verdicts: [
                a_verdict_stands_until_its_person_says_something_else,
                verdicts_are_counted_by_starting_text_within_the_scope,
                a_verdict_is_of_a_person_of_the_customer_and_short,
                what_was_said_of_a_packet_is_erased_with_it,
            ]
            erasing: [
                an_erased_packet_is_gone_from_everywhere,
                which_of_several_were_erased_is_told_within_the_scope,
                an_erasing_ends_with_an_event_and_its_receipt,
                a_repeated_erasing_has_the_same_receipt,
                an_erased_packet_does_not_come_back,
                erasing_is_for_people_of_the_customer,
                only_a_retired_instance_is_erased_and_then_for_ever,
                an_instance_is_gone_once_its_packets_are,
                what_an_erased_instance_answered_goes_with_it,
                what_people_said_of_an_instance_goes_and_the_chain_stays_whole,
                what_was_wiped_beside_an_erasure_is_detected,
                erasures_are_listed_newest_first,
                what_is_not_finished_is_listed_page_by_page,
                an_instance_that_is_erased_brings_and_says_nothing,
                the_claims_of_an_instance_end_with_it,
                what_an_erased_instance_began_to_send_may_be_deleted,
                a_packet_that_arrives_after_its_instance_is_erased_is_erased,
                an_answer_that_is_listed_late_does_not_stand,
                an_erasure_ends_once_nothing_is_owed,
                what_an_erased_instance_was_answered_is_forgotten,
                a_packet_that_only_a_list_knows_is_erased_before_it_comes,
            ]
            events: [
                an_event_follows_from_the_one_before,
                of_many_writers_at_once_each_appends_one,
                who_acted_and_on_what_is_told,
                people_stand_beside_the_bytes_that_are_hashed,
                a_changed_event_is_detected,
                changed_personal_details_are_detected,
                who_did_it_cannot_be_wiped_unseen,
                an_event_listed_as_another_kind_is_detected,
                a_missing_event_is_detected,
                a_chain_that_was_cut_is_told_by_a_head_that_was_kept,
                events_are_listed_by_kind_and_person,
                events_are_listed_by_what_they_are_about_and_in_either_order,
                events_are_listed_by_time,
                the_drafts_and_signatures_of_a_tickets_hook_are_the_tickets,
                heads_are_listed_the_house_first,
                the_house_takes_a_digest_over_all_customers_heads,
                day_statistics_are_made_from_the_days_events,
                chains_of_another_customer_are_not_there,
            ]
            days: [
                hooks_are_counted_once_a_day_by_what_they_did,
                a_hook_of_two_chains_is_one_hook,
                a_day_of_hooks_is_made_again_from_its_events,
            ]
            people: [
                what_a_person_has_seen_never_goes_back_and_is_theirs,
                a_person_changes_at_the_version_that_was_read,
                a_sign_in_is_known_by_its_hash_until_it_expires,
                ending_sign_ins_ends_one_or_all_of_a_person,
                an_api_token_is_known_until_it_ends_or_expires,
                ending_the_other_sign_ins_keeps_the_one_that_asks,
                a_person_from_outside_is_bound_to_their_origin,
                a_set_up_link_is_used_once_and_in_time,
                people_are_the_houses_alone,
            ]
            trust: [
                roots_follow_one_another,
                rosters_only_rise,
                each_revokers_numbers_are_its_own,
                trust_is_changed_by_the_house_alone,
                a_person_asks_for_a_key_of_their_own,
            ]
            control: [
                numbers_rise_and_begin_at_the_clock,
                changes_are_read_in_order_from_a_number_on,
                of_many_appends_at_once_no_number_is_given_twice,
                who_waits_is_woken_by_a_change,
                active_hooks_are_the_published_ones_of_the_scope,
            ]
            search: [
                records_are_found_by_the_beginnings_of_all_words,
                a_changed_title_is_found_by_its_new_words_only,
                every_kind_of_record_is_found,
                several_words_are_paged_by_the_rarest,
                what_another_customer_has_is_not_found,
            ]
            pages: [
                pages_hold_everything_once_and_in_order,
                the_lists_of_many_customers_are_one_in_order,
                a_page_is_never_larger_than_the_most,
            ]
            retries: [
                a_repeat_gets_the_same_answer,
                of_repeats_at_once_one_is_written,
                a_refusal_is_repeated_too,
                claims_sent_again_are_the_same_claims,
                an_op_id_is_one_actors_and_one_verbs,
                a_write_without_time_is_not_begun,
            ]
            scopes: [
                an_engineer_of_one_customer_sees_nothing_of_another,
                an_engineer_of_one_customer_changes_nothing_of_another,
                a_hook_of_two_customers_is_seen_by_either_and_changed_by_both,
                a_customer_that_is_taken_off_a_hook_is_told,
                agents_do_nothing_that_people_do,
            ]
            sealed: [
                a_secret_changes_at_the_version_that_was_read,
                of_two_servers_at_once_one_makes_the_secret,
                sealed_secrets_are_the_houses_alone,
            ]
            whole: [
                a_copy_that_was_cut_off_goes_on_and_holds_everything,
                a_copy_goes_into_an_empty_store_and_from_one,
                a_copy_is_of_one_source_and_sees_what_was_written_meanwhile,
                a_store_that_fits_together_is_clean,
                what_was_erased_is_copied_as_such_and_fits,
                lists_that_do_not_fit_are_found_and_mended,
                counts_packets_bytes_and_chains_that_do_not_fit_are_found,
            ]
            unreadable: [
                what_was_answered_to_a_hook_that_moved_on_goes_too,
                a_hook_whose_record_is_unreadable_is_stopped,
                an_unreadable_hook_does_not_hold_up_an_erasing,
                a_check_goes_on_behind_a_broken_outbox,
                lowering_to_a_past_end_cuts_no_run_off,
                an_unreadable_instance_does_not_hold_up_a_group,
                an_unreadable_instance_does_not_hold_up_publishing
            ]
            holes: [
                a_statement_that_is_gone_is_found,
                an_envelope_that_is_gone_is_found_and_made_again_of_what_was_signed,
                a_chain_that_no_list_names_is_verified_and_listed_again,
                an_open_erasure_that_nobody_would_find_is_listed_again,
            ]
            work: [
                a_lease_is_its_holders_until_it_runs_out,
                a_lease_given_back_goes_on_with_a_higher_number,
                of_many_servers_at_once_one_gets_the_lease,
                servers_that_are_silent_are_not_shown,
                the_houses_work_is_the_houses_alone,
            ]
        }
    };
    ($bench:ident $($module:ident: [$($case:ident),+ $(,)?])+) => {
        $(mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (bench, kept) = super::$bench().await;
                    $crate::contract::$module::$case(bench).await;
                    drop(kept);
                }
            )+
        })+
    };
}

#[cfg(test)]
mod tests {
    /// A case that nobody runs proves nothing.
    #[test]
    fn every_case_is_listed() {
        let listed = include_str!("mod.rs");
        let files = [
            include_str!("answers.rs"),
            include_str!("claims.rs"),
            include_str!("control.rs"),
            include_str!("customers.rs"),
            include_str!("days.rs"),
            include_str!("erasing/instances.rs"),
            include_str!("erasing/late.rs"),
            include_str!("erasing/lists.rs"),
            include_str!("erasing/packets.rs"),
            include_str!("erasing/rights.rs"),
            include_str!("erasing/said.rs"),
            include_str!("events.rs"),
            include_str!("hooks.rs"),
            include_str!("instances.rs"),
            include_str!("packets.rs"),
            include_str!("pages.rs"),
            include_str!("people.rs"),
            include_str!("retries.rs"),
            include_str!("revisions.rs"),
            include_str!("scopes.rs"),
            include_str!("sealed.rs"),
            include_str!("search.rs"),
            include_str!("tickets.rs"),
            include_str!("trust.rs"),
            include_str!("verdicts.rs"),
            include_str!("waves.rs"),
            include_str!("whole.rs"),
            include_str!("work.rs"),
        ];
        for line in files.iter().flat_map(|file| file.lines()) {
            let Some(rest) = line.strip_prefix("pub async fn ") else {
                continue;
            };
            let case = rest.split('(').next().unwrap();
            let count = listed.matches(&format!(" {case},\n")).count();
            assert_eq!(count, 1, "{case} is listed {count} times");
        }
    }
}
