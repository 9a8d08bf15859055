"""Every SQL statement of the registry: sets of keys in, sets of rows out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import asyncpg
import orjson

from lutong_chassis import Tx, columns
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_contracts.values import Offer
from lutong_registry.domain import COVERAGE_MIN, Listing, Match, Program, Version

CANDIDATES_MAX = 5
"""Services looked at per post, best first."""

CHARACTERS_MAX = 100_000
"""Of posts per statement: 500 posts of usual length, and far from the statement timeout with the longest."""


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


async def refresh_listings(tx: Tx, program_ids: Iterable[str]) -> None:
    """Make the search see the version that is released now."""
    await tx.execute(
        """
        INSERT INTO listing (program_id, merchant_id, version, title, page, keywords, description, visible)
        SELECT program_id, merchant_id, number, manifest ->> 'title', manifest ->> 'page',
               ARRAY(SELECT jsonb_array_elements_text(manifest -> 'keywords')), manifest ->> 'description',
               suspended_for IS NULL
          FROM program JOIN version USING (program_id)
         WHERE program_id = ANY ($1) AND state = 'released'
         ORDER BY program_id
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
    """For each text, the services its words ask for, best first. One statement, unless the texts are very long.

    Sentence by sentence: words from all over a long text would add up to a title by chance.
    Candidates share any word of a name with the sentence (GIN); a service is `named` when its
    title or one of its keywords occurs as a phrase. `asked` is materialised, or else PostgreSQL
    would split the sentence anew for every candidate.
    """
    found: dict[str, list[Match]] = defaultdict(list)
    for portion in _portions(sorted(set(texts)), CHARACTERS_MAX):
        for row in await tx.fetch(
            """
            WITH asked AS MATERIALIZED (
                SELECT text, search_vector(sentence) AS vector, search_each(sentence, '|') AS any_word
                  FROM unnest($1::text[]) AS text, regexp_split_to_table(text, '[。！？；!?;\n]+') AS sentence
            ), found AS (
                SELECT DISTINCT ON (text, program_id)
                       text, program_id, merchant_id, version, title, page, title_words, named, coverage
                  FROM asked
                 CROSS JOIN LATERAL (
                       SELECT listing.*, vector @@ names AS named,
                              (length(vector) - length(ts_delete(vector, title_words)))::float
                              / greatest(cardinality(title_words), 1) AS coverage
                         FROM listing
                        WHERE visible AND name_words @@ any_word
                       OFFSET 0
                       ) AS candidate
                 WHERE named OR coverage >= $2
                 ORDER BY text, program_id, named DESC, coverage DESC
            ), ranked AS (
                SELECT found.*, row_number() OVER (
                           PARTITION BY text
                           ORDER BY named DESC, coverage DESC, cardinality(title_words) DESC,
                                    coalesce(opened + solved + fulfilled, 0) DESC, program_id) AS place
                  FROM found LEFT JOIN usage USING (program_id)
            )
            SELECT * FROM ranked WHERE place <= $3 ORDER BY text, place
            """,
            portion,
            COVERAGE_MIN,
            CANDIDATES_MAX,
        ):
            listing = Listing(row["program_id"], row["merchant_id"], False, row["version"], row["title"], row["page"])  # noqa: FBT003  # a row of visible listings
            found[row["text"]].append(Match(listing, row["named"], row["coverage"]))
    return found


def _portions(texts: Sequence[str], characters_max: int) -> Iterator[list[str]]:
    """Texts in order, so many at a time that their characters stay below a bound (but at least one)."""
    portion: list[str] = []
    characters = 0
    for text in texts:
        if portion and characters + len(text) > characters_max:
            yield portion
            portion, characters = [], 0
        portion.append(text)
        characters += len(text)
    if portion:
        yield portion


async def search(tx: Tx, question: str, limit: int) -> list[asyncpg.Record]:
    """Services for a person's question: the phrase first, then all its words, then any of them."""
    return await tx.fetch(
        """
        WITH asked AS (
            SELECT search_phrase($1) AS phrase, search_each($1, '&') AS all_words, search_each($1, '|') AS any_word
        )
        SELECT program_id, merchant_id, version, title, page,
               CASE WHEN words @@ phrase THEN 'phrase' WHEN words @@ all_words THEN 'all' ELSE 'any' END AS matched,
               ts_rank_cd(words, any_word) AS rank
          FROM listing, asked
         WHERE visible AND words @@ any_word
         ORDER BY words @@ phrase DESC, words @@ all_words DESC, rank DESC, program_id
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
    """Counts that an operator or a replay compares: totals, and what they are made of."""
    states: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for row in await tx.fetch(
        """
        SELECT true AS of_programs, count(*) AS total,
               CASE WHEN suspended_for IS NOT NULL THEN 'suspended'
                    WHEN listing.program_id IS NOT NULL THEN 'released' ELSE 'not_released' END AS word
          FROM program LEFT JOIN listing USING (program_id)
         GROUP BY word
         UNION ALL
        SELECT false, count(*), coalesce(reason, 'discovered') AS word FROM discovery GROUP BY word
        """
    ):
        (states if row["of_programs"] else outcomes)[row["word"]] = row["total"]
    discovered = outcomes.get("discovered", 0)
    return {
        "programs": sum(states.values()),
        "visible": states.get("released", 0),
        "discovered": discovered,
        "not_found": sum(outcomes.values()) - discovered,
        "programs_by_state": states,
        "discoveries_by_outcome": outcomes,
    }
