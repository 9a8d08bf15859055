"""Merchants, their programs, and every version that was handed in."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import asyncpg
import orjson

from lutong_chassis import Tx, columns
from lutong_contracts.values import Offer
from lutong_registry.programs.domain import Program, Version


async def save_merchants(tx: Tx, merchants: Sequence[tuple[str, str]]) -> None:
    """Create or rename merchants, given as (id, name)."""
    await tx.execute(
        """
        INSERT INTO merchant (merchant_id, name)
        SELECT DISTINCT ON (merchant_id) merchant_id, name
          FROM unnest($1::text[], $2::text[]) AS given(merchant_id, name)
         ORDER BY merchant_id
            ON CONFLICT (merchant_id) DO UPDATE SET name = excluded.name
        """,
        *columns(merchants, 2),
    )


async def lock_merchant(tx: Tx, merchant_id: str) -> str | None:
    """A merchant's name, locked; None when there is no such merchant."""
    name: str | None = await tx.fetchval(
        "SELECT name FROM merchant WHERE merchant_id = $1 FOR NO KEY UPDATE", merchant_id
    )
    return name


async def merchants_known(tx: Tx, merchant_ids: Iterable[str]) -> set[str]:
    """Which of these merchants exist."""
    rows = await tx.fetch("SELECT merchant_id FROM merchant WHERE merchant_id = ANY ($1)", sorted(set(merchant_ids)))
    return {row["merchant_id"] for row in rows}


async def register_programs(tx: Tx, programs: Sequence[tuple[str, str]]) -> set[str]:
    """Register programs, given as (id, merchant); gives the ids that were new."""
    rows = await tx.fetch(
        """
        INSERT INTO program (program_id, merchant_id)
        SELECT DISTINCT ON (program_id) program_id, merchant_id
          FROM unnest($1::text[], $2::text[]) AS given(program_id, merchant_id)
         ORDER BY program_id
            ON CONFLICT (program_id) DO NOTHING
        RETURNING program_id
        """,
        *columns(programs, 2),
    )
    return {row["program_id"] for row in rows}


async def lock_programs(tx: Tx, program_ids: Iterable[str]) -> dict[str, Program]:
    """Programs with their versions, locked in key order."""
    wanted = sorted(set(program_ids))
    rows = await tx.fetch(
        """
        SELECT program_id, merchant_id, suspended_for
          FROM program
         WHERE program_id = ANY ($1)
         ORDER BY program_id
           FOR UPDATE
        """,
        wanted,
    )
    return await _with_versions(tx, rows)


async def read_programs(tx: Tx, merchant_id: str | None, program_ids: Sequence[str] | None) -> dict[str, Program]:
    """Programs of a merchant, or by id, without locking them."""
    rows = await tx.fetch(
        """
        SELECT program_id, merchant_id, suspended_for
          FROM program
         WHERE ($1::text IS NULL OR merchant_id = $1) AND ($2::text[] IS NULL OR program_id = ANY ($2))
         ORDER BY program_id
         LIMIT 500
        """,
        merchant_id,
        program_ids,
    )
    return await _with_versions(tx, rows)


async def _with_versions(tx: Tx, rows: Sequence[asyncpg.Record]) -> dict[str, Program]:
    versions: dict[str, list[Version]] = defaultdict(list)
    for row in await tx.fetch(
        """
        SELECT program_id, number, state, manifest, rejected_for
          FROM version
         WHERE program_id = ANY ($1)
         ORDER BY program_id, number
        """,
        [row["program_id"] for row in rows],
    ):
        manifest = orjson.loads(row["manifest"])
        offers = tuple(Offer.model_validate(offer) for offer in manifest["offers"])
        versions[row["program_id"]].append(
            Version(row["number"], row["state"], manifest["title"], manifest["page"], offers, row["rejected_for"])
        )
    return {row["program_id"]: Program(**dict(row), versions=tuple(versions[row["program_id"]])) for row in rows}


async def add_versions(tx: Tx, versions: Sequence[tuple[str, int, str]]) -> None:
    """Hand in versions, given as (program, number, manifest as JSON)."""
    await tx.execute(
        """
        INSERT INTO version (program_id, number, state, manifest)
        SELECT program_id, number, 'submitted', manifest::jsonb
          FROM unnest($1::text[], $2::integer[], $3::text[]) AS given(program_id, number, manifest)
        """,
        *columns(versions, 3),
    )


async def save_states(tx: Tx, versions: Sequence[tuple[str, Version]]) -> None:
    """Move versions, given with their programs. What leaves the released state goes first: there is room for one."""
    rows = [(program_id, known.number, known.state, known.rejected_for) for program_id, known in versions]
    for entering in (False, True):
        await tx.execute(
            """
            UPDATE version
               SET state = given.state, rejected_for = given.rejected_for, moved_at = now()
              FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[])
                   AS given(program_id, number, state, rejected_for)
             WHERE version.program_id = given.program_id AND version.number = given.number
            """,
            *columns([row for row in rows if (row[2] == "released") is entering], 4),
        )


async def save_suspension(tx: Tx, program_id: str, reason: str | None) -> None:
    """Suspend a program, or resume it when there is no reason."""
    await tx.execute("UPDATE program SET suspended_for = $2 WHERE program_id = $1", program_id, reason)
    await tx.execute("UPDATE listing SET visible = $2 WHERE program_id = $1", program_id, reason is None)
