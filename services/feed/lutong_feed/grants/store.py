"""SQL of what programs may use."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lutong_chassis import Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.hosts import CapabilitiesChanged


class GrantRow(NamedTuple):
    """What a program may use, separated by spaces."""

    program_id: str
    granted: str
    enforced: bool
    revision: int


_GRANT: Final = columns_of(GrantRow)


async def keep(tx: Tx, events: Sequence[CapabilitiesChanged]) -> None:
    """Keep what programs may use, each in its highest revision. In key order, so that two batches cannot deadlock."""
    latest = {event.program_id: event for event in sorted(events, key=lambda event: event.revision)}
    await tx.execute(
        f"""
        INSERT INTO program_grant AS known ({_GRANT.names})
        SELECT {_GRANT.names} FROM {_GRANT.unnest()}
            ON CONFLICT (program_id) DO UPDATE
           SET granted = excluded.granted, enforced = excluded.enforced, revision = excluded.revision
         WHERE known.revision < excluded.revision
        """,
        *_GRANT.arrays(
            [GrantRow(key, " ".join(e.granted), e.enforced, e.revision) for key, e in sorted(latest.items())]
        ),
    )
