"""SQL of what others publish of merchants: the highest revision of each place and plan."""

from collections.abc import Iterable, Sequence
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
    newest = {(facts.merchant_id, facts.location_id): facts for facts in _in_order(locations)}
    await tx.execute(
        f"""
        INSERT INTO place ({_PLACE.names})
        SELECT merchant_id, location_id, kind, state, latitude, longitude, zone, string_to_array(modes, ' '), radius_m,
               paused_until, revision
          FROM {_PLACE.unnest()}
            ON CONFLICT (merchant_id, location_id) DO UPDATE
           SET kind = excluded.kind, state = excluded.state, latitude = excluded.latitude,
               longitude = excluded.longitude, zone = excluded.zone, modes = excluded.modes,
               radius_m = excluded.radius_m, paused_until = excluded.paused_until, revision = excluded.revision
         WHERE place.revision < excluded.revision
        """,
        *_PLACE.arrays(_place(facts) for _, facts in sorted(newest.items())),
    )


async def take_plans(tx: Tx, plans: Sequence[PlanFacts]) -> None:
    """Keep plans as membership last published them: what has the highest revision."""
    newest = {facts.plan_id: facts for facts in _in_order(plans)}
    await tx.execute(
        f"""
        INSERT INTO plan ({_PLAN.names})
        SELECT {_PLAN.names} FROM {_PLAN.unnest()}
            ON CONFLICT (plan_id) DO UPDATE
           SET merchant_id = excluded.merchant_id, version = excluded.version, title = excluded.title,
               currency = excluded.currency, line_limit_minor = excluded.line_limit_minor,
               charge_cap_minor = excluded.charge_cap_minor, discount_percent = excluded.discount_percent,
               open = excluded.open, revision = excluded.revision
         WHERE plan.revision < excluded.revision
        """,
        *_PLAN.arrays(_plan(facts) for _, facts in sorted(newest.items())),
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


def _in_order(entities: Iterable[Any]) -> list[Any]:
    return sorted(entities, key=lambda facts: facts.revision)


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
