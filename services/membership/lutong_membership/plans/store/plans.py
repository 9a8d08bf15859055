"""Plans by version, and the arms that members were drawn into."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import asyncpg

from lutong_chassis import Reads, Tx, columns
from lutong_chassis.rows import columns_of
from lutong_membership.plans.domain.entity import PlanState
from lutong_membership.plans.domain.newcomers import MemberPlan, Newcomer, is_held_out
from lutong_membership.plans.domain.terms import TERMS, Plan, Terms


@lru_cache(maxsize=4096)
def terms_of(text: str) -> Terms:
    """Terms from how they are stored. Versions never change, so each is read once."""
    return TERMS.validate_json(text)


class PlanVersion(NamedTuple):
    """A version of a plan as it is stored; `terms` are JSON, `open` is whether members may join it."""

    plan_id: str
    merchant_id: str
    currency: str
    open: bool
    version: int
    title: str
    line_limit_minor: int
    terms: str
    written_at: datetime

    @property
    def plan(self) -> Plan:
        """The version as rules take it."""
        return as_plan(self._asdict())


class Saved(NamedTuple):
    """The version that a plan has now, and the merchant's plans that nobody may join any more because of it."""

    version: int
    closed: list[str]


class ArmRow(NamedTuple):
    """The arm that a member is drawn into, for one plan."""

    member_id: str
    merchant_id: str
    plan_id: str
    holdout: bool


def as_plan(row: asyncpg.Record | Mapping[str, Any]) -> Plan:
    """A plan from a row that has its columns, and `terms`."""
    names = ("plan_id", "merchant_id", "currency", "line_limit_minor", "version")
    return Plan(**{name: row[name] for name in names}, terms=terms_of(row["terms"]))


async def save_plan(tx: Tx, plan: Plan, title: str) -> Saved:
    """Write a version of a plan, unless its latest is the same; it becomes the merchant's open one."""
    terms = TERMS.dump_json(plan.terms).decode()
    closed = await tx.fetch(
        "UPDATE plan SET open = false WHERE open AND merchant_id = $1 AND plan_id <> $2 RETURNING plan_id",
        plan.merchant_id,
        plan.plan_id,
    )
    await tx.execute(
        """
        INSERT INTO plan (plan_id, merchant_id, currency, version)
        VALUES ($1, $2, $3, 0)
            ON CONFLICT (plan_id) DO UPDATE SET open = true
        """,
        plan.plan_id,
        plan.merchant_id,
        plan.currency,
    )
    version: int = await tx.fetchval(
        """
        WITH latest AS (
            SELECT version FROM plan_version WHERE plan_id = $1 AND (title, line_limit_minor, terms) = ($2, $3, $4)
               AND version = (SELECT version FROM plan WHERE plan_id = $1)
        ), written AS (
            INSERT INTO plan_version (plan_id, version, title, line_limit_minor, terms)
            SELECT $1, version + 1, $2, $3, $4 FROM plan WHERE plan_id = $1 AND NOT EXISTS (SELECT FROM latest)
            RETURNING version
        )
        SELECT version FROM latest UNION ALL SELECT version FROM written
        """,
        plan.plan_id,
        title,
        plan.line_limit_minor,
        terms,
    )
    await tx.execute("UPDATE plan SET version = $2 WHERE plan_id = $1", plan.plan_id, version)
    return Saved(version, [row["plan_id"] for row in closed])


class ExposedRow(NamedTuple):
    """A member in an arm, from a moment on."""

    member_id: str
    merchant_id: str
    plan_id: str
    holdout: bool
    drawn_at: datetime


_EXPOSED = columns_of(ExposedRow)


async def plan_states(tx: Tx, plan_ids: Iterable[str]) -> list[PlanState]:
    """Plans as they are now, in order of id."""
    rows = await tx.fetch(f"{_STATE} WHERE plan_id = ANY ($1) ORDER BY plan_id", sorted(set(plan_ids)))
    return [_state(row) for row in rows]


async def plans_after(tx: Tx, after: str, limit: int) -> list[PlanState]:
    """Plans behind an id, in order, as they are until commit."""
    rows = await tx.fetch(f"{_STATE} WHERE plan_id > $1 ORDER BY plan_id LIMIT $2 FOR SHARE OF plan", after, limit)
    return [_state(row) for row in rows]


_STATE = """
    SELECT plan_id, merchant_id, currency, open, version, revision, title, line_limit_minor, terms
      FROM plan JOIN plan_version USING (plan_id, version)
"""


def _state(row: asyncpg.Record) -> PlanState:
    return PlanState(as_plan(row), row["title"], row["open"], row["revision"])


async def lock_plan(tx: Tx, plan_id: str) -> None:
    """Lock a plan: its versions are written one after the other."""
    await tx.fetchrow("SELECT FROM plan WHERE plan_id = $1 FOR NO KEY UPDATE", plan_id)


async def plan(tx: Reads, plan_id: str, version: int | None = None) -> PlanVersion | None:
    """A version of a plan, the latest unless another is asked for."""
    row = await tx.fetchrow(
        """
        SELECT plan_id, merchant_id, currency, open, plan_version.version, title, line_limit_minor, terms, written_at
          FROM plan JOIN plan_version USING (plan_id)
         WHERE plan_id = $1 AND plan_version.version = coalesce($2, plan.version)
        """,
        plan_id,
        version,
    )
    return PlanVersion(**dict(row)) if row else None


async def plans_of(tx: Reads, merchant_id: str, after: str, limit: int) -> list[PlanVersion]:
    """The latest versions of a merchant's plans behind an id, in order of id."""
    rows = await tx.fetch(
        """
        SELECT plan_id, merchant_id, currency, open, plan_version.version, title, line_limit_minor, terms, written_at
          FROM plan JOIN plan_version USING (plan_id, version)
         WHERE merchant_id = $1 AND plan_id > $2
         ORDER BY plan_id
         LIMIT $3
        """,
        merchant_id,
        after,
        limit,
    )
    return [PlanVersion(**dict(row)) for row in rows]


async def plan_for(tx: Reads, member_id: str, merchant_id: str) -> PlanVersion | None:
    """The open plan of a merchant: the version that this member signed, or is about to, or else the latest. A viewer that is bound
    to a member orders as that one.
    """
    row = await tx.fetchrow(
        """
        SELECT plan.plan_id, plan.merchant_id, currency, open, plan_version.version, title, line_limit_minor, terms, written_at
          FROM plan
          JOIN plan_version ON plan_version.plan_id = plan.plan_id
          LEFT JOIN agreement
                 ON agreement.plan_id = plan.plan_id
                AND agreement.state IN ('consulted', 'preordered', 'active')
                AND agreement.member_id = coalesce((SELECT member_id FROM binding
                                                     WHERE viewer_id = $1 AND binding_id IS NOT NULL
                                                       AND consented_at IS NOT NULL), $1)
         WHERE plan.merchant_id = $2 AND open
           AND plan_version.version = coalesce(agreement.version, plan.version)
        """,
        member_id,
        merchant_id,
    )
    return PlanVersion(**dict(row)) if row else None


async def plans_named(tx: Tx, plan_ids: Iterable[str]) -> dict[str, PlanVersion]:
    """The latest versions of plans, by plan."""
    rows = await tx.fetch(
        """
        SELECT plan_id, merchant_id, currency, open, plan_version.version, title, line_limit_minor, terms, written_at
          FROM plan JOIN plan_version USING (plan_id)
         WHERE plan_id = ANY ($1) AND plan_version.version = plan.version
        """,
        sorted(set(plan_ids)),
    )
    return {row["plan_id"]: PlanVersion(**dict(row)) for row in rows}


async def open_plans(tx: Tx, merchants: Iterable[str]) -> dict[str, Plan]:
    """The open plan of each merchant, in its latest version."""
    rows = await tx.fetch(
        """
        SELECT plan_id, merchant_id, currency, version, line_limit_minor, terms
          FROM plan JOIN plan_version USING (plan_id, version)
         WHERE open AND merchant_id = ANY ($1)
        """,
        sorted(set(merchants)),
    )
    return {row["merchant_id"]: as_plan(row) for row in rows}


async def open_plan_of(tx: Tx, merchant_id: str) -> str | None:
    """The open plan of a merchant, by id."""
    found: str | None = await tx.fetchval("SELECT plan_id FROM plan WHERE open AND merchant_id = $1", merchant_id)
    return found


async def draw_exposed(tx: Tx, exposed: Iterable[ExposedRow]) -> None:
    """Members saw a card where a plan is offered, or would be: the arm that the feed has shown them, from when on. A draw is for ever;
    one that was made when the member ordered, before this was known, counts from here on. In key order."""
    first: dict[tuple[str, str, str], ExposedRow] = {}
    for row in sorted(exposed, key=lambda row: row.drawn_at):
        first.setdefault(row[:3], row)
    await tx.execute(
        f"""
        INSERT INTO arm ({_EXPOSED.names})
        SELECT given.* FROM (SELECT {_EXPOSED.names} FROM {_EXPOSED.unnest()}) AS given JOIN plan USING (plan_id, merchant_id)
         ORDER BY 1, 2, 3
            ON CONFLICT (member_id, merchant_id, plan_id) DO UPDATE SET drawn_at = excluded.drawn_at
         WHERE arm.drawn_at > excluded.drawn_at
        """,
        *_EXPOSED.arrays([row for _, row in sorted(first.items())]),
    )


async def draw_arms(tx: Tx, newcomers: Iterable[Newcomer]) -> dict[MemberPlan, bool]:
    """Whether newcomers go without the benefits of their plan. A draw is for ever."""
    rows = {ArmRow(each.member_id, each.plan.merchant_id, each.plan.plan_id, is_held_out(each)) for each in newcomers}
    drawn = await tx.fetch(
        """
        WITH drawn AS (
            INSERT INTO arm (member_id, merchant_id, plan_id, holdout)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[])
                ON CONFLICT (member_id, merchant_id, plan_id) DO NOTHING
            RETURNING member_id, plan_id, holdout
        )
        SELECT member_id, plan_id, holdout FROM drawn
         UNION ALL
        SELECT member_id, plan_id, holdout
          FROM arm JOIN unnest($1::text[], $3::text[]) AS given(member_id, plan_id) USING (member_id, plan_id)
        """,
        *columns(sorted(rows), 4),
    )
    return {MemberPlan(row["member_id"], row["plan_id"]): row["holdout"] for row in drawn}
