"""The story of the README, and what happens when it does not go well."""

import asyncio
import signal
from datetime import UTC, datetime

import pytest
from uuid_utils.compat import uuid7

from lutong_chassis.envelope import Cause, Envelope, to_headers
from lutong_console.cli.commands.journey import Step
from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Road, Scenario
from lutong_console.targets import Suite
from lutong_local.stack import Stack, start_service, stop_service, wait_until_ready
from tests.support.harness import RawRecord, feed, until


@pytest.mark.parametrize(
    "road",
    ROADS,
    ids=[
        "solved in place",
        "nearest store",
        "flagship",
        "declined",
        "pickup with code",
        "store rejects",
        "short shelf",
        "bill of a service",
    ],
)
async def test_the_road_is_through(road: Road, scenarios: dict[str, Scenario]) -> None:
    scenario = scenarios[road.letter]
    await road.walk(scenario)

    assert sorted(step.name for step in scenario.seen) == sorted(road.events)
    assert scenario.ends
    assert all(scenario.ends.values()), scenario.ends


async def test_events_of_a_road_share_a_journey_and_name_their_cause(scenarios: dict[str, Scenario]) -> None:
    scenario = scenarios["b"]
    await ROADS[1].walk(scenario)

    known = {step.event_id for step in scenario.seen}
    roots = [step.name for step in scenario.seen if step.causation_id is None]
    assert roots == ["PostPublished"]
    assert all(step.causation_id in known for step in scenario.seen if step.causation_id)
    assert chain(scenario.seen, "HoldCaptured") == [
        "HoldCaptured", "OrderFulfilled", "CreditHeld", "ServiceRequested", "ServiceDiscovered", "PostPublished",
    ]  # fmt: skip


def chain(steps: list[Step], name: str) -> list[str]:
    """The names of an event and its causes, back to the first."""
    by_id = {step.event_id: step for step in steps}
    step: Step | None = next(step for step in steps if step.name == name)
    names = []
    while step is not None:
        names.append(step.name)
        step = by_id.get(step.causation_id or "")
    return names


async def an_order(scenario: Scenario) -> str:
    """A post, a tap and an order of two masks."""
    await scenario.publish("watsons", "面膜，先享后付", "demo-watsons")
    await scenario.tap()
    return await scenario.order("mask", 2)


async def test_a_viewer_changes_their_mind_and_everything_is_given_back(scenarios: dict[str, Scenario]) -> None:
    scenario = scenarios["b"]
    order = await an_order(scenario)
    await scenario.until("OrderSourced")
    await scenario.ask("feed", "POST", f"/v1/requests/{order}/cancellation", viewer_id=scenario.viewer)
    await scenario.until("HoldReleased")

    await scenario.settled(f"/v1/requests/{order}", lambda request: request["status"] == "cancelled")
    await scenario.check(
        "membership",
        "released",
        "SELECT state = 'released' AND held_minor = 0 FROM hold JOIN credit_line USING (member_id) WHERE order_id = $1",
        order,
    )
    await scenario.check(
        "inventory", "unreserved", "SELECT count(*) = 0 FROM reservation WHERE order_id = $1 AND state = 'open'", order
    )
    assert all(scenario.ends.values()), scenario.ends


async def test_a_suspended_program_disables_its_cards_until_it_is_resumed(scenarios: dict[str, Scenario]) -> None:
    scenario = scenarios["a"]
    await scenario.publish("zheliban", "公积金新政策")
    await scenario.ask("registry", "POST", "/v1/programs/demo-fund/suspension", reason="security_incident")
    await scenario.settled(f"/v1/posts/{scenario.post}", lambda post: post["card"]["reason"] == "suspended")
    await scenario.ask("registry", "DELETE", "/v1/programs/demo-fund/suspension")
    await scenario.settled(f"/v1/posts/{scenario.post}", lambda post: post["card"]["state"] == "active")


@pytest.mark.parametrize("service", ["registry", "membership", "inventory"])
async def test_a_service_that_dies_on_the_road_goes_on_afterwards(
    service: str, stack: Stack, scenarios: dict[str, Scenario]
) -> None:
    scenario = scenarios["c"]
    if service != "registry":
        await scenario.publish("watsons", "面膜，先享后付", "demo-watsons")
        await scenario.tap()
    stop_service(stack, service, signal.SIGKILL)
    if service == "registry":
        published = await scenario.ask(
            "feed", "POST", "/v1/posts", author_id="watsons", text="面膜", program_id="demo-watsons"
        )
        scenario.post, scenario.journey = published["post_id"], published["journey"]
    else:
        await scenario.order("mask", 1)
    start_service(stack, service, dies_with_parent=True)
    await asyncio.to_thread(wait_until_ready, stack, (service,), lambda _: None)  # shows why, when it is not

    await scenario.until("ServiceDiscovered" if service == "registry" else "OrderSourced")


async def test_poison_on_a_real_topic_is_parked_and_roads_stay_open(
    target: Suite, scenarios: dict[str, Scenario]
) -> None:
    scenario = scenarios["a"]
    key = f"poison-{uuid7().hex[-8:]}"
    headers = to_headers(
        Envelope("x", "/partner", "lutong.feed.post-published.v1", datetime.now(UTC), key, 1, Cause("x"))
    )
    bad = [RawRecord(key, b"\xff\xfe", [*headers]), RawRecord(key, None, [("ce_id", None)])]
    await feed(target.kafka.bootstrap, "lutong.feed.posts", bad)
    await ROADS[0].walk(scenario)

    async def parked(service: str) -> list[str]:
        rows = await scenario.ask(service, "GET", "/operations/parked")
        return [row["id"] for row in rows if row["waiting"] == 1]

    for service in ("registry", "feed"):  # both consume the topic
        (head,) = await until(lambda service=service: parked(service), "one is parked and one waits")  # type: ignore[misc]
        for _ in range(2):
            answer = await scenario.ask(
                service, "POST", f"/operations/parked/{head}/discard", reason="garbage from a partner"
            )
            head = answer["next_parked"]
        assert await scenario.ask(service, "GET", "/operations/parked") == []
