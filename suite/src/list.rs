/// Makes a test of every claim, against this [`Shop`](crate::Shop).
#[macro_export]
macro_rules! claims {
    ($shop:ty) => {
        $crate::claims! { @tests $shop;
            terms::who_has_not_paid_is_told_the_terms_and_nothing_else_happens,
            terms::terms_and_goods_are_told_apart_by_caches,
            terms::the_address_is_whole_in_nested_routes_and_with_a_query,
            terms::a_price_on_a_part_of_the_site_covers_all_of_it,
            terms::the_price_is_told_before_the_input_is_looked_at,
            terms::the_price_is_told_first_also_where_it_takes_time,
            terms::a_refused_payment_is_told_before_the_input_is_looked_at,
            terms::a_browser_is_shown_a_page_under_a_strict_policy,
            terms::a_page_of_another_site_may_pay_and_read_terms_and_receipt,
            terms::what_the_site_sells_is_told_for_nothing,
            terms::asking_for_options_is_free_and_gets_no_content,
            terms::a_route_without_a_price_costs_nothing_and_has_no_payment,
            terms::a_handler_that_counts_on_a_payment_is_not_run_without_a_price,
            served::who_has_paid_is_served_with_a_receipt_for_nobody_else,
            served::status_location_and_cookies_of_the_handler_survive,
            served::the_handler_is_told_who_pays,
            served::the_framework_reads_the_input_of_who_has_paid,
            served::asking_for_the_head_is_charged_as_getting_it_and_has_no_body,
            served::an_answer_without_success_is_not_charged,
            served::what_was_settled_upfront_and_then_failed_is_owed,
            served::any_success_is_charged,
            served::what_the_framework_cannot_read_is_not_charged,
            served::what_the_framework_refuses_is_for_nobody_else,
            served::what_the_framework_refuses_has_its_receipt_where_it_is_settled,
            served::up_to_a_limit_so_much_is_charged_as_the_handler_says,
            served::a_charge_that_fails_is_an_error_and_nothing_is_settled,
            once::of_copies_of_a_payment_at_once_one_is_served,
            once::payments_of_many_at_once_are_all_served,
            once::a_payment_that_is_used_is_refused_without_a_challenge,
            once::a_payment_for_another_route_of_the_same_price_is_refused,
            once::a_named_payment_whose_answer_was_lost_gets_it_without_another_run,
            once::a_named_payment_sent_again_gets_the_same_answer,
            once::a_price_behind_a_price_sells_nothing_and_asks_for_no_other_payment,
            hostile::two_payments_in_one_request_are_refused,
            hostile::what_is_no_payment_is_the_clients_fault,
            hostile::a_header_of_a_megabyte_is_refused_and_the_site_lives,
            hostile::a_payment_with_a_forged_signature_is_refused_unasked,
            outcomes::a_payment_that_the_facilitator_refuses_runs_no_handler,
            outcomes::without_a_facilitator_nothing_is_sold_and_nothing_asked_for,
            outcomes::a_settlement_that_failed_is_told_with_its_receipt_and_no_content,
            outcomes::a_settlement_that_is_not_known_asks_for_no_other_payment,
            outcomes::a_settlement_that_is_not_confirmed_asks_for_no_other_payment,
            hanging_up::who_hangs_up_during_settlement_is_charged_once_and_served_once,
            hanging_up::who_hangs_up_while_the_handler_runs_is_not_charged,
            hanging_up::who_hangs_up_while_the_answer_is_held_back_is_not_charged,
            hanging_up::who_hangs_up_during_verification_is_not_charged,
            hanging_up::who_hangs_up_after_paying_upfront_is_served_once,
            hanging_up::a_handler_that_panics_charges_nothing_and_the_site_lives,
            hanging_up::draining_waits_for_settlements_that_nobody_waits_for,
            streams::a_metered_stream_is_settled_at_its_end_for_what_was_sent,
            streams::a_metered_stream_that_the_client_cuts_is_settled_for_what_was_sent,
            streams::a_metered_stream_ends_where_the_limit_is_reached,
            streams::a_metered_stream_that_breaks_off_is_settled_for_what_was_sent,
            streams::what_breaks_off_while_it_is_held_back_is_not_charged,
            streams::what_is_settled_upfront_is_not_held_back,
            streams::what_is_settled_after_is_held_back_until_it_is,
            streams::a_long_answer_is_held_back_whole,
            streams::asking_for_the_head_of_a_stream_does_not_wait_for_it,
            streams::an_answer_too_long_to_be_held_back_is_not_charged,
            streams::a_stream_of_events_is_not_waited_for,
            prices::either_of_two_prices_can_be_paid,
            prices::a_price_is_found_by_the_path_and_the_query,
            prices::a_price_that_was_told_is_payable_after_it_has_moved,
            prices::a_price_that_was_told_for_something_cheaper_is_not_taken,
            prices::where_no_price_can_be_told_nothing_is_sold,
            prices::what_a_request_says_twice_is_not_priced_by_either,
            prices::a_price_function_gives_away_and_refuses,
            prices::a_hook_gives_away_and_refuses_before_anything_is_paid,
            prices::what_is_given_away_is_not_given_to_a_handler_that_counts_on_a_payment,
            prices::what_is_given_to_a_payer_tells_the_handler_who_that_is,
            prices::a_hook_gives_away_and_withholds_before_it_is_settled,
            addresses::no_header_and_no_absolute_target_gets_into_the_address,
            addresses::no_spelling_of_a_path_reaches_the_handler_unpaid,
            addresses::another_spelling_is_another_resource,
            connections::a_challenge_leaves_the_connection_good_for_the_payment,
            connections::a_challenge_to_a_request_with_a_body_leaves_the_connection_good,
            connections::who_has_not_paid_is_told_so_before_the_body_has_come,
            connections::a_payment_does_not_outlive_its_request,
            connections::of_copies_on_one_connection_one_is_served,
            connections::clients_of_http_1_0_buy_too,
            connections::a_payment_that_follows_the_body_is_none,
        }
    };
    (@tests $shop:ty; $($about:ident::$claim:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                $crate::claims::$about::$claim::<$shop>().await;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    /// A claim that is not on the list is not tested.
    #[test]
    fn every_claim_is_on_the_list() {
        let list = include_str!("list.rs");
        let mut claims = 0;
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/claims");
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let about = path.file_stem().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let (claim, _) = line.split_once("<S: Shop>").unwrap();
                assert!(list.contains(&format!("{about}::{claim},")), "{about}::{claim}");
                claims += 1;
            }
        }
        assert!(claims > 40, "{claims}");
    }
}
