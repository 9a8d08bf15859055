"""All roads, walked by services that have no right but those that are declared."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from lutong_chassis import tokens
from lutong_chassis.grants import VERIFIER
from lutong_console.bearer import operator
from lutong_console.cli.demo.roads import ROADS
from lutong_console.cli.demo.scenarios import Scenario, new_run
from lutong_console.cli.demo.world import build_world
from lutong_console.subscriptions import handled_types
from lutong_console.targets import Suite
from lutong_console.verify.violation import Violation
from lutong_contracts.topics import SERVICES
from lutong_local.stack import start_service, stop_service, wait_until_ready
from tests.support.acl_stack import AclStack
from tests.support.harness import until
from tests.support.looks import collect, evaluate


@pytest.fixture
def suite(databases: AclStack) -> Iterator[Suite]:
    """Four services, each as its own role and its own principal; the observer is the verifier."""
    assert databases.acl("apply").returncode == 0
    assert databases.lutong("lutong-topics", "topics", "apply").returncode == 0
    stack = databases.stack
    tokens.make_keys(stack.keys)
    for service in SERVICES:
        own = {
            "LUTONG_DATABASE_URL": databases.database_url(service, service),
            "LUTONG_MIGRATE_ON_START": "false",
            "LUTONG_SESSION_TIMEOUT_MS": "10000",
            "LUTONG_VAULT_KEY": "ab" * 32,
            **databases.environment(f"lutong-{service}"),
        }
        stack.database_urls[service] = databases.database_url(service, VERIFIER)
        start_service(stack, service, own, dies_with_parent=True)
    try:
        wait_until_ready(stack, SERVICES, lambda _: None)
        urls = {service: stack.url(service) for service in SERVICES}
        yield Suite(urls, databases.kafka_as("lutong-verifier"), stack.database_urls, operator(stack.signer), stack)
    finally:
        for service in SERVICES:
            stop_service(stack, service)


@pytest.mark.timeout(300)
async def test_all_roads_are_through_and_everything_adds_up(suite: Suite) -> None:
    run = new_run()
    async with suite.client(timeout_s=20) as client:
        await build_world(client, suite, run)
        for road in ROADS:
            scenario = Scenario(client, suite, lambda _step, _ms: None, f"{road.letter}-{run}")
            await road.walk(scenario)
            assert [what for what, so in scenario.ends.items() if not so] == [], road.title

    found: list[Violation] = []

    async def adds_up() -> bool:
        found[:] = evaluate(await collect(suite, handled_types()))
        return not found

    with suppress(AssertionError):  # what is left says more than that time is up
        await until(adds_up, "nothing moves any more, and every identity holds")
    assert found == []
