//! The checks by subject. [`conformance_tests`](crate::conformance_tests) makes a test of each.
//!
//! A check panics with what is wrong. It leaves out what the platform has not, by the capabilities
//! of the adapter and by [`Double::habits`](super::Double::habits) alone.

pub mod cards;
pub mod chats;
pub mod continuity;
pub mod deeds;
pub mod files;
pub mod order;
pub mod receiving;
pub mod sending;
pub mod texts;
pub mod trouble;

/// One test for every check: `conformance_tests!(make);`, where `make` is an
/// `async fn() -> Box<dyn Double>` of the same module. More than one platform in a file: one `mod`
/// for each.
#[macro_export]
macro_rules! conformance_tests {
    ($make:ident) => {
        $crate::conformance_tests! { @of receiving, $make,
            a_private_message_arrives_with_its_author_chat_and_id,
            a_message_in_a_group_arrives_with_its_author_chat_and_id,
            what_is_special_to_a_parser_arrives_as_it_was_written,
            two_lines_arrive_as_two_lines,
            a_mention_is_told_from_no_mention,
            a_reply_to_the_bot_means_the_bot,
            a_reply_quotes_what_it_replies_to,
            a_thread_is_told_from_its_chat,
            a_refusal_is_told_only_to_a_sender_that_waits,
        }
        $crate::conformance_tests! { @of order, $make,
            messages_arrive_in_the_order_in_which_they_were_written,
            the_same_words_twice_are_two_messages,
            what_was_not_committed_comes_again_under_the_same_ids,
            what_was_committed_does_not_come_again,
            what_is_written_while_nobody_listens_arrives_once,
            a_receive_that_is_dropped_loses_nothing,
        }
        $crate::conformance_tests! { @of texts, $make,
            a_text_is_shown_where_it_is_sent,
            a_text_to_a_group_is_shown_in_the_group,
            a_text_to_a_thread_is_shown_in_the_thread,
            an_answer_to_a_message_is_shown,
            characters_that_mean_something_to_a_platform_survive,
            formats_leave_the_words_alone,
            a_format_that_is_not_closed_is_shown_as_it_is,
            code_is_shown_as_it_was_written,
            the_longest_text_is_one_message,
            the_parts_of_a_long_text_are_shown_in_order_and_complete,
        }
        $crate::conformance_tests! { @of sending, $make,
            it_shows_that_it_works,
            a_draft_never_adds_a_message,
            a_private_chat_is_opened_with_a_person,
            what_the_platform_has_not_is_refused_or_shown_in_words,
            a_silent_text_rings_nobody_up_and_another_does,
            a_message_of_ours_is_taken_away,
            the_same_part_again_is_shown_once_where_the_platform_knows_it,
        }
        $crate::conformance_tests! { @of files, $make,
            a_document_arrives_byte_for_byte,
            a_picture_arrives_as_a_picture,
            a_file_that_is_too_large_is_not_fetched,
            a_file_that_is_not_there_cannot_be_had,
            a_file_goes_out_byte_for_byte,
            a_file_goes_out_under_its_name,
            a_file_of_ours_that_is_gone_is_refused,
            several_files_go_out_together,
        }
        $crate::conformance_tests! { @of cards, $make,
            a_card_shows_its_text_and_buttons,
            a_card_of_the_largest_size_is_shown,
            a_press_says_what_who_and_where,
            a_press_in_a_group_says_what_who_and_where,
            two_presses_are_two_clicks,
            a_press_that_was_not_committed_comes_again_under_its_id,
            an_edit_replaces_the_text_and_takes_the_buttons_away,
            an_edit_can_bring_other_buttons,
            a_reaction_is_set_and_taken_away,
            what_is_not_there_cannot_be_edited_and_is_refused,
        }
        $crate::conformance_tests! { @of trouble, $make,
            a_rate_limit_says_how_long_to_wait,
            what_is_forbidden_is_refused_and_the_next_is_not,
            an_error_of_the_server_passes,
            a_lost_answer_is_told_and_a_repeat_is_marked,
            formats_that_are_not_understood_are_left_out,
            a_broken_connection_loses_nothing,
            what_nobody_understands_is_passed_over,
            a_wrong_credential_is_told_apart,
            without_a_credential_it_says_what_to_do,
            a_platform_that_is_down_is_waited_for,
            a_connection_shows_no_credential,
        }
        $crate::conformance_tests! { @of deeds, $make,
            an_edit_says_what_was_changed_and_by_whom,
            two_edits_are_told_apart,
            a_mention_that_is_added_later_is_told,
            a_deletion_says_what_is_gone,
            a_reaction_to_the_bot_is_told_and_its_end,
            an_album_is_one_message_with_all_its_files,
            a_forward_says_whose_words_it_has,
            files_of_a_quoted_message_come_with_the_question,
            what_cannot_be_read_is_named,
            an_identity_of_several_people_is_told_apart,
        }
        $crate::conformance_tests! { @of chats, $make,
            a_chat_that_the_bot_leaves_and_enters_is_told,
            a_new_title_of_a_chat_is_told,
            what_did_not_arrive_after_all_is_told,
            what_a_chat_can_do_is_no_more_than_its_account_can,
        }
        $crate::conformance_tests! { @of continuity, $make,
            it_gives_signs_of_life_while_nothing_happens,
            what_became_of_a_gap_is_stated_while_nothing_happens,
            what_became_of_a_gap_is_stated_once,
            a_broken_connection_is_followed_by_a_statement_that_holds,
            the_first_connection_misses_nothing,
            a_renewed_credential_goes_on_where_the_former_stopped,
        }
    };
    (@of $subject:ident, $make:ident, $($check:ident,)+) => {
        mod $subject {
            $(
                #[tokio::test]
                async fn $check() {
                    let double: Box<dyn $crate::conformance::Double> = super::$make().await;
                    $crate::conformance::checks::$subject::$check(&*double).await;
                }
            )+
        }
    };
}
