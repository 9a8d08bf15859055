"""Each original once in a walk: which rows a page shows, which are left for the next one, and what the walk remembers. Pure."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import asyncpg

from lutong_feed.placements.domain import SHOWN_MAX


class Cut(NamedTuple):
    """The rows of a page, and those that come after it: without any that show an original of this page, or of one before, again."""

    rows: list[asyncpg.Record]
    rest: list[asyncpg.Record]


def original(row: asyncpg.Record) -> int:
    """The number of the post at the root of a row's tree: its own, when it is no repost."""
    number: int = row["root_number"] or row["number"]
    return number


def unseen(rows: Iterable[asyncpg.Record], shown: Collection[int]) -> list[asyncpg.Record]:
    """The rows whose originals were not shown."""
    return [row for row in rows if original(row) not in shown]


def cut(rows: Sequence[asyncpg.Record], limit: int) -> Cut:
    """The first `limit` rows of different originals, and what is left for the pages after.

    What repeats an original that is still to come stays: it is shown if the other one is gone by then.
    """
    page = dict[int, asyncpg.Record]()
    for row in rows:
        if len(page) == limit:
            break
        page.setdefault(original(row), row)
    return Cut(list(page.values()), unseen(rows, page))


def remembered(shown: Sequence[int], rows: Iterable[asyncpg.Record]) -> tuple[int, ...]:
    """What a walk remembers after a page: originals that it may meet again, as a repost or in a place that is paid for; the latest."""
    again = (original(row) for row in rows if row["root_number"] or row["program_id"])
    return tuple(dict.fromkeys((*shown, *again)))[-SHOWN_MAX:]
