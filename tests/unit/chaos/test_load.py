"""The load of chaos knows silence from an empty answer, and faults keep step with it."""

from pathlib import Path

import httpx

from lutong_local.ports import free_port
from lutong_local.stack import Stack
from tests.chaos.chaos_world import Client
from tests.chaos.faults import in_step


async def test_nobody_answering_is_not_an_empty_list() -> None:
    """Staff who took silence for a quiet day went home, and their orders stayed accepted for ever (seed 7719)."""
    async with httpx.AsyncClient(trust_env=False) as http:
        client = Client(Stack(Path(), {"inventory": free_port()}), http)
        assert await client.ask("inventory", "/v1/locations/store-0/orders") is None


def test_faults_wait_for_orders_and_never_behind_the_last() -> None:
    """Two kills at once were 61 of 60, and waited for more orders than there are (seed 16)."""
    assert not in_step(31, 60, 0.5)
    assert in_step(30, 60, 0.5)
    assert in_step(61, 60, 1.0)
