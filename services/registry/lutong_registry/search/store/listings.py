"""What the search and posts find: listings with their marks, names and outlines, and how many listings have each mark and word."""

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_chassis.rows import Sql, as_array, columns_of
from lutong_contracts.synthetic import OF_PEOPLE
from lutong_registry.search.domain.marks import INDEX_VERSION, TOTAL, Document, marks_of, name_of
from lutong_registry.search.domain.text import key_of, plain
from lutong_registry.search.domain.titles import COVERAGE_MIN, Outline, names_of, outline_of, words_of


class ListingRow(NamedTuple):
    """A listing as it is stored."""

    program_id: str
    merchant_id: str
    version: int
    title: str
    page: str
    keywords: str
    description: str
    category: str | None
    visible: bool
    promotable: bool
    marks: str
    name: int
    title_key: str


class _Called(NamedTuple):
    """What a service is called."""

    program_id: str
    title: str
    keywords: Sequence[str]


class NameRow(NamedTuple):
    """A name of a service."""

    key: str
    program_id: str


class OutlineRow(NamedTuple):
    """The outline of a service's title; its rarest words as the text of an array."""

    program_id: str
    rarest: str
    bits: str
    words: Annotated[int, Sql("smallint")]
    spare: Annotated[int, Sql("smallint")]


_NAME: Final = columns_of(NameRow)
_OUTLINE: Final = columns_of(OutlineRow)


async def refresh_listings(tx: Tx, program_ids: Iterable[str]) -> None:
    """Make the search and posts see the version that is released now, and count the words and marks that came and went.

    Words lead to what is found by people: not to a version that passed one audit, nor to the probe's program.
    """
    released = sorted(set(program_ids))
    rows = await _released(tx, released)
    listed = [_listing(row) for row in rows]
    await _count_marks(tx, rows, listed)
    await _save_listings(tx, listed)
    await _count_words(tx, rows)
    before = [_Called(row["program_id"], row["title_before"], row["keywords_before"]) for row in rows if row["counted"]]
    found = [_Called(row["program_id"], row["title"], row["keywords"]) for row in rows if row["found"]]
    await _save_calls(tx, before, found)


async def _released(tx: Tx, program_ids: Sequence[str]) -> list[asyncpg.Record]:
    """The versions in force of programs, with the marks that their listings have until now."""
    return await tx.fetch(
        f"""
        SELECT program_id, program.merchant_id, number AS version, manifest ->> 'title' AS title,
               manifest ->> 'page' AS page,
               ARRAY(SELECT jsonb_array_elements_text(manifest -> 'keywords')) AS keywords,
               manifest ->> 'description' AS description, manifest ->> 'category' AS category,
               suspended_for IS NULL AS visible, NOT admitted_only AND {OF_PEOPLE} AS found, coalesce(marks, '{{}}') AS marks,
               coalesce(indexed_as, 0) > 0 AS counted, listing.title AS title_before, listing.keywords AS keywords_before
          FROM program
          JOIN version USING (program_id)
          LEFT JOIN listing USING (program_id)
         WHERE program_id = ANY ($1) AND state = 'released'
         ORDER BY program_id
        """,
        program_ids,
    )


def _listing(row: asyncpg.Record) -> ListingRow:
    title, keywords = row["title"], row["keywords"]
    found = row["found"]
    marks = marks_of(Document(title, keywords, row["description"], row["category"])) if found else ()
    return ListingRow(
        row["program_id"], row["merchant_id"], row["version"], title, row["page"], as_array(keywords),
        row["description"], row["category"], row["visible"], found, as_array(marks), name_of(title) if found else 0,
        key_of(plain(title)) if found else "",
    )  # fmt: skip


async def _count_marks(tx: Tx, before: Sequence[asyncpg.Record], after: Sequence[ListingRow]) -> None:
    """Count the marks that listings gain, and take back those that they lose; both in the order of their numbers."""
    change: Counter[int] = Counter()
    for row in before:
        change.subtract(row["marks"])
        change[TOTAL] += not row["counted"]
    for listing in after:
        change.update(int(mark) for mark in listing.marks[1:-1].split(",") if mark)
    await tx.execute(
        """
        INSERT INTO mark AS known (mark, listings)
        SELECT mark, listings FROM unnest($1::bigint[], $2::bigint[]) AS given(mark, listings)
            ON CONFLICT (mark) DO UPDATE SET listings = known.listings + excluded.listings
        """,
        *columns(sorted((mark, listings) for mark, listings in change.items() if listings), 2),
    )


async def _save_listings(tx: Tx, listings: Sequence[ListingRow]) -> None:
    """The signature, and that there are no `name_keys`, are for the release before: it finds posts by them while it still runs."""
    await tx.execute(
        """
        INSERT INTO listing (program_id, merchant_id, version, title, page, keywords, description, category, visible,
                             promotable, marks, name, title_key, signature, indexed_as)
        SELECT program_id, merchant_id, version, title, page, keywords::text[], description, category, visible,
               promotable, marks::bigint[], name, title_key,
               CASE WHEN title_key <> '' THEN search_signature(title, keywords::text[], $14) ELSE '{}' END, $15
          FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                      $9::boolean[], $10::boolean[], $11::text[], $12::bigint[], $13::text[])
               AS given(program_id, merchant_id, version, title, page, keywords, description, category, visible,
                        promotable, marks, name, title_key)
            ON CONFLICT (program_id) DO UPDATE
           SET version = excluded.version, title = excluded.title, page = excluded.page,
               keywords = excluded.keywords, description = excluded.description, category = excluded.category,
               visible = excluded.visible, promotable = excluded.promotable, marks = excluded.marks, name = excluded.name,
               title_key = excluded.title_key, name_keys = NULL, signature = excluded.signature,
               indexed_as = excluded.indexed_as
        """,
        *columns(listings, 13),
        COVERAGE_MIN,
        INDEX_VERSION,
    )


async def hide(tx: Tx, program_ids: Iterable[str]) -> None:
    """Programs of which no version is released any more: nothing leads to them."""
    await tx.execute(
        """
        UPDATE listing
           SET visible = false
         WHERE program_id = ANY ($1)
           AND NOT EXISTS (SELECT FROM version WHERE version.program_id = listing.program_id AND state = 'released')
        """,
        sorted(set(program_ids)),
    )


async def outdated(tx: Tx, listings_max: int) -> list[str]:
    """Programs whose listings were indexed by an earlier version of the service."""
    rows = await tx.fetch(
        "SELECT program_id FROM listing WHERE indexed_as < $1 ORDER BY indexed_as, program_id LIMIT $2",
        INDEX_VERSION,
        listings_max,
    )
    return [row["program_id"] for row in rows]


async def word_counts(tx: Reads, words: Iterable[str]) -> dict[str, int]:
    """How many services have had each word in their title; of a word that is not there, none."""
    rows = await tx.fetch("SELECT word, listings FROM word WHERE word = ANY ($1)", sorted(words))
    return {row["word"]: row["listings"] for row in rows}


async def _save_calls(tx: Tx, before: Sequence[_Called], after: Sequence[_Called]) -> None:
    """Let services be found by what they are called now, and no more by what they were called before."""
    await _save_names(tx, _names(before), _names(after))
    counts = await word_counts(tx, {word for each in after for word in words_of(each.title)})
    rows = [_row(each.program_id, outline) for each in after if (outline := outline_of(each.title, counts))]
    await _save_outlines(tx, rows)
    gone = {each.program_id for each in before} - {row.program_id for row in rows}
    await tx.execute("DELETE FROM listing_title WHERE program_id = ANY ($1)", sorted(gone))


async def _count_words(tx: Tx, rows: Sequence[asyncpg.Record]) -> None:
    """Count the words that titles gain, for how rare each is. None is taken back: what is found does not depend on it."""
    gained = Counter(word for row in rows for word in words_of(row["title"]) - words_of(row["title_before"] or ""))
    await tx.execute(
        """
        INSERT INTO word AS known (word, listings)
        SELECT word, listings FROM unnest($1::text[], $2::bigint[]) AS given(word, listings)
            ON CONFLICT (word) DO UPDATE SET listings = known.listings + excluded.listings
        """,
        *columns(sorted(gained.items()), 2),
    )


def _names(called: Sequence[_Called]) -> set[NameRow]:
    return {NameRow(key, each.program_id) for each in called for key in names_of(each.title, each.keywords)}


async def _save_names(tx: Tx, before: AbstractSet[NameRow], after: AbstractSet[NameRow]) -> None:
    await tx.execute(
        f"""
        DELETE FROM listing_name
         USING {_NAME.unnest("gone")}
         WHERE listing_name.key = gone.key AND listing_name.program_id = gone.program_id
        """,
        *_NAME.arrays(sorted(before - after)),
    )
    await tx.execute(
        f"INSERT INTO listing_name ({_NAME.names}) SELECT * FROM {_NAME.unnest()} ON CONFLICT DO NOTHING",
        *_NAME.arrays(sorted(after)),
    )


def _row(program_id: str, outline: Outline) -> OutlineRow:
    return OutlineRow(program_id, as_array(outline.rarest), outline.bits, outline.words, outline.spare)


async def _save_outlines(tx: Tx, rows: Sequence[OutlineRow]) -> None:
    """An outline that did not change is not written: a trigger would delete its words and insert them again."""
    await tx.execute(
        f"""
        INSERT INTO listing_title AS known (program_id, rarest, bits, words, spare, visible)
        SELECT program_id, rarest::text[], bits::bit(256), words, spare, visible
          FROM {_OUTLINE.unnest()} JOIN listing USING (program_id)
         ORDER BY program_id
            ON CONFLICT (program_id) DO UPDATE
           SET rarest = excluded.rarest, bits = excluded.bits, words = excluded.words, spare = excluded.spare
         WHERE (known.rarest, known.bits, known.words, known.spare)
               IS DISTINCT FROM (excluded.rarest, excluded.bits, excluded.words, excluded.spare)
        """,
        *_OUTLINE.arrays(rows),
    )
