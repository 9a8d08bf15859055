"""Every SQL statement of the registry: sets of keys in, sets of rows out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import orjson

from lutong_chassis import Tx, columns
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_contracts.values import Offer
from lutong_registry.domain import Listing, Match, Program, Version

CANDIDATES_MAX = 5
"""Services looked at per post, best first."""


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
        SELECT program_id, number, state, manifest
          FROM version
         WHERE program_id = ANY ($1)
         ORDER BY program_id, number
        """,
        [row["program_id"] for row in rows],
    ):
        manifest = orjson.loads(row["manifest"])
        offers = tuple(Offer.model_validate(offer) for offer in manifest["offers"])
        versions[row["program_id"]].append(
            Version(row["number"], row["state"], manifest["title"], manifest["page"], offers)
        )
    return {row["program_id"]: Program(**dict(row), versions=tuple(versions[row["program_id"]])) for row in rows}


async def add_versions(tx: Tx, versions: Sequence[tuple[str, int, str]]) -> None:
    """Hand in versions, given as (program, number, manifest as JSON)."""
    await tx.execute(
        """
        INSERT INTO version (program_id, number, state, manifest)
        SELECT program_id, number, 'submitted', manifest
          FROM unnest($1::text[], $2::integer[], $3::text[]) AS given(program_id, number, manifest)
        """,
        *columns(versions, 3),
    )


async def save_states(tx: Tx, states: Sequence[tuple[str, int, str]]) -> None:
    """Move versions, given as (program, number, state), in this order: one leaves a state before one enters it."""
    for program_id, number, state in states:
        await tx.execute(
            "UPDATE version SET state = $3 WHERE program_id = $1 AND number = $2", program_id, number, state
        )


async def save_suspension(tx: Tx, program_id: str, reason: str | None) -> None:
    """Suspend a program, or resume it when there is no reason."""
    await tx.execute("UPDATE program SET suspended_for = $2 WHERE program_id = $1", program_id, reason)
    await tx.execute("UPDATE listing SET visible = $2 WHERE program_id = $1", program_id, reason is None)


async def refresh_listings(tx: Tx, program_ids: Iterable[str]) -> None:
    """Make the search see the version that is released now."""
    await tx.execute(
        """
        INSERT INTO listing (program_id, merchant_id, version, title, page, keywords, description, visible)
        SELECT program_id, merchant_id, number, manifest ->> 'title', manifest ->> 'page',
               ARRAY(SELECT jsonb_array_elements_text(manifest -> 'keywords')), manifest ->> 'description',
               suspended_for IS NULL
          FROM program
          JOIN (SELECT program_id, number, manifest::jsonb AS manifest FROM version WHERE state = 'released') AS released
               USING (program_id)
         WHERE program_id = ANY ($1)
            ON CONFLICT (program_id) DO UPDATE
           SET version = excluded.version, title = excluded.title, page = excluded.page,
               keywords = excluded.keywords, description = excluded.description, visible = excluded.visible
        """,
        sorted(set(program_ids)),
    )


async def listings(tx: Tx, program_ids: Iterable[str]) -> dict[str, Listing]:
    """What is known of programs that authors named; the version is None while nothing is released."""
    rows = await tx.fetch(
        """
        SELECT program_id, program.merchant_id, suspended_for IS NOT NULL AS suspended, version,
               coalesce(title, '') AS title, coalesce(page, '') AS page
          FROM program LEFT JOIN listing USING (program_id)
         WHERE program_id = ANY ($1)
        """,
        sorted(set(program_ids)),
    )
    return {row["program_id"]: Listing(**dict(row)) for row in rows}


async def matches(tx: Tx, texts: Sequence[str]) -> dict[str, list[Match]]:
    """For each text, the services its words ask for, best first. One statement for all texts.

    Candidates share any word with the text (GIN); a service is `named` when its title or one of
    its keywords occurs in the text as a phrase.
    """
    rows = await tx.fetch(
        """
        SELECT asked.text, found.*
          FROM (SELECT text, search_vector(text) AS vector, search_words(text) AS words
                  FROM unnest($1::text[]) AS text) AS asked
         CROSS JOIN LATERAL (
               SELECT program_id, merchant_id, version, title, page, asked.vector @@ names AS named,
                      cardinality(ARRAY(SELECT unnest(title_words) INTERSECT SELECT unnest(asked.words)))::float
                      / greatest(cardinality(title_words), 1) AS coverage
                 FROM listing LEFT JOIN usage USING (program_id)
                WHERE visible AND words @@ array_to_string(asked.words, ' | ')::tsquery
                ORDER BY named DESC, coverage DESC, cardinality(title_words) DESC,
                         coalesce(opened + solved + fulfilled, 0) DESC, program_id
                LIMIT $2
               ) AS found
        """,
        sorted(set(texts)),
        CANDIDATES_MAX,
    )
    found: dict[str, list[Match]] = defaultdict(list)
    for row in rows:
        listing = Listing(row["program_id"], row["merchant_id"], False, row["version"], row["title"], row["page"])  # noqa: FBT003  # a row of visible listings
        found[row["text"]].append(Match(listing, row["named"], row["coverage"]))
    return found


async def search(tx: Tx, question: str, limit: int) -> list[asyncpg.Record]:
    """Services for a person's question: the phrase first, then all its words, then any of them."""
    return await tx.fetch(
        """
        WITH asked AS (SELECT search_words($1) AS words, search_phrase($1) AS phrase)
        SELECT program_id, merchant_id, version, title, page,
               CASE WHEN listing.words @@ phrase THEN 'phrase'
                    WHEN listing.words @@ array_to_string(asked.words, ' & ')::tsquery THEN 'all'
                    ELSE 'any' END AS matched,
               ts_rank_cd(listing.words, array_to_string(asked.words, ' | ')::tsquery) AS rank
          FROM listing, asked
         WHERE visible AND listing.words @@ array_to_string(asked.words, ' | ')::tsquery
         ORDER BY listing.words @@ phrase DESC, listing.words @@ array_to_string(asked.words, ' & ')::tsquery DESC,
                  rank DESC, program_id
         LIMIT $2
        """,
        question,
        limit,
    )


async def save_discoveries(tx: Tx, outcomes: Sequence[ServiceDiscovered | ServiceNotFound]) -> None:
    """Remember where posts led; a post that is published again is looked up again."""
    rows = [
        (outcome.post_id, outcome.program_id, None)
        if isinstance(outcome, ServiceDiscovered)
        else (outcome.post_id, None, outcome.reason)
        for outcome in {outcome.post_id: outcome for outcome in outcomes}.values()
    ]
    await tx.execute(
        """
        INSERT INTO discovery (post_id, program_id, reason)
        SELECT *
          FROM unnest($1::text[], $2::text[], $3::text[])
            ON CONFLICT (post_id) DO UPDATE SET program_id = excluded.program_id, reason = excluded.reason
        """,
        *columns(sorted(rows, key=lambda row: str(row[0])), 3),
    )


async def count_usage(tx: Tx, program_ids: Sequence[str], kind: str) -> None:
    """Count one use per given id; `kind` is opened, solved or fulfilled."""
    await tx.execute(
        f"""
        INSERT INTO usage AS known (program_id, {kind})
        SELECT program_id, count(*) FROM unnest($1::text[]) AS program_id GROUP BY program_id ORDER BY program_id
            ON CONFLICT (program_id) DO UPDATE SET {kind} = known.{kind} + excluded.{kind}
        """,
        list(program_ids),
    )


async def discovery(tx: Tx, post_id: str) -> asyncpg.Record | None:
    """Where a post led."""
    return await tx.fetchrow("SELECT * FROM discovery WHERE post_id = $1", post_id)


async def usage(tx: Tx, program_id: str) -> dict[str, int]:
    """How often a program was used."""
    row = await tx.fetchrow("SELECT opened, solved, fulfilled FROM usage WHERE program_id = $1", program_id)
    return dict(row) if row else {"opened": 0, "solved": 0, "fulfilled": 0}


async def summary(tx: Tx) -> dict[str, Any]:
    """Counts that an operator or a replay compares."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT count(*) FROM program) AS programs,
               (SELECT count(*) FROM listing WHERE visible) AS visible,
               (SELECT count(*) FROM discovery WHERE program_id IS NOT NULL) AS discovered,
               (SELECT count(*) FROM discovery WHERE program_id IS NULL) AS not_found
        """
    )
    return dict(row) if row else {}
