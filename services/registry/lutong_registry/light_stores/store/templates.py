"""Templates and their versions."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from lutong_chassis import Reads, Tx
from lutong_registry.light_stores.domain.rendering import Fields
from lutong_registry.light_stores.domain.rollouts import TemplateState


class TemplateRow(NamedTuple):
    """A template: whose it is, and the version that new stores get, once one was approved."""

    template_id: str
    merchant_id: str
    version: int | None


class VersionRow(NamedTuple):
    """A version of a template."""

    number: int
    state: TemplateState
    body: Fields
    rejected_for: str | None


async def add_template(tx: Tx, template_id: str, merchant_id: str) -> None:
    """Make a template, if there is none."""
    await tx.execute(
        "INSERT INTO light_template (template_id, merchant_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        template_id,
        merchant_id,
    )


async def lock_templates(tx: Tx, template_ids: Iterable[str]) -> dict[str, TemplateRow]:
    """Templates by id, locked in key order: what concerns one comes after the other."""
    rows = await tx.fetch(
        """
        SELECT template_id, merchant_id, version
          FROM light_template
         WHERE template_id = ANY ($1)
         ORDER BY template_id
           FOR NO KEY UPDATE
        """,
        sorted(set(template_ids)),
    )
    return {row["template_id"]: TemplateRow(**dict(row)) for row in rows}


async def template(tx: Reads, template_id: str) -> TemplateRow | None:
    """A template, not locked."""
    row = await tx.fetchrow(
        "SELECT template_id, merchant_id, version FROM light_template WHERE template_id = $1", template_id
    )
    return TemplateRow(**dict(row)) if row else None


async def templates_of(tx: Reads, merchant_id: str) -> list[TemplateRow]:
    """The templates of a merchant, by id."""
    rows = await tx.fetch(
        """
        SELECT template_id, merchant_id, version
          FROM light_template
         WHERE merchant_id = $1
         ORDER BY template_id
         LIMIT 500
        """,
        merchant_id,
    )
    return [TemplateRow(**dict(row)) for row in rows]


async def versions(tx: Reads, template_id: str) -> list[VersionRow]:
    """All versions of a template, the newest first."""
    rows = await tx.fetch(
        """
        SELECT number, state, body, rejected_for
          FROM light_template_version
         WHERE template_id = $1
         ORDER BY number DESC
         LIMIT 100
        """,
        template_id,
    )
    return [_version(dict(row)) for row in rows]


async def bodies(tx: Reads, template_id: str, numbers: Iterable[int | None]) -> dict[int, Fields]:
    """What these versions of a template set."""
    rows = await tx.fetch(
        "SELECT number, body FROM light_template_version WHERE template_id = $1 AND number = ANY ($2::bigint[])",
        template_id,
        sorted({number for number in numbers if number is not None}),
    )
    return {row["number"]: orjson.loads(row["body"]) for row in rows}


async def add_version(tx: Tx, template_id: str, number: int, body: str) -> bool:
    """Hand a version in, if its number is above all others and none waits for review; gives whether it was taken."""
    row = await tx.fetchrow(
        """
        INSERT INTO light_template_version (template_id, number, state, body)
        SELECT $1::text, $2::bigint, 'submitted', $3::text
         WHERE NOT EXISTS (SELECT FROM light_template_version
                            WHERE template_id = $1 AND (number >= $2 OR state = 'submitted'))
        RETURNING number
        """,
        template_id,
        number,
        body,
    )
    return row is not None


async def decide(tx: Tx, template_id: str, number: int, state: TemplateState, rejected_for: str | None) -> bool:
    """Approve or reject a submitted version, once; gives whether it was. The first approved one is that of new stores."""
    row = await tx.fetchrow(
        """
        UPDATE light_template_version SET state = $3, rejected_for = $4
         WHERE template_id = $1 AND number = $2 AND state = 'submitted'
        RETURNING number
        """,
        template_id,
        number,
        state,
        rejected_for,
    )
    if row and state == "approved":
        await tx.execute(
            "UPDATE light_template SET version = $2 WHERE template_id = $1 AND version IS NULL", template_id, number
        )
    return row is not None


async def make_current(tx: Tx, template_id: str, number: int) -> None:
    """All stores have a version: new ones get it from now on."""
    await tx.execute("UPDATE light_template SET version = $2 WHERE template_id = $1", template_id, number)


async def sells(tx: Tx, program_id: str, merchant_id: str) -> bool:
    """Whether a program of a merchant is released and has offers of its own."""
    return bool(
        await tx.fetchval(
            """
            SELECT true
              FROM program JOIN version USING (program_id)
             WHERE program_id = $1 AND merchant_id = $2 AND state = 'released' AND manifest ->> 'offers_of' IS NULL
            """,
            program_id,
            merchant_id,
        )
    )


class Counts(NamedTuple):
    """How many stores a template has, and how many left it."""

    stores: int
    detached: int


async def counts(tx: Reads, template_id: str) -> Counts:
    """How many stores there are of a template."""
    row = await tx.fetchrow(
        """
        SELECT count(*) FILTER (WHERE attached) AS stores, count(*) FILTER (WHERE NOT attached) AS detached
          FROM light_store
         WHERE template_id = $1
        """,
        template_id,
    )
    return Counts(**dict(row)) if row else Counts(0, 0)


def _version(row: dict[str, Any]) -> VersionRow:
    return VersionRow(**(row | {"body": orjson.loads(row["body"])}))
