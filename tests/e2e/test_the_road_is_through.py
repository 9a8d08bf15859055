"""The story of the README, and what happens when it does not go well."""

import signal
from datetime import UTC, datetime

import httpx
import pytest
from uuid_utils.compat import uuid7

from lutong_chassis.envelope import Cause, Envelope, to_headers
from lutong_console.cli.commands.journey import Step
from lutong_console.cli.demo.scenarios import ROADS, Road, Scenario
from lutong_console.targets import Suite
from lutong_local.stack import Stack, start_service, stop_service
from tests.support.harness import RawRecord, feed, until


@pytest.mark.parametrize(
    ("road", "viewer"),
    list(zip(ROADS, "abcd", strict=True)),
    ids=["solved in place", "nearest store", "flagship", "declined"],
)
async def test_the_road_is_through(road: Road, viewer: str, walkers: dict[str, Scenario]) -> None:
    walker = walkers[viewer]
    await road.walk(walker)

    assert sorted(step.name for step in walker.seen) == sorted(road.events)
    assert walker.ends
    assert all(walker.ends.values()), walker.ends


async def test_every_event_of_a_road_is_on_one_journey_and_names_its_cause(walkers: dict[str, Scenario]) -> None:
    walker = walkers["b"]
    await ROADS[1].walk(walker)

    known = {step.event_id for step in walker.seen}
    roots = [step.name for step in walker.seen if step.causation_id is None]
    assert roots == ["PostPublished"]
    assert all(step.causation_id in known for step in walker.seen if step.causation_id)
    assert chain(walker.seen, "HoldCaptured") == [
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


async def an_order(walker: Scenario) -> str:
    """A post, a tap and an order of two masks."""
    await walker.publish("watsons", "面膜，先享后付", "demo-watsons")
    await walker.tap()
    return await walker.order("mask", 2)


async def test_a_viewer_changes_their_mind_and_everything_is_given_back(walkers: dict[str, Scenario]) -> None:
    walker = walkers["b"]
    order = await an_order(walker)
    await walker.until("OrderSourced")
    await walker.ask("feed", "POST", f"/v1/requests/{order}/cancellation", viewer_id=walker.viewer)
    await walker.until("HoldReleased")

    await walker.settled(f"/v1/requests/{order}", lambda request: request["status"] == "cancelled")
    await walker.check(
        "membership",
        "released",
        "SELECT state = 'released' AND held_minor = 0 FROM hold JOIN credit_line USING (member_id) WHERE order_id = $1",
        order,
    )
    await walker.check(
        "inventory", "unreserved", "SELECT count(*) = 0 FROM reservation WHERE order_id = $1 AND state = 'open'", order
    )
    assert all(walker.ends.values()), walker.ends


async def test_a_suspended_program_disables_its_cards_until_it_is_resumed(walkers: dict[str, Scenario]) -> None:
    walker = walkers["a"]
    await walker.publish("zheliban", "公积金新政策")
    await walker.ask("registry", "POST", "/v1/programs/demo-fund/suspension", reason="security_incident")
    await walker.settled(f"/v1/posts/{walker.post}", lambda post: post["card"]["reason"] == "suspended")
    await walker.ask("registry", "DELETE", "/v1/programs/demo-fund/suspension")
    await walker.settled(f"/v1/posts/{walker.post}", lambda post: post["card"]["state"] == "active")


@pytest.mark.parametrize("service", ["registry", "membership", "inventory"])
async def test_a_service_that_dies_on_the_road_takes_it_up_where_it_was(
    service: str, stack: Stack, walkers: dict[str, Scenario]
) -> None:
    walker = walkers["c"]
    if service != "registry":
        await walker.publish("watsons", "面膜，先享后付", "demo-watsons")
        await walker.tap()
    stop_service(stack, service, signal.SIGKILL)
    if service == "registry":
        published = await walker.ask(
            "feed", "POST", "/v1/posts", author_id="watsons", text="面膜", program_id="demo-watsons"
        )
        walker.post, walker.journey = published["post_id"], published["journey"]
    else:
        await walker.order("mask", 1)
    start_service(stack, service, dies_with_parent=True)
    await walker_ready(walker, service)

    await walker.until("ServiceDiscovered" if service == "registry" else "OrderSourced")


async def walker_ready(walker: Scenario, service: str) -> None:
    """Wait until a service that was started again is ready."""

    async def ready() -> bool:
        try:
            answer = await walker.client.get(f"{walker.target.urls[service]}/readyz")
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    await until(ready, f"{service} is ready again")


async def test_poison_on_a_real_topic_is_parked_and_the_road_beside_it_stays_open(
    target: Suite, walkers: dict[str, Scenario]
) -> None:
    walker = walkers["a"]
    key = f"poison-{uuid7().hex[-8:]}"
    headers = to_headers(
        Envelope("x", "/partner", "lutong.feed.post-published.v1", datetime.now(UTC), key, 1, Cause("x"))
    )
    bad = [RawRecord(key, b"\xff\xfe", [*headers]), RawRecord(key, None, [("ce_id", None)])]
    await feed(target.kafka.bootstrap, "lutong.feed.posts", bad)
    await ROADS[0].walk(walker)

    async def parked(service: str) -> list[str]:
        rows = await walker.ask(service, "GET", "/operations/parked")
        return [row["id"] for row in rows if row["waiting"] == 1]

    for service in ("registry", "feed"):  # both consume the topic
        (head,) = await until(lambda service=service: parked(service), "one is parked and one waits")  # type: ignore[misc]
        for _ in range(2):
            answer = await walker.ask(
                service, "POST", f"/operations/parked/{head}/discard", reason="garbage from a partner"
            )
            head = answer["next_parked"]
        assert await walker.ask(service, "GET", "/operations/parked") == []
