"""SQL of hosts: apps as the registry publishes them, and versions that some of them have of their own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.hosts import HostFacts
from lutong_feed.hosts.domain import Hosted, hosted_of, written


class HostRow(NamedTuple):
    """A host; `facts` are JSON."""

    host_id: str
    revision: int
    facts: str


class HostedRow(NamedTuple):
    """What hosts have of a program of their own: `hosted` and `hosted_offers` (by version) are JSON."""

    program_id: str
    merchant_id: str
    hosted: str | None
    hosted_offers: str | None


class OfProgram(NamedTuple):
    """The same, to decide on."""

    hosted: tuple[Hosted, ...] = ()
    offers: Mapping[str, Any] = {}


_HOST: Final = columns_of(HostRow)
_HOSTED: Final = columns_of(HostedRow)


async def keep(tx: Tx, facts: Sequence[HostFacts]) -> None:
    """Keep hosts, each in its highest revision."""
    await tx.execute(
        f"""
        INSERT INTO host AS known ({_HOST.names})
        SELECT {_HOST.names} FROM {_HOST.unnest()}
            {_HOST.newer("host_id")}
        """,
        *_HOST.latest((HostRow(each.host_id, each.revision, each.model_dump_json()) for each in facts), "host_id"),
    )


async def hosts(tx: Reads, host_ids: Iterable[str | None]) -> dict[str, HostFacts]:
    """Hosts by id; nothing is asked where none is named."""
    wanted = sorted({each for each in host_ids if each})
    if not wanted:
        return {}
    rows = await tx.fetch("SELECT host_id, facts FROM host WHERE host_id = ANY ($1)", wanted)
    return {row["host_id"]: HostFacts.model_validate_json(row["facts"]) for row in rows}


async def lock_hosted(tx: Tx, program_ids: Iterable[str]) -> dict[str, OfProgram]:
    """Versions that hosts have of programs of their own, locked in key order."""
    rows = await tx.fetch(
        """
        SELECT program_id, hosted, hosted_offers
          FROM program
         WHERE program_id = ANY ($1)
         ORDER BY program_id
           FOR NO KEY UPDATE
        """,
        sorted(set(program_ids)),
    )
    return {
        row["program_id"]: OfProgram(hosted_of(row["hosted"]), orjson.loads(row["hosted_offers"] or "{}"))
        for row in rows
    }


async def save_hosted(tx: Tx, programs: Mapping[str, OfProgram], merchants: Mapping[str, str]) -> None:
    """Write versions that hosts have of programs of their own, with what they sell."""
    rows = []
    for program_id, of in sorted(programs.items()):
        sold = {str(each.version): of.offers.get(str(each.version), []) for each in of.hosted}
        offers = orjson.dumps(sold).decode() if sold else None
        rows.append(HostedRow(program_id, merchants.get(program_id, ""), written(of.hosted), offers))
    await tx.execute(
        f"""
        INSERT INTO program ({_HOSTED.names})
        SELECT {_HOSTED.names} FROM {_HOSTED.unnest()}
            ON CONFLICT (program_id) DO UPDATE SET hosted = excluded.hosted, hosted_offers = excluded.hosted_offers
        """,
        *_HOSTED.arrays(rows),
    )
