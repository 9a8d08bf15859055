"""Records that were parked because their type was not known: handled by the version that knows it, without an operator.

A newer version of a type that is handled is parked, and the first releases parked every type that they did not know. Either
blocks a key until a replica comes that understands the record, so each looks for those that it understands.
"""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

import structlog

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool, Tx, transaction
from lutong_chassis.errors import blames
from lutong_chassis.handlers import Handlers
from lutong_chassis.parking import summarise_error
from lutong_chassis.redrive import Apply, NotParkedError, read_parked, redrive

log = structlog.get_logger(__name__)

REASONS: Final = ("unknown_type", "newer_version")
_INTERVAL_S: Final = 5.0
_HEADS_MAX: Final = 200
_REASON: Final = "this version of the service knows the type"


async def run(pool: Pool, service: str, handlers: Handlers, apply: Apply, after_commit: Callable[[], None]) -> NoReturn:
    """Every few seconds: redrive what this version understands. What fails is left to operators, as any parked record is."""
    who = Principal(f"service:{service}", "operator")
    while True:
        async with transaction(pool, readonly=True) as tx:
            heads = await _understood(tx, handlers)
        for head in heads:
            try:
                redriven = await redrive(pool, head, apply, who, _REASON)
            except NotParkedError:
                continue  # another replica was first
            except Exception as error:
                if not blames(error):
                    raise
                log.warning("not_taken_up", parked=head, error=summarise_error(error))
            else:
                log.info("taken_up", parked=head, records=redriven.applied)
                after_commit()
        await asyncio.sleep(_INTERVAL_S)


async def _understood(tx: Tx, handlers: Handlers) -> list[int]:
    """Heads that were parked for their type, and by now are understood or need not be. What failed since is for operators."""
    rows = await tx.fetch(
        """
        SELECT id, topic, partition, "offset", recorded_at, timestamp_ms, key, value, headers, reason, error
          FROM parked
         WHERE state = 'parked' AND reason = ANY ($1) AND attempts = 1
         ORDER BY id
         LIMIT $2
        """,
        REASONS,
        _HEADS_MAX,
    )
    return [row["id"] for row in rows if handlers.settle(read_parked(row).outcome)]
