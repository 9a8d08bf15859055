"""`lutong journey` finds a road by whatever an operator has: its id, an event, an order, a post."""

import json

import pytest

from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario
from tests.support.command_line import Lutong


async def test_an_order_a_post_and_an_event_find_their_journey(lutong: Lutong, scenarios: dict[str, Scenario]) -> None:
    scenario = scenarios["b"]
    await ROADS[1].walk(scenario)
    whole = json.loads(lutong("journey", scenario.journey, "--json").stdout)
    by_name = {step["event"]: step for step in whole}
    order, post = by_name["OrderSourced"], by_name["PostPublished"]
    for wanted in (order["key"], post["key"], order["event_id"], post["event_id"]):
        done = lutong("journey", wanted, "--json")
        assert done.returncode == 0, done.stderr
        assert f"{wanted} is part of 1 journey: {scenario.journey}" in done.stderr
        assert json.loads(done.stdout) == whole


async def test_what_is_on_two_journeys_shows_both_in_order_of_time(
    lutong: Lutong, scenarios: dict[str, Scenario]
) -> None:
    scenario = scenarios["a"]
    await ROADS[0].walk(scenario)
    first = scenario.journey
    await ROADS[0].walk(scenario)
    done = lutong("journey", scenario.viewer, "--json")
    steps = json.loads(done.stdout)
    assert f"{scenario.viewer} is part of 3 journeys: {scenario.journey}, {first}, " in done.stderr
    assert {step["journey"] for step in steps if step["event"] != "AccountChanged"} == {first, scenario.journey}
    assert [step["ms"] for step in steps] == sorted(step["ms"] for step in steps)


@pytest.mark.parametrize("wanted", ["nothing", "../../livez", "x' OR '1'='1", "%"])
def test_what_nobody_knows_is_answered_with_a_sentence(wanted: str, lutong: Lutong) -> None:
    done = lutong("journey", wanted)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no journey, event, order or post is called" in done.stderr


def test_a_service_that_is_away_hides_no_other(lutong: Lutong) -> None:
    done = lutong.having(LUTONG_FEED_URL="http://127.0.0.1:9")("journey", "nothing")
    assert "feed does not answer" in done.stderr
    assert "Traceback" not in done.stderr
