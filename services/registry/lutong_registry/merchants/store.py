"""SQL of what others publish of merchants: the highest revision of each place and plan."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from lutong_chassis import Reads, Tx
from lutong_chassis.rows import columns_of
from lutong_contracts.inventory import LocationFacts
from lutong_contracts.membership import PlanFacts, PlanPublished


class PlaceRow(NamedTuple):
    """A location as inventory last published it; the modes are words with a space between them."""

    merchant_id: str
    location_id: str
    kind: str
    state: str
    latitude: float
    longitude: float
    zone: str
    modes: str
    radius_m: int | None
    paused_until: datetime | None
    revision: int


class PlanRow(NamedTuple):
    """A plan as membership last published it."""

    plan_id: str
    merchant_id: str
    version: int
    title: str
    currency: str
    line_limit_minor: int
    charge_cap_minor: int
    discount_percent: int
    open: bool
    revision: int


_PLACE: Final = columns_of(PlaceRow)
_PLAN: Final = columns_of(PlanRow)


async def take_places(tx: Tx, locations: Sequence[LocationFacts]) -> None:
    """Keep locations as inventory last published them: what has the highest revision."""
    key = ("merchant_id", "location_id")
    await tx.execute(
        f"""
        INSERT INTO place AS known ({_PLACE.names})
        SELECT merchant_id, location_id, kind, state, latitude, longitude, zone, string_to_array(modes, ' '), radius_m,
               paused_until, revision
          FROM {_PLACE.unnest()}
            {_PLACE.newer(*key)}
        """,
        *_PLACE.latest(map(_place, locations), *key),
    )


async def take_plans(tx: Tx, plans: Sequence[PlanFacts]) -> None:
    """Keep plans as membership last published them: what has the highest revision."""
    await tx.execute(
        f"""
        INSERT INTO plan AS known ({_PLAN.names})
        SELECT {_PLAN.names} FROM {_PLAN.unnest()}
            {_PLAN.newer("plan_id")}
        """,
        *_PLAN.latest(map(_plan, plans), "plan_id"),
    )


async def merchant(tx: Reads, merchant_id: str) -> dict[str, Any] | None:
    """A merchant with the accounts that speak for it, its places by state, and the plan that members may join."""
    row = await tx.fetchrow(
        """
        SELECT merchant_id, name,
               ARRAY(SELECT account_id FROM account WHERE merchant_id = $1 ORDER BY account_id LIMIT 100) AS account_ids,
               (SELECT count(*) FROM place WHERE merchant_id = $1 AND state = 'open') AS places_open,
               (SELECT count(*) FROM place WHERE merchant_id = $1 AND state <> 'closed') AS places,
               plan_id, plan.title AS plan_title, discount_percent, charge_cap_minor, currency
          FROM merchant
          LEFT JOIN LATERAL (
               SELECT plan_id, title, discount_percent, charge_cap_minor, currency
                 FROM plan WHERE plan.merchant_id = $1 AND open ORDER BY plan_id LIMIT 1) AS plan ON true
         WHERE merchant_id = $1
        """,
        merchant_id,
    )
    return dict(row) if row else None


def _place(facts: LocationFacts) -> PlaceRow:
    return PlaceRow(
        facts.merchant_id, facts.location_id, facts.kind, facts.state, facts.place.latitude, facts.place.longitude,
        facts.zone, " ".join(facts.modes), facts.radius_m, facts.paused_until, facts.revision,
    )  # fmt: skip


def _plan(facts: PlanFacts) -> PlanRow:
    return PlanRow(
        facts.plan_id, facts.merchant_id, facts.version, facts.title, facts.line_limit.currency,
        facts.line_limit.amount_minor, facts.charge_cap.amount_minor, facts.discount_percent,
        isinstance(facts, PlanPublished), facts.revision,
    )  # fmt: skip
