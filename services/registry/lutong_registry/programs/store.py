"""Merchants, their programs, and every version that was handed in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from lutong_chassis import Reads, Tx, columns
from lutong_chassis.rows import columns_of
from lutong_contracts.gray import Audience
from lutong_contracts.hosts import Needs
from lutong_contracts.registry import Evidence
from lutong_contracts.values import Offer
from lutong_registry.programs.domain import Program, State, Version


class ProgramRow(NamedTuple):
    """A program to be registered."""

    program_id: str
    merchant_id: str


class SubmittedRow(NamedTuple):
    """A version that is handed in; `manifest` is JSON."""

    program_id: str
    number: int
    manifest: str


class VersionMove(NamedTuple):
    """The state that a version moves to."""

    program_id: str
    number: int
    state: State
    rejected_for: str | None
    admitted_only: bool
    audience: str | None
    stage: int
    ended_for: str | None
    evidence: str | None

    @classmethod
    def of(cls, program_id: str, version: Version) -> "VersionMove":
        """The move to the state that a version was given."""
        audience, evidence = version.audience, version.evidence
        return cls(
            program_id, version.number, version.state, version.rejected_for, version.admitted_only,
            audience.model_dump_json() if audience else None, version.stage, version.ended_for,
            evidence.model_dump_json() if evidence else None,
        )  # fmt: skip


_MOVE: Final = columns_of(VersionMove)


async def merchants_known(tx: Tx, merchant_ids: Iterable[str]) -> set[str]:
    """Which of these merchants exist."""
    rows = await tx.fetch("SELECT merchant_id FROM merchant WHERE merchant_id = ANY ($1)", sorted(set(merchant_ids)))
    return {row["merchant_id"] for row in rows}


async def register_programs(tx: Tx, programs: Sequence[ProgramRow]) -> set[str]:
    """Register programs; returns the ids that were new."""
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


async def read_programs(tx: Reads, merchant_id: str | None, program_ids: Sequence[str] | None) -> dict[str, Program]:
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


async def with_offers(tx: Reads, program: Program) -> Program:
    """A program whose version in force has what it sells, also where that is what another program of its merchant sells."""
    released = program.released
    if released is None or released.offers_of is None:
        return program
    source = (await read_programs(tx, program.merchant_id, [released.offers_of])).get(released.offers_of)
    sold = replace(released, offers=source.released.offers if source and source.released else ())
    return replace(program, versions=tuple(sold if known is released else known for known in program.versions))


async def _with_versions(tx: Reads, rows: Sequence[asyncpg.Record]) -> dict[str, Program]:
    versions: dict[str, list[Version]] = defaultdict(list)
    for row in await tx.fetch(
        """
        SELECT program_id, number, state, manifest, rejected_for, admitted_only, audience, stage, ended_for, evidence
          FROM version
         WHERE program_id = ANY ($1)
         ORDER BY program_id, number
        """,
        [row["program_id"] for row in rows],
    ):
        versions[row["program_id"]].append(_version(row))
    return {row["program_id"]: Program(**dict(row), versions=tuple(versions[row["program_id"]])) for row in rows}


def _version(row: asyncpg.Record) -> Version:
    manifest, audience, evidence = orjson.loads(row["manifest"]), row["audience"], row["evidence"]
    return Version(
        row["number"],
        row["state"],
        manifest["title"],
        manifest["page"],
        tuple(Offer.model_validate(offer) for offer in manifest["offers"]),
        row["rejected_for"],
        manifest.get("offers_of"),
        row["admitted_only"],
        Audience.model_validate_json(audience) if audience else None,
        row["stage"],
        row["ended_for"],
        Evidence.model_validate_json(evidence) if evidence else None,
        needs_of(manifest),
    )


def needs_of(manifest: Mapping[str, Any]) -> Needs:
    """What a manifest states that its version needs; manifests from before hosts were known state nothing."""
    platform = manifest.get("platform_version") or {}
    return Needs(
        hosts=manifest.get("hosts"),
        platform_version=platform.get("min_code", 0),
        capabilities=tuple(each["name"] for each in manifest.get("req_permissions") or ()),
    )


async def add_versions(tx: Tx, versions: Sequence[SubmittedRow]) -> None:
    """Hand in versions for review."""
    await tx.execute(
        """
        INSERT INTO version (program_id, number, state, manifest)
        SELECT program_id, number, 'submitted', manifest::jsonb
          FROM unnest($1::text[], $2::integer[], $3::text[]) AS given(program_id, number, manifest)
        """,
        *columns(versions, 3),
    )


async def save_states(tx: Tx, versions: Sequence[VersionMove]) -> None:
    """Move versions to their states. What leaves the released state goes first: a program has one released version."""
    for entering in (False, True):
        await tx.execute(
            f"""
            UPDATE version
               SET state = given.state, rejected_for = given.rejected_for, admitted_only = given.admitted_only,
                   audience = given.audience::jsonb, stage = given.stage, ended_for = given.ended_for,
                   evidence = given.evidence::jsonb, moved_at = now()
              FROM {_MOVE.unnest()}
             WHERE version.program_id = given.program_id AND version.number = given.number
            """,
            *_MOVE.arrays([row for row in versions if (row.state == "released") is entering]),
        )


async def forget_trials(tx: Tx, versions: Sequence[VersionMove]) -> None:
    """Versions left gray: forget who was watched. What came of it stays counted."""
    numbers = columns([(row.program_id, row.number) for row in versions], 2)
    for table in ("gray_tap", "gray_order"):
        await tx.execute(
            f"""
            DELETE FROM {table} USING unnest($1::text[], $2::integer[]) AS ended(program_id, number)
             WHERE {table}.program_id = ended.program_id AND {table}.number = ended.number
            """,
            *numbers,
        )


async def save_suspension(tx: Tx, program_id: str, reason: str | None) -> None:
    """Suspend a program, or resume it when there is no reason."""
    await tx.execute("UPDATE program SET suspended_for = $2 WHERE program_id = $1", program_id, reason)
    await tx.execute(
        """
        UPDATE listing
           SET visible = $2::boolean
               AND EXISTS (SELECT FROM version WHERE version.program_id = listing.program_id AND state = 'released')
         WHERE program_id = $1
        """,
        program_id,
        reason is None,
    )
