"""SQL of plans that are offered, of who has them, and of who saw them first when."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.membership import PlanClosed, PlanPublished
from lutong_contracts.offers import Holdout
from lutong_feed.offers.domain import Plan, Standing


class PlanRow(NamedTuple):
    """A plan in its latest revision."""

    plan_id: str
    merchant_id: str
    revision: int
    is_open: bool
    title: str
    discount_percent: int
    salt: str | None
    holdout_percent: float | None


class MemberRow(NamedTuple):
    """A member who has a plan, under an agreement."""

    agreement_id: str
    member_id: str
    plan_id: str


class ExposureRow(NamedTuple):
    """A member who saw a card of a plan's merchant."""

    member_id: str
    plan_id: str
    held_out: bool
    exposed_at: datetime


class MemberPlan(NamedTuple):
    """A member and a plan."""

    member_id: str
    plan_id: str


class Seen(NamedTuple):
    """A viewer saw a card of a program."""

    viewer_id: str
    program_id: str
    served_at: datetime


class Known(NamedTuple):
    """A plan, the member who looks, how they stand to it, and when they saw a card of it, if it is about that."""

    plan: Plan
    member_id: str
    standing: Standing
    served_at: datetime | None = None


_PLAN: Final = columns_of(PlanRow)
_MEMBER: Final = columns_of(MemberRow)
_EXPOSURE: Final = columns_of(ExposureRow)
_SEEN: Final = columns_of(Seen)
_OFFERED: Final = "plan.is_open AND plan.salt IS NOT NULL"
"""Plans that cards offer. One whose holdout is not known yet, as the release before published it, is offered to nobody."""
_SHOWN: Final = """
    plan.plan_id, plan.merchant_id, plan.title, plan.discount_percent, plan.salt, plan.holdout_percent, exposure.held_out,
    EXISTS (SELECT FROM plan_member AS known WHERE (known.member_id, known.plan_id) = (looker.member_id, plan.plan_id)) AS joined,
    looker.member_id
"""


async def keep_plans(tx: Tx, events: Iterable[PlanPublished | PlanClosed], *, is_open: bool) -> None:
    """Keep plans, each in its highest revision; the same one once more may state what it did not before. In key order."""
    latest: dict[str, PlanRow] = {}
    for event in sorted(events, key=lambda event: event.revision):
        salt, percent = (event.holdout.salt, event.holdout.percent) if event.holdout else (None, None)
        latest[event.plan_id] = PlanRow(
            event.plan_id,
            event.merchant_id,
            event.revision,
            is_open,
            event.title,
            event.discount_percent,
            salt,
            percent,
        )
    await tx.execute(
        f"""
        INSERT INTO plan_offer AS known ({_PLAN.names})
        SELECT {_PLAN.names} FROM {_PLAN.unnest()}
            {_PLAN.replaced("plan_id")}
         WHERE known.revision <= excluded.revision
        """,
        *_PLAN.arrays([row for _, row in sorted(latest.items())]),
    )


async def join(tx: Tx, rows: Iterable[MemberRow]) -> None:
    """Members have plans from now on."""
    await tx.execute(
        f"INSERT INTO plan_member ({_MEMBER.names}) SELECT {_MEMBER.names} FROM {_MEMBER.unnest()} ON CONFLICT DO NOTHING",
        *_MEMBER.arrays(sorted(set(rows))),
    )


async def leave(tx: Tx, agreement_ids: Iterable[str]) -> None:
    """Agreements are over."""
    await tx.execute("DELETE FROM plan_member WHERE agreement_id = ANY ($1)", sorted(set(agreement_ids)))


async def plans_for(tx: Reads, merchant_ids: Iterable[str], viewer_id: str) -> list[Known]:
    """The open plans of merchants, and how a viewer stands to each: as the member they are bound to, or as themselves."""
    rows = await tx.fetch(
        f"""
        WITH looker AS (
            SELECT coalesce((SELECT member_id FROM binding WHERE viewer_id = $2 AND state = 'bound'), $2) AS member_id
        )
        SELECT {_SHOWN}
          FROM plan_offer AS plan
         CROSS JOIN looker
          LEFT JOIN offer_exposure AS exposure ON (exposure.member_id, exposure.plan_id) = (looker.member_id, plan.plan_id)
         WHERE {_OFFERED} AND plan.merchant_id = ANY ($1)
        """,
        sorted(set(merchant_ids)),
        viewer_id,
    )
    return [_known(row) for row in rows]


async def unseen(tx: Tx, seen: Sequence[Seen]) -> list[Known]:
    """Of cards that were seen, the open plans that their viewers saw none of before; those of who has the plan, and plans that hold out nobody, are left out."""
    rows = await tx.fetch(
        f"""
        WITH looker AS (
            SELECT coalesce(binding.member_id, given.viewer_id) AS member_id, merchant_id, min(served_at) AS served_at
              FROM {_SEEN.unnest("given")}
              JOIN program USING (program_id)
              LEFT JOIN binding ON binding.viewer_id = given.viewer_id AND binding.state = 'bound'
             GROUP BY 1, 2
        )
        SELECT {_SHOWN}, served_at
          FROM looker
          JOIN plan_offer AS plan ON {_OFFERED} AND plan.merchant_id = looker.merchant_id
          LEFT JOIN offer_exposure AS exposure ON (exposure.member_id, exposure.plan_id) = (looker.member_id, plan.plan_id)
         WHERE exposure.member_id IS NULL AND plan.holdout_percent > 0
        """,
        *_SEEN.arrays(seen),
    )
    return [known for row in rows if not (known := _known(row, row["served_at"])).standing.joined]


async def expose(tx: Tx, rows: Sequence[ExposureRow]) -> set[MemberPlan]:
    """Write down what members saw first; gives the members and plans that are new. In key order."""
    if not rows:
        return set()
    fresh = await tx.fetch(
        f"""
        INSERT INTO offer_exposure ({_EXPOSURE.names})
        SELECT {_EXPOSURE.names} FROM {_EXPOSURE.unnest()}
            ON CONFLICT DO NOTHING
        RETURNING member_id, plan_id
        """,
        *_EXPOSURE.arrays(sorted(rows)),
    )
    return {MemberPlan(row["member_id"], row["plan_id"]) for row in fresh}


def _known(row: asyncpg.Record, served_at: datetime | None = None) -> Known:
    holdout = Holdout(salt=row["salt"], percent=row["holdout_percent"])
    plan = Plan(row["plan_id"], row["merchant_id"], row["title"], row["discount_percent"], holdout)
    return Known(plan, row["member_id"], Standing(row["held_out"], row["joined"]), served_at)
