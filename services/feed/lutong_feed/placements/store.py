"""SQL of placements: candidates, what is known of a reader and of programs, and the posts of a walk as this reader may see them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Reads
from lutong_contracts.synthetic import OF_PEOPLE
from lutong_feed.limiting.store import seen_by
from lutong_feed.placements.domain import ACTS, HEAT_DAYS, LOOK_BACK, PROGRAMS, Act, Offered
from lutong_feed.reading.store import post_with_card

_IN_FORCE: Final = (
    f"program.version IS NOT NULL AND offline_for IS NULL AND suspended_for IS NULL AND program.{OF_PEOPLE}"
)
"""Programs that a card may open."""
_PROMOTABLE: Final = f"{_IN_FORCE} AND program.promotable"
"""Programs that a placement may recommend to who did not choose them."""
_HEATED: Final = timedelta(days=HEAT_DAYS)
_HEAT: Final = "sum(taps + 2 * solved + 4 * requested)"

_APART: Final = """
    WITH apart AS MATERIALIZED (
        SELECT coalesce(array_agg(author_id), '{}') AS ids
          FROM (SELECT other_id AS author_id FROM kept_apart WHERE account_id = $2 AND (kind = 'block' OR $3)
                 UNION
                SELECT account_id FROM kept_apart WHERE other_id = $2 AND kind = 'block') AS kept
    )
"""
"""Whose words a reader does not see: $2 is the reader, $3 whether those whom they mute count."""

_ARMS: Final = {
    "used": f"""
        SELECT program_id
          FROM engagement_fact
         WHERE viewer_id = $1 AND day >= $2::date AND kind <> 'cancel'
         GROUP BY program_id
         ORDER BY max(happened_at) DESC, program_id
         LIMIT {PROGRAMS}
    """,
    "followed": f"""
        SELECT DISTINCT unnest(program_ids) AS program_id
          FROM follow JOIN account ON account_id = followee_id
         WHERE follower_id = $1 AND program_ids <> '{{}}'
         LIMIT {PROGRAMS // 2}
    """,
    "hot": f"""
        SELECT program_id
          FROM program_use JOIN program USING (program_id)
         WHERE day > $3::date AND {_PROMOTABLE}
         GROUP BY program_id
         ORDER BY {_HEAT} DESC, program_id
         LIMIT {PROGRAMS}
    """,
    "any": f"SELECT program_id FROM program WHERE {_PROMOTABLE} ORDER BY program_id LIMIT {PROGRAMS}",
    "bound": "SELECT unnest(program_ids) AS program_id FROM account WHERE account_id = $1",
}

_FROM: Final[Mapping[Offered, tuple[str, ...]]] = {
    "square": ("used", "followed", "hot", "any"),
    "recent": ("used",),
    "hottest": ("hot",),
    "for_you": ("followed", "used", "hot"),
    "account_home": ("bound",),
}


class Known(NamedTuple):
    """Who of some authors is followed and follows back, and how much programs were used lately."""

    follows: frozenset[str]
    followed_by: frozenset[str]
    heat: dict[str, int]


async def programs(tx: Reads, placement: Offered, account_id: str | None, now: datetime) -> list[str]:
    """Programs that a placement of programs chooses from; `account_id` is its reader, or the account whose home it is."""
    arms = " UNION ALL ".join(
        f"SELECT program_id, {place} AS place FROM ({_ARMS[arm]}) AS arm_{place}"
        for place, arm in enumerate(_FROM[placement])
    )
    rows = await tx.fetch(
        f"""
        WITH given AS (SELECT $1::text AS reader, $2::date AS since, $3::date AS heated)
        SELECT program_id FROM ({arms}) AS arm, given GROUP BY program_id ORDER BY min(place), program_id LIMIT {PROGRAMS}
        """,
        account_id,
        (now - LOOK_BACK).date(),
        (now - _HEATED).date(),
    )
    return [row["program_id"] for row in rows]


async def stand_ins(
    tx: Reads, program_ids: Sequence[str], viewer_id: str | None, home_of: str | None, *, chosen: bool = False
) -> list[asyncpg.Record]:
    """For each program a post that leads to it, of its newest ones: of the account whose home it is, or else of one that is followed.

    `chosen`: the reader used these programs, or the account has them. All others are recommended, if they may be promoted.
    """
    return await tx.fetch(
        f"""
        {_APART}, stand_in AS (
            SELECT DISTINCT ON (wanted.program_id) recent.post_id
              FROM unnest($1::text[]) AS wanted (program_id)
              JOIN program ON program.program_id = wanted.program_id AND {_IN_FORCE} AND (promotable OR $5)
             CROSS JOIN LATERAL (
                   SELECT card.post_id, post.author_id
                     FROM card JOIN post USING (post_id)
                    WHERE card.program_id = wanted.program_id AND card.state = 'active' AND post.deleted_at IS NULL AND post.audience = 'everybody'
                      AND post.author_id <> ALL ((SELECT ids FROM apart)::text[])
                    ORDER BY card.post_id DESC
                    LIMIT 8
                   ) AS recent
              LEFT JOIN follow ON follower_id = $2 AND followee_id = recent.author_id
             ORDER BY wanted.program_id, recent.author_id IS DISTINCT FROM $4, followee_id IS NULL, recent.post_id DESC
        )
        {post_with_card("$2")}
         WHERE post.post_id = ANY (ARRAY(SELECT post_id FROM stand_in))
        """,
        program_ids,
        viewer_id,
        home_of is None,
        home_of,
        chosen,
    )


async def by_number(
    tx: Reads, numbers: Sequence[int], viewer_id: str | None, placement: Offered
) -> list[asyncpg.Record]:
    """Posts of a walk in their order, those that its reader may still see: at home of those whom they still follow, where they
    stand for programs those that are for everybody."""
    if not numbers:
        return []
    rows = await tx.fetch(
        f"""
        {_APART}
        {post_with_card("$2")}
         WHERE post.number = ANY ($1::bigint[]) AND post.deleted_at IS NULL AND {seen_by("$2")}
           AND post.author_id <> ALL ((SELECT ids FROM apart)::text[])
           AND (root.author_id IS NULL OR root.author_id <> ALL ((SELECT ids FROM apart)::text[]))
           AND CASE WHEN $4
                    THEN post.author_id = $2 OR EXISTS (SELECT FROM follow WHERE follower_id = $2 AND followee_id = post.author_id)
                    ELSE post.audience = 'everybody' END
        """,
        numbers,
        viewer_id,
        placement != "account_home",
        placement == "home",
    )
    found = {row["number"]: row for row in rows}
    return [found[number] for number in numbers if number in found]


async def acts(tx: Reads, reader_id: str, now: datetime) -> tuple[Act, ...]:
    """What a reader did lately, the latest of each kind."""
    rows = await tx.fetch(
        f"""
        SELECT kind, author_id, act.program_id, happened_at
          FROM (
               (SELECT kind, post_id, program_id, happened_at
                  FROM engagement_fact
                 WHERE viewer_id = $1 AND day >= $2::date AND happened_at >= $2 AND happened_at <= $3 AND kind <> 'cancel'
                 ORDER BY happened_at DESC
                 LIMIT {ACTS})
                UNION ALL
               (SELECT kind, post_id, program_id, happened_at
                  FROM interaction_fact
                 WHERE viewer_id = $1 AND day >= $2::date AND happened_at >= $2 AND kind = 'open'
                 ORDER BY happened_at DESC
                 LIMIT {ACTS})
                UNION ALL
               (SELECT kind, post_id, program_id, happened_at
                  FROM interaction_fact
                 WHERE viewer_id = $1 AND day >= $2::date AND happened_at >= $2 AND kind = 'show_less'
                 ORDER BY happened_at DESC
                 LIMIT {ACTS})
               ) AS act
          JOIN post USING (post_id)
        """,
        reader_id,
        now - LOOK_BACK,
        now,
    )
    return tuple(Act(*row) for row in rows)


async def known(
    tx: Reads, reader_id: str | None, author_ids: Sequence[str], program_ids: Sequence[str], now: datetime
) -> Known:
    """What ranking asks of authors and programs, in one statement."""
    rows = await tx.fetch(
        f"""
        SELECT 'follows' AS what, followee_id AS name, 0::bigint AS amount
          FROM follow WHERE follower_id = $1 AND followee_id = ANY ($2)
         UNION ALL
        SELECT 'followed_by', follower_id, 0 FROM follow WHERE follower_id = ANY ($2) AND followee_id = $1
         UNION ALL
        SELECT 'heat', program_id, {_HEAT}::bigint
          FROM program_use
         WHERE day = ANY (ARRAY(SELECT $4::date - n FROM generate_series(0, {HEAT_DAYS - 1}) AS n)) AND program_id = ANY ($3)
         GROUP BY program_id
        """,
        reader_id,
        author_ids,
        program_ids,
        now.date(),
    )
    names = {what: [row for row in rows if row["what"] == what] for what in ("follows", "followed_by", "heat")}
    return Known(
        frozenset(row["name"] for row in names["follows"]),
        frozenset(row["name"] for row in names["followed_by"]),
        {row["name"]: row["amount"] for row in names["heat"]},
    )
