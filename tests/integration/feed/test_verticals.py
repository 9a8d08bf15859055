"""Verticals, and how often accounts were read in a month: each impression once, in the month in which it was, also after a rebuild."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from uuid_utils import uuid7

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, bearer, deliver, in_transaction
from lutong_contracts.feed import Interaction, InteractionsReported
from lutong_contracts.touches import Served
from lutong_feed.handlers import handlers
from lutong_feed.touches.domain import Keys
from tests.integration.feed.placing import post

ANN = bearer(a_member("ann"))
ENDS = datetime(2026, 10, 31, 16, tzinfo=UTC)
"""The first moment of November in Shanghai."""


def seen(post_id: str, at: datetime, kind: str = "impression") -> InteractionsReported:
    served = Served(1, str(uuid7()), "home", 0, post_id, post_id, None, "bo", at)
    touch = Keys({1: b"any"}, 1).sign(served)
    return InteractionsReported(viewer_id="bo", interactions=(Interaction(touch=touch, kind=kind),))


async def months(client: httpx.AsyncClient, account_id: str = "ann") -> dict[str, int]:
    found: dict[str, Any] = (await client.get(f"/v1/accounts/{account_id}/reads")).raise_for_status().json()
    return {each["month"]: each["reads"] for each in found["months"]}


async def write_about(client: httpx.AsyncClient, account_id: str, vertical: str | None) -> None:
    (await client.put(f"/v1/accounts/{account_id}/vertical", json={"vertical": vertical})).raise_for_status()


async def read_in(client: httpx.AsyncClient, month: str) -> dict[str, tuple[int, int]]:
    found = (await client.get("/v1/verticals", params={"month": month})).raise_for_status().json()["verticals"]
    assert len(found) == 66
    return {each["vertical"]: (each["accounts"], each["reads"]) for each in found if each["accounts"]}


async def test_reads_count_once_in_the_month_in_which_they_were(client: httpx.AsyncClient, pool: Pool) -> None:
    await post(client, "ann", "p-1")
    before, after = seen("p-1", ENDS - timedelta(seconds=1)), seen("p-1", ENDS)
    await deliver(pool, handlers, before, after, after, seen("p-1", ENDS, "open"))
    await deliver(pool, handlers, before)
    assert await months(client) == {"2026-11": 1, "2026-10": 1}
    assert await months(client, "bo") == {}


async def test_verticals_have_what_their_accounts_have(client: httpx.AsyncClient, pool: Pool) -> None:
    await post(client, "ann", "p-1")
    await post(client, "cy", "p-2")
    await deliver(pool, handlers, seen("p-1", ENDS), seen("p-1", ENDS), seen("p-2", ENDS))
    await write_about(client, "ann", "food")
    await write_about(client, "cy", "food")
    assert await read_in(client, "2026-11") == {"food": (2, 3)}
    await write_about(client, "cy", "pets")
    assert await read_in(client, "2026-11") == {"food": (1, 2), "pets": (1, 1)}
    assert await read_in(client, "2026-09") == {"food": (1, 0), "pets": (1, 0)}
    await write_about(client, "ann", None)
    assert (await client.get("/v1/accounts/ann/reads")).json()["vertical"] is None


async def test_reads_are_counted_again_from_facts(client: httpx.AsyncClient, pool: Pool) -> None:
    await post(client, "ann", "p-1")
    await deliver(pool, handlers, *(seen("p-1", ENDS - timedelta(days=days)) for days in range(-2, 4)))
    right = await months(client)
    assert sum(right.values()) == 6
    async with in_transaction(pool) as tx:
        await tx.execute("SELECT fold_interaction_fact('2026-10-30')")
        await tx.execute("DELETE FROM interaction_fact WHERE day < '2026-10-30'")
        assert await tx.fetchval("SELECT rebuild_account_reads()") == 0
        await tx.execute("UPDATE account_reads SET reads = reads + 1")
        await tx.execute("INSERT INTO account_reads VALUES ('2026-01-01', 'ann', 9)")
        assert await tx.fetchval("SELECT rebuild_account_reads()") == 3
    assert await months(client) == right


@pytest.mark.parametrize(
    ("path", "vertical", "status"),
    [("ann", "food", 200), ("ann", "gossip", 422), ("bo", "food", 404)],
)
async def test_an_account_states_its_own_vertical(
    client: httpx.AsyncClient, path: str, vertical: str, status: int
) -> None:
    answer = await client.put(f"/v1/accounts/{path}/vertical", json={"vertical": vertical}, headers=ANN)
    assert answer.status_code == status
    assert (await client.get("/v1/accounts/nobody/reads")).status_code == 404
    assert (await client.get("/v1/verticals", params={"month": "2026-13"})).status_code == 422
