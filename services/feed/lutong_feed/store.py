"""Every SQL statement of the feed: sets of keys in, sets of rows out."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, NamedTuple

import asyncpg
import orjson

from lutong_chassis import Reads, Tx, columns
from lutong_chassis.rows import Sql, columns_of
from lutong_contracts.registry import VersionReleased, VersionRolledBack
from lutong_feed.domain import (
    MAY_BECOME,
    CardRow,
    RequestMove,
    Status,
    StoredPost,
    Suspension,
)


class VersionRow(NamedTuple):
    """A version of a program."""

    program_id: str
    number: int


class ProgramRow(NamedTuple):
    """A program in its version in force; offers and needs are JSON."""

    program_id: str
    merchant_id: str
    version: Annotated[int, Sql("integer")]
    title: str
    page: str
    offers: str
    offers_of: str | None
    needs: str | None
    promotable: bool


_VERSION: Final = columns_of(VersionRow)
_PROGRAM: Final = columns_of(ProgramRow)


async def save_posts(tx: Tx, posts: Sequence[StoredPost], correlation_ids: Sequence[str]) -> set[str]:
    """Publish posts, each on its journey, with cards that are resolving; returns the ids that were new."""
    if not posts:
        return set()
    rows = await tx.fetch(
        """
        INSERT INTO post (post_id, author_id, text, program_id, published_at)
        SELECT post_id, author_id, text, program_id, now()
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY
               AS given(post_id, author_id, text, program_id, place)
         ORDER BY place
            ON CONFLICT (post_id) DO NOTHING
        RETURNING post_id
        """,
        *columns([post[:4] for post in posts], 4),
    )
    fresh = {row["post_id"] for row in rows}
    journeys = [
        (post.post_id, journey) for post, journey in zip(posts, correlation_ids, strict=True) if post.post_id in fresh
    ]
    await tx.execute(
        """
        WITH given AS (SELECT * FROM unnest($1::text[], $2::text[]) AS given(post_id, correlation_id)),
             counted AS (INSERT INTO counter (post_id) SELECT post_id FROM given)
        INSERT INTO card (post_id, correlation_id)
        SELECT post_id, correlation_id FROM given
        """,
        *columns(journeys, 2),
    )
    return fresh


async def end_gray(tx: Tx, ended: Iterable[VersionRow]) -> None:
    """Versions are in gray no more."""
    await tx.execute(
        f"""
        UPDATE program
           SET gray = NULL, gray_offers = NULL
          FROM {_VERSION.unnest()}
         WHERE program.program_id = given.program_id AND (gray::jsonb ->> 'version')::bigint = given.number
        """,
        *_VERSION.arrays(sorted(set(ended))),
    )


async def save_programs(tx: Tx, released: Sequence[VersionReleased | VersionRolledBack]) -> None:
    """Remember the version in force of each program; the last word counts. What was in gray is not any more."""
    latest = {event.program_id: event for event in released}
    await tx.execute(
        f"""
        INSERT INTO program ({_PROGRAM.names})
        SELECT {_PROGRAM.names} FROM {_PROGRAM.unnest()}
            {_PROGRAM.replaced("program_id")}, gray = NULL, gray_offers = NULL, offline_for = NULL
        """,
        *_PROGRAM.arrays(_program(event) for _, event in sorted(latest.items())),
    )


def _program(event: VersionReleased | VersionRolledBack) -> ProgramRow:
    """The version in force of a program as its row."""
    offers = orjson.dumps([offer.model_dump() for offer in event.offers]).decode()
    needs = event.needs.model_dump_json() if event.needs else None
    return ProgramRow(
        event.program_id, event.merchant_id, event.version, event.title, event.page, offers, event.offers_of, needs,
        event.promotable,
    )  # fmt: skip


async def save_approved(tx: Tx, approved: Iterable[VersionRow]) -> None:
    """Versions passed the second audit: placements may recommend those that are in force."""
    await tx.execute(
        f"""
        UPDATE program
           SET promotable = true
          FROM {_VERSION.unnest()}
         WHERE program.program_id = given.program_id AND version = given.number AND NOT promotable
        """,
        *_VERSION.arrays(sorted(set(approved))),
    )


async def save_suspensions(tx: Tx, suspensions: Sequence[Suspension]) -> None:
    """Suspend programs, or resume them when there is no reason, and every card that leads to them."""
    latest = sorted({each.program_id: each for each in suspensions}.values())
    await tx.execute(
        """
        INSERT INTO program (program_id, suspended_for)
        SELECT * FROM unnest($1::text[], $2::text[])
            ON CONFLICT (program_id) DO UPDATE SET suspended_for = excluded.suspended_for
        """,
        *columns(latest, 2),
    )
    await tx.execute(
        """
        UPDATE card
           SET state = CASE WHEN suspended_for IS NULL THEN 'active' ELSE 'unavailable' END,
               reason = CASE WHEN suspended_for IS NULL THEN NULL ELSE 'suspended' END
          FROM unnest($1::text[], $2::text[]) AS given(program_id, suspended_for)
         WHERE card.program_id = given.program_id AND (state = 'active' OR reason = 'suspended')
        """,
        *columns(latest, 2),
    )


async def suspensions(tx: Tx, program_ids: Iterable[str]) -> dict[str, str]:
    """Why programs are suspended, for those that are. Locked, so that a card resolved now is not missed."""
    rows = await tx.fetch(
        """
        SELECT program_id, suspended_for
          FROM program
         WHERE program_id = ANY ($1)
         ORDER BY program_id
           FOR SHARE
        """,
        sorted(set(program_ids)),
    )
    return {row["program_id"]: row["suspended_for"] for row in rows if row["suspended_for"]}


async def resolve_cards(tx: Tx, cards: Sequence[CardRow]) -> set[str]:
    """Resolve cards; gives the posts whose cards are there. One that was taken off stays off."""
    latest = {card.post_id: card for card in cards}
    rows = await tx.fetch(
        """
        UPDATE card
           SET state = CASE WHEN taken_off_by IS NULL THEN given.state ELSE card.state END,
               reason = CASE WHEN taken_off_by IS NULL THEN given.reason ELSE card.reason END,
               program_id = CASE WHEN taken_off_by IS NULL THEN given.program_id END,
               merchant_id = given.merchant_id, causation_id = given.causation_id
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
               AS given(post_id, state, program_id, merchant_id, reason, causation_id)
         WHERE card.post_id = given.post_id
        RETURNING card.post_id
        """,
        *columns([card for _, card in sorted(latest.items())], 6),
    )
    return {row["post_id"] for row in rows}


class CardOwners(NamedTuple):
    """Who is responsible for the card on a post, and who took it off, if anybody did."""

    author_id: str
    merchant_id: str | None
    program_id: str | None
    taken_off_by: str | None
    taken_off_for: str | None
    correlation_id: str
    causation_id: str | None


async def card_owners(tx: Tx, post_id: str) -> CardOwners | None:
    """Of the card on a post, locked: two who take it off do so one after the other."""
    row = await tx.fetchrow(
        """
        SELECT author_id, card.merchant_id, card.program_id, taken_off_by, taken_off_for, correlation_id,
               causation_id
          FROM card JOIN post USING (post_id)
         WHERE post_id = $1
           FOR NO KEY UPDATE OF card
        """,
        post_id,
    )
    return CardOwners(*row) if row else None


async def take_card_off(tx: Tx, post_id: str, by: str, reason: str) -> None:
    """The card leads nowhere any more."""
    await tx.execute(
        """
        UPDATE card
           SET state = 'unavailable', reason = 'taken_off', program_id = NULL, taken_off_by = $2, taken_off_for = $3
         WHERE post_id = $1 AND taken_off_by IS NULL
        """,
        post_id,
        by,
        reason,
    )


async def move_requests(tx: Tx, status: Status, moves: Sequence[RequestMove]) -> list[asyncpg.Record]:
    """Move requests to a status that they may reach; returns those that moved."""
    in_order = sorted(moves, key=lambda move: move.order_id)
    return await tx.fetch(
        """
        UPDATE service_request AS request
           SET status = $1, changed_at = now(), reason = coalesce(given.reason, request.reason),
               location_id = coalesce(given.location_id, request.location_id),
               location_kind = coalesce(given.location_kind, request.location_kind)
          FROM unnest($3::text[], $4::text[], $5::text[], $6::text[])
               AS given(order_id, reason, location_id, location_kind)
         WHERE request.order_id = given.order_id AND status = ANY ($2)
        RETURNING request.order_id, post_id
        """,
        status,
        list(MAY_BECOME[status]),
        *columns(in_order, 4),
    )


async def summary(tx: Reads) -> dict[str, Any]:
    """Counts of posts, cards by state and requests by status."""
    row = await tx.fetchrow(
        """
        SELECT (SELECT count(*) FROM account) AS accounts,
               (SELECT count(*) FROM follow) AS follows,
               (SELECT count(*) FROM post) AS posts,
               (SELECT json_object_agg(state, n) FROM (SELECT state, count(*) AS n FROM card GROUP BY state) AS c)::text
                   AS cards,
               (SELECT json_object_agg(status, n)
                  FROM (SELECT status, count(*) AS n FROM service_request GROUP BY status) AS r)::text AS requests
        """
    )
    if row is None:
        return {}
    return dict(row) | {name: orjson.loads(row[name] or "{}") for name in ("cards", "requests")}
