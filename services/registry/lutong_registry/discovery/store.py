"""Where posts led, or why nowhere."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery.domain.decisions import Listing, Match
from lutong_registry.discovery.domain.names import Sentence
from lutong_registry.search.domain.marks import COVERAGE_MIN
from lutong_registry.search.domain.text import runs

COMPARED_MAX: Final = 1_000
"""Services compared with one sentence because they share a rare word with it: the rarest words first."""

CHARACTERS_MAX: Final = 100_000
"""Of posts per statement: 500 posts of usual length, and far from the statement timeout with the longest."""


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


async def reasons(tx: Reads, post_ids: Iterable[str]) -> dict[str, str]:
    """Why posts lead nowhere, those that were looked up and do."""
    rows = await tx.fetch(
        "SELECT post_id, reason FROM discovery WHERE post_id = ANY ($1) AND reason IS NOT NULL", sorted(set(post_ids))
    )
    return {row["post_id"]: row["reason"] for row in rows}


async def discovery(tx: Reads, post_id: str) -> asyncpg.Record | None:
    """Where a post led."""
    return await tx.fetchrow(
        "SELECT post_id, program_id, reason, discovered_at FROM discovery WHERE post_id = $1", post_id
    )


async def summary(tx: Reads) -> dict[str, Any]:
    """Counts that an operator or a replay compares: totals, and what they are made of."""
    states: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for row in await tx.fetch(
        """
        SELECT true AS of_programs, count(*) AS total,
               CASE WHEN suspended_for IS NOT NULL THEN 'suspended'
                    WHEN EXISTS (SELECT FROM version AS v WHERE v.program_id = program.program_id AND v.state = 'released')
                    THEN 'released' ELSE 'not_released' END AS word
          FROM program
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


async def listings(tx: Tx, program_ids: Iterable[str]) -> dict[str, Listing]:
    """What is known of programs that authors named; the version is None while nothing is released."""
    rows = await tx.fetch(
        """
        SELECT program_id, program.merchant_id, suspended_for IS NOT NULL AS suspended,
               (SELECT number FROM version AS v WHERE v.program_id = program.program_id AND state = 'released') AS version,
               coalesce(title, '') AS title, coalesce(page, '') AS page
          FROM program LEFT JOIN listing USING (program_id)
         WHERE program_id = ANY ($1)
        """,
        sorted(set(program_ids)),
    )
    return {row["program_id"]: Listing(**dict(row)) for row in rows}


async def matches(tx: Reads, asking: Mapping[str, Sequence[Sentence]]) -> dict[str, list[Match]]:
    """For each text, given with its sentences, services that may be meant. Two statements, unless texts are very long.

    Sentence by sentence: words from all over a long text would add up to a title by chance. A service is looked at when
    its title stands in the sentence as it is, however many services share its words; or when it shares a word of its
    signature with the sentence (GIN) that no more than `COMPARED_MAX` services have, the rarest words first. Of those, one
    comes back when most of its title is in the sentence, or the whole of one of its names. Four names are looked at in place: a subquery
    for each pair costs more than all else that is done with it.
    """
    found: dict[str, list[Match]] = defaultdict(list)
    for portion in _portions(sorted(asking), CHARACTERS_MAX):
        # As it is written, and run by run: 5g is a word of 5G套餐, and iphone one of iPhone15Pro.
        sentences = [
            (text, " ".join([each.text, *runs(each.text)]), each.key) for text in portion for each in asking[text]
        ]
        titled = await _titled(tx, {text: {span for each in asking[text] for span in each.spans} for text in portion})
        for row in await tx.fetch(
            """
            WITH asked AS MATERIALIZED (
                SELECT text, sentence, whole, search_vector(sentence) AS vector, search_terms(sentence) AS terms
                  FROM unnest($1::text[], $2::text[], $3::text[]) AS given(text, sentence, whole)
            ), weighed AS (
                SELECT text, sentence, word, listings,
                       sum(listings) OVER (PARTITION BY text, sentence ORDER BY listings, word) AS work
                  FROM asked CROSS JOIN LATERAL unnest(terms) AS term (word) JOIN word USING (word)
            ), rare AS MATERIALIZED (
                SELECT text, sentence, array_agg(word) AS rarest
                  FROM weighed
                 WHERE work <= $6
                 GROUP BY text, sentence
            ), met AS (
                SELECT text, program_id, coverage
                  FROM (SELECT text, program_id, whole, name_keys,
                               (length(vector) - length(ts_delete(vector, title_words)))::float
                               / greatest(cardinality(title_words), 1) AS coverage
                          FROM rare JOIN asked USING (text, sentence) JOIN listing ON visible AND signature && rarest
                        OFFSET 0) AS shares
                 WHERE coverage >= $7 OR name_keys IS NULL
                    OR strpos(whole, name_keys[1]) > 0 OR strpos(whole, name_keys[2]) > 0
                    OR strpos(whole, name_keys[3]) > 0 OR strpos(whole, name_keys[4]) > 0
                    OR (cardinality(name_keys) > 4
                        AND EXISTS (SELECT FROM unnest(name_keys[5:]) AS name WHERE strpos(whole, name) > 0))
                 UNION ALL
                SELECT text, program_id, 1 FROM unnest($4::text[], $5::text[]) AS given(text, program_id)
            ), best AS (
                SELECT text, program_id, max(coverage) AS coverage FROM met GROUP BY text, program_id
            )
            SELECT text, program_id, merchant_id, version, title, page, keywords, coverage,
                   coalesce(opened + solved + fulfilled, 0) AS uses
              FROM best JOIN listing USING (program_id) LEFT JOIN usage USING (program_id)
             ORDER BY text, program_id
            """,
            *columns(sentences, 3),
            *columns(titled, 2),
            COMPARED_MAX,
            COVERAGE_MIN,
        ):
            listing = Listing(row["program_id"], row["merchant_id"], False, row["version"], row["title"], row["page"])  # noqa: FBT003  # a row of visible listings
            found[row["text"]].append(Match(listing, row["keywords"], row["coverage"], row["uses"]))
    return found


class _Titled(NamedTuple):
    """A text, and a service whose title stands in it."""

    text: str
    program_id: str


async def _titled(tx: Reads, spans: Mapping[str, AbstractSet[str]]) -> list[_Titled]:
    """Each span is looked up once, in the index, whatever number of texts has it: a join would rather read all listings."""
    keys = sorted({span for each in spans.values() for span in each})
    rows = await tx.fetch(
        """
        SELECT title_key, array_agg(program_id ORDER BY program_id) AS program_ids
          FROM unnest($1::text[]) AS given(key)
         CROSS JOIN LATERAL (SELECT title_key, program_id
                               FROM listing
                              WHERE visible AND title_key = key
                              LIMIT $2) AS named
         GROUP BY title_key
        """,
        keys,
        COMPARED_MAX,
    )
    known = {row["title_key"]: row["program_ids"] for row in rows}
    return sorted(
        _Titled(text, program_id)
        for text, keys_of in spans.items()
        for key in keys_of & known.keys()
        for program_id in known[key]
    )


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
