"""The service search: what it stands on, where a post leads, and what answers a question."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import asyncpg

from lutong_chassis import Reads, Tx
from lutong_registry.domain import COVERAGE_MIN, Listing, Match

CANDIDATES_MAX: Final = 5
"""Services given per post, best first."""

COMPARED_MAX: Final = 1_000
"""Services compared with one sentence or question. More are only met by words that nearly everybody uses."""

CHARACTERS_MAX: Final = 100_000
"""Of posts per statement: 500 posts of usual length, and far from the statement timeout with the longest."""


async def refresh_listings(tx: Tx, program_ids: Iterable[str]) -> None:
    """Make the search see the version that is released now; the words of programs new to it are counted."""
    released = sorted(set(program_ids))
    await tx.execute(
        """
        INSERT INTO word AS known (word, listings)
        SELECT word, count(*)
          FROM program
          JOIN version USING (program_id)
          LEFT JOIN listing USING (program_id)
         CROSS JOIN LATERAL search_known_by(manifest ->> 'title',
                                            ARRAY(SELECT jsonb_array_elements_text(manifest -> 'keywords')),
                                            manifest ->> 'description') AS word
         WHERE program_id = ANY ($1) AND state = 'released' AND listing.program_id IS NULL
         GROUP BY word
         ORDER BY word
            ON CONFLICT (word) DO UPDATE SET listings = known.listings + excluded.listings
        """,
        released,
    )
    await tx.execute(
        """
        INSERT INTO listing (program_id, merchant_id, version, title, page, keywords, description, visible, signature)
        SELECT program_id, merchant_id, number, title, manifest ->> 'page', keywords, manifest ->> 'description',
               suspended_for IS NULL, search_signature(title, keywords, $2)
          FROM program
          JOIN version USING (program_id)
         CROSS JOIN LATERAL (SELECT manifest ->> 'title' AS title,
                                    ARRAY(SELECT jsonb_array_elements_text(manifest -> 'keywords')) AS keywords) AS names
         WHERE program_id = ANY ($1) AND state = 'released'
         ORDER BY program_id
            ON CONFLICT (program_id) DO UPDATE
           SET version = excluded.version, title = excluded.title, page = excluded.page,
               keywords = excluded.keywords, description = excluded.description, visible = excluded.visible,
               signature = excluded.signature
        """,
        released,
        COVERAGE_MIN,
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
    Candidates share a word of their signature with the sentence (GIN), which no match can miss; a
    service is `named` when its title or one of its keywords occurs as a phrase. `asked` is
    materialised, or else PostgreSQL would split the sentence anew for every candidate.
    """
    found: dict[str, list[Match]] = defaultdict(list)
    for portion in _portions(sorted(set(texts)), CHARACTERS_MAX):
        for row in await tx.fetch(
            """
            WITH asked AS MATERIALIZED (
                SELECT text, search_vector(sentence) AS vector, search_terms(sentence) AS terms
                  FROM unnest($1::text[]) AS text, regexp_split_to_table(text, '[。！？；!?;\n]+') AS sentence
            ), found AS (
                SELECT DISTINCT ON (text, program_id)
                       text, program_id, merchant_id, version, title, page, title_words, named, coverage
                  FROM asked
                 CROSS JOIN LATERAL (
                       SELECT program_id, merchant_id, version, title, page, title_words, vector @@ names AS named,
                              (length(vector) - length(ts_delete(vector, title_words)))::float
                              / greatest(cardinality(title_words), 1) AS coverage
                         FROM listing
                        WHERE visible AND signature && terms
                        LIMIT $4
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
            COMPARED_MAX,
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


async def search(tx: Reads, question: str, limit: int) -> list[asyncpg.Record]:
    """Services for a person's question: the phrase first, then all its words, then any of them.

    Compared are services that share one of the question's rarest words: as many words, rarest first,
    as a bounded number of services have. A question of frequent words alone is answered from a part.
    """
    return await tx.fetch(
        """
        WITH asked AS MATERIALIZED (
            SELECT search_phrase($1) AS phrase, search_each($1, '&') AS all_words, search_each($1, '|') AS any_word
        ), weighed AS (
            SELECT word, sum(listings) OVER (ORDER BY listings, word) - listings AS before
              FROM word
             WHERE word = ANY (search_terms($1))
        ), rare AS MATERIALIZED (
            SELECT string_agg(word, '|')::tsquery AS words FROM weighed WHERE before < $3
        ), compared AS (
            SELECT program_id, merchant_id, version, title, page, listing.words
              FROM listing, rare
             WHERE visible AND listing.words @@ rare.words
             LIMIT $3
        )
        SELECT program_id, merchant_id, version, title, page,
               CASE WHEN words @@ phrase THEN 'phrase' WHEN words @@ all_words THEN 'all' ELSE 'any' END AS matched,
               ts_rank(words, any_word) AS rank
          FROM compared, asked
         ORDER BY words @@ phrase DESC, words @@ all_words DESC, rank DESC, program_id
         LIMIT $2
        """,
        question,
        limit,
        COMPARED_MAX,
    )
