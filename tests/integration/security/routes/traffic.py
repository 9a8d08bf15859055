"""Routes of registry about traffic rewards: sources, visits, page views and rules."""

from datetime import UTC, datetime, timedelta
from typing import Final

from tests.integration.security.callers import (
    ANN,
    ANYBODY,
    DONE_BY_ITS_MEMBER,
    DONE_BY_ITS_MERCHANT,
    DONE_BY_OPERATORS,
    READ_BY_ITS_MERCHANT,
)
from tests.integration.security.world import Asked, Matrix, World, fixed

_SOURCE: Final = {"program_id": "fund", "kind": "campaign"}


async def _code(world: World) -> str:
    made: dict[str, str] = await world.ask("PUT", "/v1/traffic-sources/qr-1", _SOURCE)
    return made["code"]


def _visits(visitor_id: str, code: str) -> dict[str, object]:
    at = datetime.now(UTC).isoformat()
    return {"visits": [{"visitor_id": visitor_id, "source": code, "at": at, "dwell_s": 60}]}


async def _visit(world: World) -> Asked:
    return Asked("/v1/visits/batch", _visits(ANN, await _code(world)), ANN)


async def _reserve(world: World) -> Asked:
    spend_id = await _earned(world)
    return Asked(f"/v1/traffic-spends/{spend_id}", _spend(), spend_id)


async def _settle(world: World) -> Asked:
    spend_id = await _earned(world)
    await world.ask("PUT", f"/v1/traffic-spends/{spend_id}", _spend())
    return Asked(f"/v1/traffic-spends/{spend_id}/settlement", {"used": 1}, spend_id)


def _spend() -> dict[str, object]:
    return {"program_id": "fund", "placement": "timeline", "pv": 1}


async def _earned(world: World) -> str:
    """A fresh visitor of the program; gives a fresh id for a spend."""
    await world.ask("POST", "/v1/visits/batch", _visits(world.fresh("visitor"), await _code(world)))
    return world.fresh("spend")


async def _reverse(world: World) -> Asked:
    await _earned(world)
    return Asked("/v1/programs/fund/traffic/reversals", {"day": "2026-01-01", "reason": "fraud_found"}, "fund")


def _promotion(placement: str) -> dict[str, object]:
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    return {"program_id": "fund", "placement": placement, "pv": 1, "ends_at": ends_at.isoformat()}


async def _promote(_: World) -> Asked:
    return Asked("/v1/promotions/at-home", _promotion("home"), "at-home")


async def _end_promotion(world: World) -> Asked:
    """One that is open still, or a fresh one: a placement has one at a time."""
    known = (await world.admin.get("/v1/programs/fund/promotions")).json()
    still = [each["promotion_id"] for each in known if (each["state"], each["placement"]) == ("open", "square")]
    promotion_id = still[0] if still else world.fresh("promotion")
    await world.ask("PUT", f"/v1/promotions/{promotion_id}", _promotion("square"))
    return Asked(f"/v1/promotions/{promotion_id}/end", about=promotion_id)


async def _source(world: World) -> Asked:
    source_id = world.fresh("source")
    return Asked(f"/v1/traffic-sources/{source_id}", _SOURCE, source_id)


TRAFFIC: Final[Matrix] = {
    "PUT /v1/traffic-sources/{source_id}": (DONE_BY_ITS_MERCHANT, _source),
    "GET /v1/programs/{program_id}/traffic-sources": (
        READ_BY_ITS_MERCHANT,
        fixed("/v1/programs/fund/traffic-sources", about="fund"),
    ),
    "POST /v1/visits/batch": (DONE_BY_ITS_MEMBER, _visit),
    "GET /v1/programs/{program_id}/traffic": (READ_BY_ITS_MERCHANT, fixed("/v1/programs/fund/traffic", about="fund")),
    "GET /v1/programs/{program_id}/traffic/entries": (
        READ_BY_ITS_MERCHANT,
        fixed("/v1/programs/fund/traffic/entries", about="fund"),
    ),
    "PUT /v1/promotions/{promotion_id}": (DONE_BY_ITS_MERCHANT, _promote),
    "POST /v1/promotions/{promotion_id}/end": (DONE_BY_ITS_MERCHANT, _end_promotion),
    "GET /v1/programs/{program_id}/promotions": (
        READ_BY_ITS_MERCHANT,
        fixed("/v1/programs/fund/promotions", about="fund"),
    ),
    "PUT /v1/traffic-spends/{spend_id}": (DONE_BY_OPERATORS, _reserve),
    "POST /v1/traffic-spends/{spend_id}/settlement": (DONE_BY_OPERATORS, _settle),
    "POST /v1/programs/{program_id}/traffic/reversals": (DONE_BY_OPERATORS, _reverse),
    "POST /v1/traffic-rules": (
        DONE_BY_OPERATORS,
        fixed("/v1/traffic-rules", {"effective_from": "2099-01-01", "pv_per_uv": 300}),
    ),
    "GET /v1/traffic-rules": (ANYBODY, fixed("/v1/traffic-rules")),
}
