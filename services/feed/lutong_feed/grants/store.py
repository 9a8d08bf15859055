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
    """Keep what programs may use, each in its highest revision."""
    rows = [GrantRow(e.program_id, " ".join(e.granted), e.enforced, e.revision) for e in events]
    await tx.execute(
        f"""
        INSERT INTO program_grant AS known ({_GRANT.names})
        SELECT {_GRANT.names} FROM {_GRANT.unnest()}
            {_GRANT.newer("program_id")}
        """,
        *_GRANT.latest(rows, "program_id"),
    )
