"""Programs with sources, visits of many readers, and what they earn by counting one by one."""

import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import httpx

from lutong_chassis.auth import Principal
from lutong_chassis.commands import Asked, Claim
from lutong_chassis.database import new_cause
from lutong_chassis.testing import an_operator
from lutong_registry.traffic.visiting import Reported, ReportVisits

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
MANIFEST: Final = {"title": "屈臣氏到家", "page": "pages/home"}


async def a_program(client: httpx.AsyncClient, program_id: str = "watsons") -> None:
    """A program that is released, of a merchant of the same name."""
    await client.put(f"/v1/merchants/{program_id}", json={"name": program_id})
    onboarding = {"program_id": program_id, "merchant_id": program_id, "manifest": MANIFEST}
    (await client.post("/v1/programs/batch", json={"programs": [onboarding]})).raise_for_status()


async def a_source(client: httpx.AsyncClient, source_id: str = "qr-1", program_id: str = "watsons") -> str:
    """A QR code of a store; gives what is printed on it."""
    body = {"program_id": program_id, "kind": "store_qr"}
    answer = await client.put(f"/v1/traffic-sources/{source_id}", json=body)
    code: str = answer.raise_for_status().json()["code"]
    return code


def a_visit(visitor_id: str, source: str, at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """A visit as a client reports it."""
    visit = {"visitor_id": visitor_id, "source": source, "at": (at or datetime.now(UTC)).isoformat(), "dwell_s": 40}
    return visit | changes


async def report(client: httpx.AsyncClient, *visits: dict[str, Any]) -> dict[str, Any]:
    """Report visits; gives the answer."""
    answer = await client.post("/v1/visits/batch", json={"visits": list(visits)})
    document: dict[str, Any] = answer.raise_for_status().json()
    return document


async def balance(client: httpx.AsyncClient, program_id: str = "watsons") -> dict[str, int]:
    """What a program has."""
    found: dict[str, int] = (
        (await client.get(f"/v1/programs/{program_id}/traffic")).raise_for_status().json()["balance"]
    )
    return found


def asked(visits: Sequence[Reported], who: Principal | None = None) -> Asked[ReportVisits]:
    """A report as a command that has not reached a lane."""
    return Asked(ReportVisits(tuple(visits)), who or an_operator(), new_cause(), Claim("test", None, ""))


def many_visits(count: int, sources: Sequence[str], now: datetime, rng: Random) -> Iterator[Reported]:
    """Visits in no order: a fifth of them twice or more, some late by days, some too short, some forged."""
    recent: list[Reported] = []
    for _ in range(count):
        if recent and rng.random() < 0.2:
            yield rng.choice(recent)
            continue
        late = timedelta(days=rng.choice([0, 0, 0, 1, 3, 6, 9]), seconds=rng.randint(0, 80_000))
        code = rng.choice(sources) if rng.random() < 0.98 else "qr-1~" + "0" * 32
        visit = Reported(f"reader-{rng.randint(1, count)}", code, now - late, rng.choice([0, 2, 3, 60]), None)
        recent.append(visit)
        del recent[:-200]
        yield visit


class Truth(NamedTuple):
    """What visits earn, counted one by one: unique visitors who earned, those who did not, and visits that are refused."""

    granted: int
    others: int
    refused: int


def brute_force(visits: Sequence[Reported], programs: dict[str, str], secret: str, now: datetime) -> Truth:
    """By the words of the rule: no tables, no batches, no locks. `programs` is by code."""
    granted: dict[tuple[str, date], dict[str, set[str]]] = {}
    seen: set[tuple[str, date, str, str]] = set()
    refused = 0
    oldest = (now - timedelta(days=7)).astimezone(SHANGHAI).date()
    for visit in visits:
        program, day = programs.get(visit.source), visit.at.astimezone(SHANGHAI).date()
        if program is None or day < oldest:
            refused += 1
            continue
        who = hmac.new(secret.encode(), f"visitor {visit.visitor_id}".encode(), sha256).hexdigest()[:32]
        source = visit.source.split("~")[0]
        seen.add((program, day, who, source))
        earned = granted.setdefault((program, day), {}).setdefault(who, set())
        if visit.dwell_s >= 3 and len(earned | {source}) <= 3:
            earned.add(source)
    unique = sum(len(sources) for visitors in granted.values() for sources in visitors.values())
    return Truth(unique, len(seen) - unique, refused)
