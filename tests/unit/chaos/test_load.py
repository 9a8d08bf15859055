"""The load of chaos knows silence from an empty answer."""

from pathlib import Path

import httpx

from lutong_local.ports import free_port
from lutong_local.stack import Stack
from tests.chaos.chaos_world import Client


async def test_nobody_answering_is_not_an_empty_list() -> None:
    """Staff who took silence for a quiet day went home, and their orders stayed accepted for ever (seed 7719)."""
    async with httpx.AsyncClient(trust_env=False) as http:
        client = Client(Stack(Path(), {"inventory": free_port()}), http)
        assert await client.ask("inventory", "/v1/locations/store-0/orders") is None
