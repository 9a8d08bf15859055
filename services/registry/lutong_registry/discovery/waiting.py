"""Posts that wait for the program that their author chose: SQL, and the job that leads them to it."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Answered, Cause, JobQueue, Outgoing, Tx, columns
from lutong_contracts.registry import ServiceDiscovered, ServiceNotFound
from lutong_registry.discovery import store
from lutong_registry.embedding import store as embedding_store
from lutong_registry.embedding.domain import Embedding

WAIT_DAYS_MAX: Final = 30
"""A post is read for days. After a month nobody would see the card, and the table must not grow for ever."""

WAITS_FOR: Final = frozenset({"unknown_program", "not_released", "suspended"})
"""Reasons that pass: the program is registered, released or resumed."""

_AT_ONCE: Final = 200
"""Posts per transaction, whatever number waits for a program."""


class WaitingPost(NamedTuple):
    """A post, the program that it waits for, and its journey."""

    post_id: str
    program_id: str
    correlation_id: str
    causation_id: str | None
    author_id: str


async def keep(tx: Tx, posts: Sequence[WaitingPost]) -> None:
    """Let posts wait, each once; those that have waited too long wait no more."""
    if not posts:
        return
    latest = {post.post_id: post for post in posts}
    await tx.execute("DELETE FROM waiting_post WHERE since < now() - make_interval(days => $1)", WAIT_DAYS_MAX)
    await tx.execute(
        """
        INSERT INTO waiting_post (post_id, program_id, correlation_id, causation_id, author_id)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
            ON CONFLICT (post_id) DO NOTHING
        """,
        *columns([post for _, post in sorted(latest.items())], 5),
    )


async def forget(tx: Tx, post_ids: Iterable[str], reason: str) -> None:
    """Let posts wait no more: their cards are off, or they are gone themselves."""
    wanted = sorted(set(post_ids))
    await tx.execute("DELETE FROM waiting_post WHERE post_id = ANY ($1)", wanted)
    await tx.execute(
        """
        UPDATE discovery SET program_id = NULL, reason = $2
         WHERE post_id = ANY ($1) AND reason IS DISTINCT FROM 'deleted'
        """,
        wanted,
        reason,
    )


def queue() -> JobQueue[list[str], list[str]]:
    """Posts whose program can be opened by now."""
    return JobQueue("lead_waiting_posts", _claim, _answer, _record, at_once=1)


async def _claim(tx: Tx, _: int) -> Sequence[list[str]]:
    """No lease: of two processes that take the same posts, the second finds none of them."""
    rows = await tx.fetch(
        """
        SELECT post_id
          FROM waiting_post JOIN listing USING (program_id)
         WHERE visible AND since >= now() - make_interval(days => $1)
         ORDER BY since, post_id
         LIMIT $2
        """,
        WAIT_DAYS_MAX,
        _AT_ONCE,
    )
    return [[row["post_id"] for row in rows]] if rows else []


async def _answer(post_ids: list[str]) -> list[str]:
    return post_ids


async def _record(tx: Tx, answers: Sequence[Answered[list[str], list[str]]]) -> Sequence[Outgoing]:
    rows = await tx.fetch(
        """
        WITH ready AS MATERIALIZED (
            SELECT post_id, listing.program_id, merchant_id, version, title, page, correlation_id, causation_id,
                   coalesce(author_id, '') AS author_id
              FROM waiting_post JOIN listing USING (program_id)
             WHERE post_id = ANY ($1) AND visible
             ORDER BY post_id
               FOR UPDATE OF waiting_post
        ), led AS (
            DELETE FROM waiting_post USING ready WHERE waiting_post.post_id = ready.post_id
        )
        SELECT post_id, program_id, merchant_id, version, title, page, correlation_id, causation_id, author_id
          FROM ready
        """,
        sorted({post_id for each in answers for post_id in each.answer}),
    )
    embedding = await embedding_store.embedding(
        tx, {row["program_id"] for row in rows}, {row["author_id"] for row in rows}
    )
    found = [_led(row, embedding) for row in rows]
    await store.save_discoveries(tx, [each.event for each in found])
    return [Outgoing(each.event, each.cause) for each in found]


class Led(NamedTuple):
    """Where a post that waited leads, and the journey that it is on."""

    event: ServiceDiscovered | ServiceNotFound
    cause: Cause


def _led(row: asyncpg.Record, embedding: Embedding) -> Led:
    cause = Cause(row["correlation_id"], row["causation_id"])
    if not embedding.is_allowed(row["author_id"], row["program_id"], row["merchant_id"]):
        return Led(ServiceNotFound(post_id=row["post_id"], reason="not_permitted"), cause)
    event = ServiceDiscovered(
        post_id=row["post_id"],
        program_id=row["program_id"],
        merchant_id=row["merchant_id"],
        version=row["version"],
        title=row["title"],
        page=row["page"],
        matched_by="program",
    )
    return Led(event, cause)
