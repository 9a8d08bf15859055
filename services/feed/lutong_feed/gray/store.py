"""SQL of versions in gray, and of those that were forced offline."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from lutong_chassis import Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.registry import VersionForcedOffline, VersionGrayed
from lutong_feed.gray.domain import InGray


class GrayRow(NamedTuple):
    """The version in gray of a program; `gray` and `gray_offers` are JSON."""

    program_id: str
    merchant_id: str
    gray: str
    gray_offers: str


class ForbiddenRow(NamedTuple):
    """A version that nobody may open, and why."""

    program_id: str
    number: int
    reason: str


_GRAY: Final = columns_of(GrayRow)
_FORBIDDEN: Final = columns_of(ForbiddenRow)


async def show(tx: Tx, grayed: Sequence[VersionGrayed]) -> None:
    """Remember the version in gray of each program, and for whom it is; the last word counts."""
    latest = {event.program_id: event for event in grayed}
    rows = [
        GrayRow(
            key, event.merchant_id, InGray.of(event).model_dump_json(),
            orjson.dumps([offer.model_dump() for offer in event.offers]).decode(),
        )
        for key, event in sorted(latest.items())
    ]  # fmt: skip
    await tx.execute(
        f"""
        INSERT INTO program ({_GRAY.names})
        SELECT {_GRAY.names} FROM {_GRAY.unnest()}
            ON CONFLICT (program_id) DO UPDATE SET gray = excluded.gray, gray_offers = excluded.gray_offers
        """,
        *_GRAY.arrays(rows),
    )


async def forbid(tx: Tx, forbidden: Sequence[VersionForcedOffline]) -> None:
    """Versions may be opened by nobody: their programs have none in force, and cards show why. One row, whatever number of cards."""
    await tx.execute(
        f"""
        UPDATE program
           SET version = NULL, offline_for = given.reason
          FROM {_FORBIDDEN.unnest()}
         WHERE program.program_id = given.program_id AND version = given.number
        """,
        *_FORBIDDEN.arrays(sorted(ForbiddenRow(e.program_id, e.version, e.reason) for e in forbidden)),
    )
