"""Where posts led, or why nowhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate
from typing import Any, Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_chassis.rows import as_array
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery.domain.evidence import Listing, Match, covered
from lutong_registry.discovery.domain.names import Sentence
from lutong_registry.discovery.domain.posts import is_to_settle
from lutong_registry.search.domain.titles import lacking, words_of
from lutong_registry.search.store.listings import word_counts

COMPARED_MAX: Final = 1_000
"""Services compared with one sentence because they share a rare word with it: the rarest words first."""

NEAR_MAX: Final = 20
"""Services of which a text has most of the title that are looked at in full."""

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
    """For each text, given with its sentences, services that may be meant, in any order.

    Either a sentence has one of a service's names, which are looked up as they are; or a sentence with a matter has most of a
    long title. Sentence by sentence: words from all over a long text would add up to a title by chance.
    """
    found: dict[str, list[Match]] = {}
    for portion in _portions(sorted(asking), CHARACTERS_MAX):
        sentences = [_Asking(text, each) for text in portion for each in asking[text]]
        named = await _named(tx, sentences)
        near = await _near(tx, [each for each in sentences if is_to_settle(each.sentence.text)])
        shown = await _shown(tx, {each.program_id for each in (*named, *near)})
        by_name = {program_id: _match(row) for program_id, row in shown.items()}
        for met in named - near:
            if met.program_id in by_name:
                found.setdefault(met.text, []).append(by_name[met.program_id])
        for met in near:
            if row := shown.get(met.program_id):
                share = covered(row["title"], asking[met.text])
                found.setdefault(met.text, []).append(_match(row, share, is_named=met in named))
    return found


def _match(row: asyncpg.Record, share: float = 0, *, is_named: bool = True) -> Match:
    listing = Listing(row["program_id"], row["merchant_id"], False, row["version"], row["title"], row["page"])  # noqa: FBT003  # a row of visible listings
    return Match(listing, row["keywords"], share, row["uses"], is_named)


class _Asking(NamedTuple):
    """A sentence of a text."""

    text: str
    sentence: Sentence


class _Met(NamedTuple):
    """A text, and a service that it may name."""

    text: str
    program_id: str


async def _named(tx: Reads, asking: Sequence[_Asking]) -> set[_Met]:
    """Each name is looked up once, whatever number of texts has it; of the services that have it, `COMPARED_MAX`.

    Some may not be visible: `_shown` knows. Only where more have a name than are compared, the visible ones are chosen here.
    """
    starts = await _starts(tx, {start for each in asking for start in each.sentence.starts})
    spans = [frozenset(each.sentence.spans(starts)) for each in asking]
    known = await _called(tx, frozenset().union(*spans))
    known |= await _called_and_visible(tx, [key for key, found in known.items() if len(found) > COMPARED_MAX])
    return {
        _Met(each.text, program_id)
        for each, keys_there in zip(asking, spans, strict=True)
        for key in keys_there & known.keys()
        for program_id in known[key]
    }


async def _called(tx: Reads, keys: Iterable[str]) -> dict[str, list[str]]:
    """The services that have each name; one more than `COMPARED_MAX` where there are more."""
    rows = await tx.fetch(
        """
        SELECT key, array_agg(program_id) AS program_ids
          FROM unnest($1::text[]) AS given(key)
         CROSS JOIN LATERAL (SELECT program_id FROM listing_name WHERE listing_name.key = given.key LIMIT $2) AS named
         GROUP BY key
        """,
        sorted(keys),
        COMPARED_MAX + 1,
    )
    return {row["key"]: row["program_ids"] for row in rows}


async def _called_and_visible(tx: Reads, keys: Sequence[str]) -> dict[str, list[str]]:
    """Of services that have names which many have, `COMPARED_MAX` that are visible."""
    if not keys:
        return {}
    rows = await tx.fetch(
        """
        SELECT key, array_agg(program_id) AS program_ids
          FROM unnest($1::text[]) AS given(key)
         CROSS JOIN LATERAL (SELECT program_id
                               FROM listing_name JOIN listing USING (program_id)
                              WHERE visible AND listing_name.key = given.key
                              LIMIT $2) AS named
         GROUP BY key
        """,
        keys,
        COMPARED_MAX,
    )
    return {key: [] for key in keys} | {row["key"]: row["program_ids"] for row in rows}


async def _starts(tx: Reads, starts: Iterable[str]) -> set[str]:
    """Those with which a name begins: the many stretches that begin otherwise need not be looked up."""
    rows = await tx.fetch(
        """
        SELECT start
          FROM unnest($1::text[]) AS given(start)
         WHERE EXISTS (SELECT FROM listing_name WHERE key >= start AND key < start || chr(1114111))
        """,
        sorted(starts),
    )
    return {row["start"] for row in rows}


async def _near(tx: Reads, asking: Sequence[_Asking]) -> set[_Met]:
    """A sentence is compared with the services that share a word of their outlines with it, the rarest words first.

    Bits rule out most of them. Of the others those come back that have the most words, `NEAR_MAX` and their equals.
    """
    words = [words_of(each.sentence.text) for each in asking]
    rarest = await _rarest(tx, words)
    rows = await tx.fetch(
        """
        WITH asked AS MATERIALIZED (
            SELECT text, rarest::text[], lacking::bit(256)
              FROM unnest($1::text[], $2::text[], $3::text[]) AS given(text, rarest, lacking)
        ), fitting AS (
            SELECT DISTINCT text, program_id, words, bit_count(bits & lacking) AS missing
              FROM asked CROSS JOIN LATERAL unnest(rarest) AS rare (word) JOIN listing_title_word USING (word)
             WHERE bit_count(bits & lacking) <= spare
        )
        SELECT text, program_id
          FROM (SELECT text, program_id, rank() OVER (PARTITION BY text ORDER BY missing::float / words) AS place
                  FROM fitting) AS ranked
         WHERE place <= $4
        """,
        [each.text for each in asking],
        [as_array(each) for each in rarest],
        [lacking(each) for each in words],
        NEAR_MAX,
    )
    return {_Met(row["text"], row["program_id"]) for row in rows}


async def _rarest(tx: Reads, sentences: Sequence[AbstractSet[str]]) -> list[list[str]]:
    """The words of each sentence that no more than `COMPARED_MAX` services have together, the rarest first.

    A word that was never counted is the rarest of all: the outline of a title prefers it.
    """
    counts = await word_counts(tx, frozenset().union(*sentences))
    found = []
    for words in sentences:
        known = sorted((counts.get(word, 0), word) for word in words)
        work = accumulate(count for count, _ in known)
        found.append([word for (_, word), so_far in zip(known, work, strict=True) if so_far <= COMPARED_MAX])
    return found


async def _shown(tx: Reads, program_ids: Iterable[str]) -> dict[str, asyncpg.Record]:
    """What posts are compared with, by program, as far as it is visible."""
    rows = await tx.fetch(
        """
        SELECT program_id, merchant_id, version, title, page, keywords,
               coalesce(opened + solved + fulfilled, 0) AS uses
          FROM listing LEFT JOIN usage USING (program_id)
         WHERE visible AND program_id = ANY ($1)
        """,
        sorted(program_ids),
    )
    return {row["program_id"]: row for row in rows}


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
