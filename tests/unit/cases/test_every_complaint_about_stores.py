"""What people complain about in other shops (research/domain.md, 4.4) is a test here by name, and so is each edge case.

The names are checked; that the tests pass is their own business.
"""

from typing import Final

import pytest

from tests.unit.cases.test_every_case_has_its_test import names_in

_IT, _UNIT = "integration/inventory/", "unit/inventory/"

# fmt: off
COMPLAINTS: Final[dict[str, tuple[str, ...]]] = {
    "two checkouts at once oversell": (
        "stress/test_stock.py::test_a_thousand_buyers_of_a_hundred_units_get_exactly_a_hundred",
        f"{_IT}test_inventory.py::test_fifty_buyers_for_the_last_ten_units",
        f"{_IT}test_inventory.py::test_negative_control_read_then_write_sells_more_than_there_is"),
    "two lines for one item pass the same check": (
        f"{_IT}test_inventory.py::test_two_lines_of_one_order_for_one_sku_need_the_sum",
        f"{_UNIT}test_sourcing.py::test_an_order_with_two_lines_of_one_sku_needs_the_sum"),
    "a reservation moves without a look at its destination": (
        f"{_UNIT}test_shelves.py::test_more_than_there_is_cannot_be_reserved",
        f"{_IT}test_parts.py::test_orders_that_race_for_the_last_goods_are_never_promised_them_twice"),
    "orders from the net take a store's last goods": (
        f"{_UNIT}test_commands.py::test_protected_units_are_never_promised",
        f"{_IT}test_sourcing.py::test_a_full_store_lets_the_next_one_serve"),
    "a pickup is offered where there is none, and not where there is": (
        f"{_IT}test_availability.py::test_what_is_promised_is_what_sourcing_chooses",
        f"{_IT}test_sourcing.py::test_the_33rd_order_of_a_city_is_served",
        f"{_IT}test_sourcing.py::test_closed_paused_and_full_stores_do_not_hide_the_one_that_serves"),
    "the notice that goods are ready fails or comes again and again": (
        f"{_IT}test_pickup.py::test_a_member_who_has_not_come_is_reminded",
        f"{_IT}test_pickup.py::test_a_member_who_came_is_not_reminded"),
    "the cut-off holds on the page only, and a slot expires on the way": (
        f"{_IT}test_slots.py::test_cut_off_is_judged_when_the_order_comes",
        f"{_IT}test_slots.py::test_expiry_and_order_have_one_winner",
        f"{_IT}test_slots.py::test_the_table_refuses_an_eleventh_place",
        f"{_UNIT}test_slots.py::test_a_place_is_not_held_past_the_cut_off"),
    "the books are wrong once a part has left": (
        f"{_IT}test_parts.py::test_each_part_takes_its_steps_and_the_whole_ends_with_the_last",
        f"{_IT}test_parts.py::test_what_has_left_still_comes_when_the_rest_is_cancelled"),
}
EDGES: Final[dict[str, tuple[str, ...]]] = {
    "a store closes early with slots that are booked": (
        f"{_IT}test_slots.py::test_a_store_that_closes_early_asks_its_members",),
    "the till sells the last unit, which is promised": (
        f"{_IT}test_inventory.py::test_a_count_below_what_is_promised_sends_the_latest_order_elsewhere",),
    "a short pick, and a threshold that it breaks": (
        "integration/membership/test_parts.py::test_a_coupon_is_judged_again_by_what_came",),
    "nobody comes for the goods": (
        f"{_IT}test_pickup.py::test_what_nobody_picks_up_is_on_the_shelf_again",),
    "the flagship takes longer, which takes consent": (
        f"{_UNIT}test_outcomes.py::test_the_flagship_is_offered_at_the_price_that_was_agreed",
        f"{_UNIT}test_sales.py::test_only_what_a_store_had_goes_to_the_flagship_by_consent"),
    "another person comes for the goods": (
        f"{_IT}test_pickup.py::test_the_code_gets_the_goods_once",),
    "a transfer is lost on its way": (
        f"{_UNIT}test_transfers.py::test_what_does_not_come_is_lost_and_on_no_shelf",),
    "an order goes round and round": (
        f"{_IT}test_sourcing.py::test_a_store_that_declines_never_has_the_order_again",
        f"{_IT}test_parts_elsewhere.py::test_no_part_goes_back_to_who_had_the_whole_order"),
    "clocks go forward abroad": (
        f"{_UNIT}test_slots.py::test_daylight_saving_moves_a_slot_abroad_and_not_its_clock",
        f"{_UNIT}test_slots.py::test_a_slot_in_the_hour_that_spring_leaves_out_is_refused"),
    "a decline comes twice": (
        f"{_UNIT}test_steps.py::test_an_order_is_decided_on_only_where_it_is_now",),
}
# fmt: on


@pytest.mark.parametrize("case", [*COMPLAINTS, *EDGES])
def test_a_complaint_is_a_test_by_name(case: str) -> None:
    for test in (COMPLAINTS | EDGES)[case]:
        file, _, name = test.partition("::")
        assert name in names_in(file), f"{case}: {test} is gone: name the test that has it now"
