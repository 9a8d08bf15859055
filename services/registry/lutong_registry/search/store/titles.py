"""The index of what posts may call services: names, and long titles that a sentence may have in part."""

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Final, NamedTuple

from lutong_chassis import Tx, columns
from lutong_chassis.rows import Sql, as_array, columns_of
from lutong_registry.search.domain.titles import Outline, names_of, outline_of, words_of


class Called(NamedTuple):
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


async def save_calls(tx: Tx, before: Sequence[Called], after: Sequence[Called]) -> None:
    """Let services be found by what they are called now, and no more by what they were called before."""
    await _save_names(tx, _names(before), _names(after))
    known = await _listings(tx, {word for each in after for word in words_of(each.title)})
    outlines = {each.program_id: outline_of(each.title, known) for each in after}
    await _save_outlines(tx, [_row(program_id, each) for program_id, each in sorted(outlines.items()) if each])
    gone = {each.program_id for each in before} - {program_id for program_id, each in outlines.items() if each}
    await tx.execute("DELETE FROM listing_title WHERE program_id = ANY ($1)", sorted(gone))


async def count_words(tx: Tx, titles: Iterable[str]) -> None:
    """Count the words of new titles, for how rare each is. They are never taken back: what is found does not depend on them."""
    counted = Counter(word for title in titles for word in words_of(title))
    await tx.execute(
        """
        INSERT INTO word AS known (word, listings)
        SELECT word, listings FROM unnest($1::text[], $2::bigint[]) AS given(word, listings)
            ON CONFLICT (word) DO UPDATE SET listings = known.listings + excluded.listings
        """,
        *columns(sorted(counted.items()), 2),
    )


async def _listings(tx: Tx, words: Iterable[str]) -> dict[str, int]:
    rows = await tx.fetch("SELECT word, listings FROM word WHERE word = ANY ($1)", sorted(words))
    return {row["word"]: row["listings"] for row in rows}


def _names(called: Sequence[Called]) -> set[NameRow]:
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
    await tx.execute(
        f"""
        INSERT INTO listing_title (program_id, rarest, bits, words, spare, visible)
        SELECT program_id, rarest::text[], bits::bit(256), words, spare, visible
          FROM {_OUTLINE.unnest()} JOIN listing USING (program_id)
         ORDER BY program_id
            ON CONFLICT (program_id) DO UPDATE
           SET rarest = excluded.rarest, bits = excluded.bits, words = excluded.words, spare = excluded.spare
        """,
        *_OUTLINE.arrays(rows),
    )
