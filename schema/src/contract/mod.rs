//! What every backend must do, as cases that know nothing but the verbs: a backend's tests run them all with
//! [`contract_tests!`](crate::contract_tests), each on an empty, migrated store of its own.
#![allow(clippy::unwrap_used)] // These are assertions: a case fails by panicking.

mod bench;

pub mod claims;
pub mod customers;
pub mod hooks;
pub mod instances;
pub mod revisions;
pub mod tickets;

pub use bench::{Bench, Tamper, Tampering};

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
                review_needs_the_bytes_and_nothing_else_takes_any,
                a_signature_is_over_the_frozen_bytes_and_counts_once,
                a_signature_counted_at_an_older_version_is_refused,
                what_somebody_signed_is_not_edited_under_them,
                the_last_signature_signs_or_holds,
                of_two_drafts_at_once_over_one_version_one_wins,
                hooks_are_listed_by_state_customer_and_ticket,
            ]
            instances: [
                an_instance_is_made_once_for_its_key,
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
                lowering_never_raises_and_spares_what_is_in_use,
                lowering_to_what_it_is_changes_nothing,
                lowering_counts_no_lease_that_ran_out,
                lowering_to_the_accepted_packets_makes_it_full,
                expiring_waits_for_its_time,
                an_expired_revision_takes_the_packets_of_its_reservations,
                the_envelope_comes_back_byte_for_byte,
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
                an_answer_gives_the_place_back_and_decides_whether_it_may_come_again,
                interrupted_is_final_once_its_attempts_are_spent,
                a_failed_run_counts_as_an_attempt_whatever_the_agent_says,
                a_rejected_packet_is_final,
                rows_are_limited_however_many_fail,
                errors_beyond_the_allowed_share_stop_the_hook,
                the_second_instance_that_overran_stops_the_hook,
                an_overrun_is_counted_once_an_instance,
                a_claim_before_its_time_waits_and_after_its_end_is_over,
                an_older_reservation_is_closed,
                agents_claim_for_themselves_and_people_never,
                an_answer_without_a_claim_is_listed_and_the_newest_stands,
            ]
            tickets: [
                a_ticket_is_known_by_system_and_key,
                the_same_ticket_again_changes_nothing,
                a_ticket_never_changes_its_customer,
                a_ticket_without_system_or_key_is_refused,
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
