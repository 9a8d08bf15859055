"""SQL of what viewers do with cards: what they name, who did what for the first time, counters, and requests."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

import asyncpg
import orjson

from lutong_chassis import Outgoing, Reads, Tx, columns
from lutong_chassis.rows import columns_of
from lutong_contracts.feed import ServiceRequested
from lutong_contracts.values import Offer
from lutong_feed.apart.store import not_apart
from lutong_feed.domain import Cursor, Program
from lutong_feed.engagements.domain import Card, Engagement, Found, RequestRow
from lutong_feed.limiting.store import seen_by

Counter = Literal["taps", "solved", "requested", "fulfilled"]
_SHOWN = ", ".join(RequestRow._fields)


class Named(NamedTuple):
    """The post and the viewer that a command names."""

    post_id: str
    viewer_id: str


_NAMED: Final = columns_of(Named)


async def find(tx: Tx, named: Sequence[Named]) -> list[Found]:
    """The cards and viewers that commands name, in order. To a viewer the card of who is kept apart from them is not there."""
    rows = await tx.fetch(
        f"""
        SELECT account.account_id IS NOT NULL AS viewer_known, card.post_id,
               CASE WHEN state = 'active' AND offline_for IS NOT NULL THEN 'unavailable' ELSE state END,
               card.program_id, card.merchant_id, coalesce(reason, offline_for), correlation_id, causation_id, version,
               title, page, gray, needs, hosted, post.deleted_at IS NOT NULL AS deleted
          FROM {_NAMED.unnest("named", place="place")}
          LEFT JOIN account ON account.account_id = named.viewer_id
          LEFT JOIN post ON post.post_id = named.post_id
          LEFT JOIN repost ON repost.post_id = named.post_id
          LEFT JOIN post AS root ON root.post_id = root_id
          LEFT JOIN card ON card.post_id = coalesce(root_id, named.post_id)
           AND {seen_by("named.viewer_id")} AND (root.post_id IS NULL OR {seen_by("named.viewer_id", "root")})
           AND {not_apart("named.viewer_id", "post.author_id", "root.author_id")}
          LEFT JOIN program ON program.program_id = card.program_id
         ORDER BY place
        """,
        *_NAMED.arrays(named),
    )
    return [Found(row[0], Card(*row[1:-1]) if row["post_id"] else None, row["deleted"]) for row in rows]


async def engage(tx: Tx, wanted: Sequence[Engagement]) -> set[Engagement]:
    """Enter first uses, not counted yet; gives those that were new. In key order, so that two batches cannot deadlock."""
    if not wanted:
        return set()
    rows = await tx.fetch(
        """
        INSERT INTO engagement (post_id, viewer_id, kind, counted)
        SELECT post_id, viewer_id, kind, false
          FROM unnest($1::text[], $2::text[], $3::text[]) AS given (post_id, viewer_id, kind)
            ON CONFLICT DO NOTHING
        RETURNING post_id, viewer_id, kind
        """,
        *columns(sorted(set(wanted)), 3),
    )
    return {Engagement(*row) for row in rows}


async def count(tx: Tx, counter: Counter, post_ids: Sequence[str]) -> None:
    """Add a batch of events to a counter of their posts, which are locked in order."""
    await tx.execute(
        f"""
        WITH done AS (SELECT post_id, count(*) AS times FROM unnest($1::text[]) AS post_id GROUP BY post_id),
             locked AS MATERIALIZED (
                SELECT post_id, times FROM counter JOIN done USING (post_id) ORDER BY post_id FOR NO KEY UPDATE OF counter
             )
        UPDATE counter
           SET {counter} = {counter} + times
          FROM locked
         WHERE counter.post_id = locked.post_id
        """,
        post_ids,
    )


async def take_uncounted(tx: Tx, published: Sequence[Engagement]) -> list[str]:
    """Mark engagements as counted; gives the posts of those that were not.

    One that has no row is the release before's, which has counted it: its viewer is known from now on.
    """
    rows = await tx.fetch(
        """
        WITH given AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS given (post_id, viewer_id, kind)
        ), locked AS MATERIALIZED (
            SELECT post_id, viewer_id, kind
              FROM engagement JOIN given USING (post_id, viewer_id, kind)
             WHERE NOT counted
             ORDER BY post_id, viewer_id, kind
               FOR NO KEY UPDATE OF engagement
        ), known AS (
            INSERT INTO engagement (post_id, viewer_id, kind, counted)
            SELECT post_id, viewer_id, kind, true FROM given
                ON CONFLICT DO NOTHING
        )
        UPDATE engagement
           SET counted = true
          FROM locked
         WHERE (engagement.post_id, engagement.viewer_id, engagement.kind)
             = (locked.post_id, locked.viewer_id, locked.kind)
        RETURNING engagement.post_id
        """,
        *columns(sorted(set(published)), 3),
    )
    return [row["post_id"] for row in rows]


async def take_uncounted_requests(tx: Tx, order_ids: Sequence[str]) -> list[str]:
    """Mark requests as counted; gives the posts of those that were not: the release before counts as it takes them."""
    rows = await tx.fetch(
        """
        WITH locked AS MATERIALIZED (
            SELECT order_id
              FROM service_request
             WHERE order_id = ANY ($1) AND NOT counted
             ORDER BY order_id
               FOR NO KEY UPDATE
        )
        UPDATE service_request
           SET counted = true
          FROM locked
         WHERE service_request.order_id = locked.order_id
        RETURNING post_id
        """,
        order_ids,
    )
    return [row["post_id"] for row in rows]


async def programs(tx: Tx, program_ids: Iterable[str]) -> dict[str, Program]:
    """Programs with their offers, own ones or those of the program that they refer to; those whose release was consumed."""
    rows = await tx.fetch(
        """
        SELECT program.program_id, program.merchant_id, program.version, program.title, program.page,
               CASE WHEN program.offers_of IS NULL THEN program.offers ELSE coalesce(source.offers, '[]') END AS offers,
               program.offers_of, program.suspended_for, program.gray_offers, (program.gray::jsonb ->> 'version')::integer AS gray_version,
               program.hosted_offers
          FROM program
          LEFT JOIN program AS source
            ON source.program_id = program.offers_of AND source.merchant_id = program.merchant_id
         WHERE program.program_id = ANY ($1) AND program.version IS NOT NULL
        """,
        sorted(set(program_ids)),
    )
    return {row["program_id"]: Program(**(dict(row) | _sold(row))) for row in rows}


def _sold(row: asyncpg.Record) -> dict[str, object]:
    hosted = orjson.loads(row["hosted_offers"] or "{}")
    return {name: _offers(row[name]) for name in ("offers", "gray_offers")} | {
        "hosted_offers": {int(version): _listed(offers) for version, offers in hosted.items()}
    }


def _listed(offers: Iterable[object]) -> tuple[Offer, ...]:
    return tuple(Offer.model_validate(offer) for offer in offers)


def _offers(stored: str | None) -> tuple[Offer, ...]:
    return _listed(orjson.loads(stored or "[]"))


async def save_requests(tx: Tx, placed: Sequence[Outgoing]) -> None:
    """Remember what viewers asked for, each on its journey, not counted yet."""
    if not placed:
        return
    rows = [
        (
            event.order_id, event.viewer_id, event.post_id, event.program_id, event.merchant_id,
            orjson.dumps([line.model_dump() for line in event.lines]).decode(),
            event.total.amount_minor, event.total.currency, outgoing.cause.correlation_id,
        )
        for outgoing in placed
        if isinstance(event := outgoing.event, ServiceRequested)
    ]  # fmt: skip
    await tx.execute(
        """
        INSERT INTO service_request (order_id, viewer_id, post_id, program_id, merchant_id, lines, total_minor, currency,
                                     correlation_id, counted)
        SELECT given.*, false
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                      $9::text[]) AS given
        """,
        *columns(rows, 9),
    )


async def requests(tx: Reads, order_ids: Iterable[str]) -> dict[str, RequestRow]:
    """Requests by order, and how far they are."""
    rows = await tx.fetch(f"SELECT {_SHOWN} FROM service_request WHERE order_id = ANY ($1)", sorted(set(order_ids)))
    return {row["order_id"]: RequestRow(*row) for row in rows}


class ListedRequest(NamedTuple):
    """A request, when it was made, and what its program is called now."""

    requested_at: datetime
    title: str | None
    request: RequestRow


async def requests_of(tx: Reads, viewer_id: str, before: Cursor | None, limit: int) -> list[ListedRequest]:
    """A viewer's requests, the latest first. A cursor is a moment, and how many of that moment were seen."""
    rows = await tx.fetch(
        f"""
        SELECT requested_at, title, {_SHOWN}
          FROM service_request
          LEFT JOIN program USING (program_id)
         WHERE viewer_id = $1 AND ($2::timestamptz IS NULL OR requested_at <= $2)
         ORDER BY requested_at DESC, order_id
        OFFSET $3
         LIMIT $4
        """,
        viewer_id,
        before.published_at if before else None,
        before.number if before else 0,
        limit,
    )
    return [ListedRequest(row[0], row[1], RequestRow(*tuple(row)[2:])) for row in rows]
