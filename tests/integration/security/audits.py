"""What tests of the audit look at: rows of one request, and a client that names its requests."""

from typing import Any

import httpx
import orjson
from uuid_utils import uuid7

from lutong_chassis.auth import Principal
from lutong_chassis.testing import bearer
from tests.integration.security.world import Asked, World


async def done(
    world: World, who: Principal, method: str, asked: Asked, why: str | None = None
) -> tuple[httpx.Response, list[dict[str, Any]]]:
    """Ask as a principal; gives the answer and the audit rows of this request."""
    request_id = f"r-{uuid7()}"
    headers = bearer(who) | {"lutong-request-id": request_id} | ({"lutong-reason": why} if why else {})
    async with httpx.AsyncClient(transport=world.admin._transport, base_url="http://test") as client:
        answer = await client.request(method, asked.path, json=asked.body, headers=headers)
    return answer, await rows_of(world, request_id)


async def rows_of(world: World, request_id: str) -> list[dict[str, Any]]:
    """The audit rows of a request."""
    rows = [dict(row) for row in await world.pool.fetch("SELECT * FROM audit ORDER BY id")]
    found = [row for row in rows if row.get("request_id") == request_id]
    return [row | {side: orjson.loads(row[side] or "null") for side in ("before", "after")} for row in found]


async def exported(world: World) -> dict[int, dict[str, Any]]:
    """Payloads of every ActionAudited in the outbox, by the row that they are about."""
    rows = await world.pool.fetch("SELECT payload FROM outbox WHERE type LIKE '%.action-audited.v1'")
    return {payload["audit_id"]: payload for payload in (orjson.loads(row["payload"]) for row in rows)}
