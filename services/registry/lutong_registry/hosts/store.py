"""SQL of hosts."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import asyncpg
import orjson

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.hosts import HostFacts


class HostRow(NamedTuple):
    """A host; `capabilities` and `scenes` are JSON."""

    host_id: str
    title_zh: str
    title_en: str
    capabilities: str
    scenes: str
    retired_for: str | None
    revision: int

    @classmethod
    def of(cls, facts: HostFacts) -> "HostRow":
        """A host as its row."""
        lists = (facts.capabilities, facts.scenes)
        able, scenes = (orjson.dumps([each.model_dump() for each in items]).decode() for items in lists)
        return cls(
            facts.host_id, facts.title_zh, facts.title_en, able, scenes, facts.retired_for, facts.revision
        )  # fmt: skip


_HOST: Final = columns_of(HostRow)


async def lock(tx: Tx, host_id: str) -> HostFacts | None:
    """A host; nobody changes it until commit, nor that there is none."""
    await tx.lock("host", [host_id])
    return next(iter(await hosts(tx, [host_id])), None)


async def hosts(tx: Reads, host_ids: Iterable[str] | None = None) -> list[HostFacts]:
    """Hosts by id, or all of them."""
    rows = await tx.fetch(
        f"SELECT {_HOST.names} FROM host WHERE $1::text[] IS NULL OR host_id = ANY ($1) ORDER BY host_id LIMIT 500",
        None if host_ids is None else sorted(set(host_ids)),
    )
    return [_facts(row) for row in rows]


async def hosts_after(tx: Tx, after: str, limit: int) -> list[HostFacts]:
    """Hosts behind an id, in order, as they are until commit."""
    rows = await tx.fetch(
        f"SELECT {_HOST.names} FROM host WHERE host_id > $1 ORDER BY host_id LIMIT $2 FOR SHARE", after, limit
    )
    return [_facts(row) for row in rows]


async def keep(tx: Tx, facts: Sequence[HostFacts]) -> None:
    """Write hosts; of each the highest revision stays."""
    await tx.execute(
        f"""
        INSERT INTO host AS known ({_HOST.names})
        SELECT {_HOST.names} FROM {_HOST.unnest()}
            {_HOST.newer("host_id")}
        """,
        *_HOST.latest(map(HostRow.of, facts), "host_id"),
    )


async def open_hosts(tx: Reads, host_ids: Iterable[str]) -> set[str]:
    """Which of these are registered, and not retired."""
    rows = await tx.fetch(
        "SELECT host_id FROM host WHERE host_id = ANY ($1) AND retired_for IS NULL", sorted(set(host_ids))
    )
    return {row["host_id"] for row in rows}


def _facts(row: asyncpg.Record) -> HostFacts:
    lists = {name: orjson.loads(row[name]) for name in ("capabilities", "scenes")}
    return HostFacts.model_validate(dict(row) | lists)
