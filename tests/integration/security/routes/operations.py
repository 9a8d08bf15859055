"""Routes of every service: parked records, the consumer, the audit and journeys."""

from datetime import UTC, datetime
from typing import Final

from lutong_chassis import parking
from lutong_chassis.parking import ParkCandidate, StoredRecord
from lutong_chassis.testing import (
    in_transaction,
)
from lutong_contracts import Topic
from tests.integration.security.callers import DONE_BY_OPERATORS, READ_BY_STAFF
from tests.integration.security.world import Asked, Matrix, World, fixed
from tests.support.builders import a_cancellation, fulfilled
from tests.support.harness import a_record


async def _parked(world: World) -> int:
    """A record that was set aside, and can be handled now."""
    order_id = world.fresh("unknown")
    event = a_cancellation(order_id) if world.service.name == "inventory" else fulfilled(order_id)
    key, value, headers = a_record(event)
    at = round(datetime.now(UTC).timestamp() * 1000)
    record = StoredRecord(event.topic.name, 0, next(world.numbers), at, key.encode(), value, headers)
    async with in_transaction(world.pool) as tx:
        await parking.park(tx, [ParkCandidate(record, "parked", "bug", "a bug")])
        parked_id: int = await tx.fetchval("SELECT max(id) FROM parked")
    return parked_id


async def _redrive(world: World) -> Asked:
    return Asked(f"/operations/parked/{await _parked(world)}/redrive", {"reason": "fixed"})


async def _preflight(world: World) -> Asked:
    return Asked("/operations/parked/preflight", {"ids": [await _parked(world)]})


async def _show(world: World) -> Asked:
    return Asked(f"/operations/parked/{await _parked(world)}")


async def _reveal(world: World) -> Asked:
    return Asked(f"/operations/parked/{await _parked(world)}/reveal", {"reason": "to tell the publisher"})


async def _skip(world: World) -> Asked:
    """A record that the service tries again now, as its consumer wrote it down."""
    topic, offset = world.service.handlers.topics[0].name, 1_000_000 + next(world.numbers)
    await world.pool.execute(
        """
        INSERT INTO retrying (topic, partition, since, attempts, error, offsets, timestamps)
        VALUES ($1, 0, now(), 9, 'TypeError at x.py:1', ARRAY[$2::bigint], '{0}')
            ON CONFLICT (topic, partition) DO UPDATE SET offsets = excluded.offsets
        """,
        topic,
        offset,
    )
    return Asked("/operations/parked/skip", {"reason": "stuck", "topic": topic, "partition": 0, "offset": offset})


async def _discard(world: World) -> Asked:
    return Asked(f"/operations/parked/{await _parked(world)}/discard", {"reason": "garbage"})


def entities_of(topic: Topic) -> Matrix:
    """What a service with entities has besides."""
    page = fixed("/operations/entities", {"reason": "the topic is new", "topic": topic.name})
    return {"POST /operations/entities": (DONE_BY_OPERATORS, page)}


OPERATIONS: Final[Matrix] = {
    "GET /operations/parked": (READ_BY_STAFF, fixed("/operations/parked")),
    "GET /operations/parked/groups": (READ_BY_STAFF, fixed("/operations/parked/groups")),
    "POST /operations/parked/preflight": (DONE_BY_OPERATORS, _preflight),
    "GET /operations/parked/{parked_id}": (READ_BY_STAFF, _show),
    "POST /operations/parked/{parked_id}/reveal": (DONE_BY_OPERATORS, _reveal),
    "POST /operations/parked/skip": (DONE_BY_OPERATORS, _skip),
    "GET /operations/publishers": (READ_BY_STAFF, fixed("/operations/publishers")),
    "GET /operations/consumer": (READ_BY_STAFF, fixed("/operations/consumer")),
    "GET /operations/audit": (READ_BY_STAFF, fixed("/operations/audit")),
    "GET /operations/journeys": (READ_BY_STAFF, fixed("/operations/journeys?of=o-1")),
    "GET /operations/journeys/{correlation_id}": (READ_BY_STAFF, fixed("/operations/journeys/j-1")),
    "POST /operations/parked/{parked_id}/redrive": (DONE_BY_OPERATORS, _redrive),
    "POST /operations/parked/{parked_id}/discard": (DONE_BY_OPERATORS, _discard),
    "POST /operations/republication": (
        DONE_BY_OPERATORS,
        fixed("/operations/republication", {"reason": "lost", "since": "2030-01-01T00:00:00Z"}),
    ),
    "POST /operations/resumption": (DONE_BY_OPERATORS, fixed("/operations/resumption", {"reason": "it was verified"})),
    "GET /v1/summary": (READ_BY_STAFF, fixed("/v1/summary")),
}
