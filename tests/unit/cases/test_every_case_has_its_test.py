"""Each report of another project that was tried here (research/cases.md, by its number) is a test by name.

The names are checked; that the tests pass is their own business. Where a case is about several doors, each has its test.
"""

import ast
from functools import cache
from pathlib import Path
from typing import Final

import pytest

_TESTS: Final = Path(__file__).parents[2]

# fmt: off
CASES: Final[dict[int, tuple[str, ...]]] = {
    1: ("unit/chassis/test_decoding.py::test_deep_data_is_read_or_refused",
        "integration/feed/test_odd_events.py::test_deep_json_is_rejected_beside_good_neighbours",
        "unit/console/test_tail.py::test_tail_shows_deep_data"),
    2: ("unit/chassis/test_decoding.py::test_a_timestamp_that_is_no_date_does_not_matter",),
    3: ("unit/chassis/test_patches.py::test_a_header_name_that_is_no_utf_8_keeps_its_bytes",),
    4: ("unit/chassis/test_settings.py::test_what_can_never_work_is_refused_by_its_name",),
    5: ("integration/chassis/test_refused_at_start.py::test_a_pooler_that_refuses_our_parameters_ends_it_with_a_sentence",
        "integration/chassis/test_refused_at_start.py::test_a_pooler_that_takes_everything_is_refused_too"),
    6: ("unit/cases/test_env_file.py::test_a_file_means_what_it_means_to_compose",
        "unit/cases/test_surroundings.py::test_a_deployment_is_asked_where_compose_publishes_it"),
    7: ("unit/cases/test_passwords.py::test_a_password_is_the_same_behind_its_url",
        "unit/cases/test_passwords.py::test_a_broker_gets_its_passwords_as_they_are",
        "integration/cases/test_backup_asks_who_works.py::test_a_password_of_any_characters_is_dumped_with"),
    8: ("unit/cases/test_surroundings.py::test_services_here_are_asked_directly",
        "integration/cases/test_backup_asks_who_works.py::test_a_server_that_does_not_answer_is_no_stopped_service"),
    9: ("unit/membership/test_days_have_bounds.py::test_a_plan_until_9999_12_31_has_no_end",),
    10: ("unit/registry/test_page_paths.py::test_every_page_of_wechats_demonstration_is_taken",
         "unit/registry/test_page_paths.py::test_a_page_as_people_have_it_is_taken"),
    11: ("unit/contracts/test_values.py::test_cr_lf_is_taken_as_lf",
         "integration/feed/test_odd_requests.py::test_a_post_from_a_form_is_taken"),
    12: ("integration/inventory/test_refunds.py::test_goods_that_cost_nothing_any_more_come_back_to_their_shelf",),
    13: ("unit/chassis/test_settings.py::test_an_otlp_endpoint_without_a_path_is_completed",),
    14: ("integration/chassis/test_doors.py::test_head_is_answered_like_get_without_a_body",),
    15: ("e2e/test_a_tool_among_others.py::test_force_color_makes_no_terminal_of_a_pipe",),
    16: ("unit/console/test_tail.py::test_tail_reads_structured_mode",
         "unit/console/test_tail.py::test_tail_reads_names_in_capitals"),
    17: ("unit/chassis/test_decoding.py::test_a_time_of_rfc_3339_is_taken",
         "integration/feed/test_odd_events.py::test_a_time_of_rfc_3339_is_taken",
         "integration/feed/test_odd_events.py::test_an_odd_time_is_rejected_with_its_pointer"),
    18: ("integration/cases/test_front_door.py::test_every_legal_form_of_one_event_is_that_event",
         "integration/cases/test_front_door.py::test_an_empty_batch_has_no_results",
         "unit/chassis/test_decoding.py::test_data_in_base64_is_read"),
    19: ("integration/feed/test_odd_events.py::test_large_numbers_as_ids_lose_no_event",),
    20: ("unit/cases/test_command_line.py::test_an_argument_that_makes_no_sense_is_usage",
         "e2e/test_a_tool_among_others.py::test_a_charset_without_a_character_gets_its_escape",
         "unit/cases/test_command_line.py::test_a_shell_is_given_an_exit_code_and_no_traceback"),
    21: ("integration/feed/test_odd_requests.py::test_no_file_of_jsontestsuite_is_a_bug_of_ours",
         "integration/cases/test_front_door.py::test_no_document_is_a_bug_of_ours"),
    22: ("unit/contracts/test_values.py::test_a_name_that_nobody_sees_is_refused",
         "integration/feed/test_odd_requests.py::test_a_post_that_nobody_sees_is_refused"),
    23: ("integration/chassis/test_transactions.py::test_a_transaction_s_marker_is_no_lag",),
    24: ("integration/chassis/test_transactions.py::test_what_a_publisher_took_back_has_no_effect",),
    25: ("integration/chassis/test_outages.py::test_a_read_only_database_is_503_and_writes_again_by_itself",),
    26: ("integration/feed/test_odd_events.py::test_an_odd_time_is_rejected_with_its_pointer",),
    27: ("integration/feed/test_odd_events.py::test_every_journey_that_is_named_can_be_looked_at",),
    28: ("integration/chassis/test_outages.py::test_a_column_added_while_it_runs_parks_nothing_and_is_no_bug",
         "integration/crashes/test_columns_added.py::test_no_handler_and_no_command_minds_a_column_that_is_added"),
    29: ("integration/security/test_absent_is_unchanged.py::test_what_a_command_does_not_mention_stays",
         "integration/feed/test_odd_requests.py::test_a_rename_keeps_the_kind_of_an_account"),
    30: ("integration/inventory/test_refunds.py::test_the_same_refund_again_is_the_same_answer",),
    31: ("e2e/test_what_operators_see.py::test_what_was_set_aside_is_listed_counted_shown_and_revealed",
         "unit/console/test_health.py::test_parked_records_are_counted_all"),
    32: ("integration/feed/test_odd_requests.py::test_the_last_page_of_a_timeline_has_no_next_one",
         "integration/chassis/test_audit.py::test_the_last_full_page_is_marked_as_the_last"),
    33: ("integration/chassis/test_transactions.py::test_a_service_that_retention_passed_is_alive_and_lists_the_gap",
         "e2e/test_repair.py::test_the_doctor_finds_what_retention_passed_and_republish_mends_it"),
    34: ("e2e/test_tail_looks_back.py::test_the_start_is_never_taken_for_the_end",),
    35: ("integration/feed/test_same_id_other_content.py::test_a_byte_order_mark_is_passed_over",
         "integration/chassis/test_doors.py::test_a_compressed_body_is_refused_with_a_reason"),
    36: ("integration/feed/test_odd_requests.py::test_openapi_gives_the_most_bytes_of_a_body",),
    37: ("integration/registry/test_small_cases.py::test_traditional_characters_find_simplified_names",
         "integration/registry/test_search_limits.py::test_no_text_of_a_post_can_stop_the_search"),
    38: ("integration/local/test_local_stack.py::test_data_and_ports_survive_down_and_up",),
    39: ("unit/cases/test_surroundings.py::test_a_healthcheck_asks_where_the_service_listens",),
    40: ("unit/console/test_container_preflight.py::test_a_rootless_engine_wants_its_own_group",),
    41: ("unit/cases/test_surroundings.py::test_a_local_stack_gets_nothing_of_another_deployment",),
    42: ("unit/inventory/test_shelves.py::test_what_was_sold_after_a_count_stays_sold",
         "unit/inventory/test_shelves.py::test_an_older_count_does_not_overrule_a_newer_one"),
    43: ("unit/membership/test_approvals.py::test_each_currency_has_its_own_threshold_and_none_means_two_people",),
    44: ("integration/chassis/test_every_record.py::test_every_record_is_handled_in_order_or_set_aside_as_it_is",
         "unit/chassis/test_decoding.py::test_of_two_equal_headers_the_last_counts"),
    45: ("integration/security/test_hostile_texts.py::test_an_injection_string_is_refused_or_given_back_as_it_is",),
    46: ("integration/chassis/test_every_record.py::test_a_batch_that_cannot_be_unpacked_is_parked_whole",),
    47: ("unit/chassis/test_envelope.py::test_we_read_what_the_sdk_writes_in_binary_mode",
         "unit/chassis/test_envelope.py::test_we_read_what_the_sdk_writes_in_structured_mode"),
    48: ("integration/chassis/test_outages.py::test_deadlines_fall_due_after_a_moment_of_read_only",),
    49: ("integration/chassis/test_outages.py::test_deadlines_fall_due_after_connections_were_cut",),
    51: ("integration/membership/test_ways_to_money.py::test_refunds_of_two_merchants_with_one_id_both_count",),
    52: ("integration/cases/test_backup_asks_who_works.py::test_a_role_that_is_connected_is_named",),
    54: ("unit/chassis/test_settings.py::test_what_can_never_work_is_refused_by_its_name",
         "unit/cases/test_durations.py::test_an_absurd_time_is_refused_by_its_name"),
    56: ("unit/console/test_tail.py::test_verify_reads_structured_mode_and_capitals",
         "e2e/test_other_services_publish.py::test_identities_hold_after_posts_of_others"),
    58: ("e2e/test_a_tool_among_others.py::test_a_token_out_of_a_file_may_end_with_its_line",),
    62: ("integration/chassis/test_outages.py::test_fifteen_cuts_while_events_flow_park_nothing",),
}
# fmt: on


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((_TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_a_test_by_name(case: int) -> None:
    for test in CASES[case]:
        file, _, name = test.partition("::")
        assert name in names_in(file), f"case {case}: {test} is gone: name the test that has its input now"


def test_no_case_of_the_first_forty_seven_is_left_out() -> None:
    assert set(range(1, 48)) <= CASES.keys()
