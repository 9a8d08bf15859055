"""SQL of what programs may use."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_registry.capabilities.domain import Grants


class GrantsRow(NamedTuple):
    """What a program may use, separated by spaces."""

    program_id: str
    granted: str
    enforced: bool
    revision: int


_GRANTS: Final = columns_of(GrantsRow)


async def grants_of(tx: Reads, program_ids: Iterable[str]) -> dict[str, Grants]:
    """What programs may use, all of those that are named. Who changes it has their programs locked."""
    wanted = sorted(set(program_ids))
    rows = await tx.fetch(f"SELECT {_GRANTS.names} FROM program_grant WHERE program_id = ANY ($1)", wanted)
    return {key: Grants(key) for key in wanted} | {row["program_id"]: _grants(row) for row in rows}


async def grants_after(tx: Tx, after: str, limit: int) -> list[Grants]:
    """Grants of programs behind an id, in order, as they are until commit."""
    rows = await tx.fetch(
        f"""
        SELECT {_GRANTS.names}
          FROM program_grant
         WHERE program_id > $1
         ORDER BY program_id
         LIMIT $2
           FOR SHARE
        """,
        after,
        limit,
    )
    return [_grants(row) for row in rows]


async def keep(tx: Tx, grants: Sequence[Grants]) -> None:
    """Write what programs may use; of each the highest revision stays."""
    rows = [GrantsRow(each.program_id, " ".join(sorted(each.granted)), each.enforced, each.revision) for each in grants]
    await tx.execute(
        f"""
        INSERT INTO program_grant AS known ({_GRANTS.names})
        SELECT {_GRANTS.names} FROM {_GRANTS.unnest()}
            {_GRANTS.newer("program_id")}
        """,
        *_GRANTS.latest(rows, "program_id"),
    )


def _grants(row: asyncpg.Record) -> Grants:
    return Grants(row["program_id"], frozenset(row["granted"].split()), row["enforced"], row["revision"])
