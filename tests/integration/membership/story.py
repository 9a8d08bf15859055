"""Steps that tests of membership on a real database are made of."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import httpx

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.envelope import Received
from lutong_chassis.testing import a_member as member_token
from lutong_chassis.testing import a_received, bearer, deliver, run_jobs
from lutong_contracts import Event
from lutong_contracts.inventory import OrderRefunded
from lutong_contracts.membership import AgreementSigned, CreditAssessed
from lutong_membership.handlers import handlers
from lutong_membership.jobs import assess
from lutong_membership.providers.credit.choose import ScorecardProvider
from tests.support.builders import GOOD_PROFILE, a_request, fulfilled

ASSESS: Final = assess(ScorecardProvider())
OBLIGED: Final[dict[str, Any]] = {
    "period": {"kind": "relative", "days": 30},
    "obligation": {"kind": "times", "times": 3},
    "benefits": {"discount_percent": 10},
    "settlement": {"kind": "by_benefit"},
    "withholding": {"cap_minor": 5_000, "delay_days": 3, "grace_days": 7, "notice_days": 2},
    "payment": {"days": 15, "remind_days": 1, "block_days": 7, "suspend_days": 30, "write_off_days": 90},
}


async def tell(pool: Pool, *events: Event | Received[Event]) -> list[Event]:
    """Deliver events, run the assessments that they enqueue, and deliver what membership emits to itself."""
    emitted = await deliver(pool, handlers, *events)
    emitted += await run_jobs(pool, ASSESS)
    own = [event for event in emitted if isinstance(event, CreditAssessed | AgreementSigned)]
    return emitted + (await tell(pool, *own) if own else [])


async def a_shop(client: httpx.AsyncClient, members: Sequence[str] = ("m-1",), **terms: Any) -> None:
    """A plan of the shop, and members with good profiles."""
    offered = {"merchant_id": "shop", "title": "轻会员", "line_limit_minor": 100_000, "terms": terms}
    assert (await client.put("/v1/plans/light", json=offered)).status_code == 200
    profiles = [{"member_id": member, **GOOD_PROFILE} for member in members]
    assert (await client.post("/v1/members/profiles/batch", json={"profiles": profiles})).status_code == 201


async def a_member(pool: Pool, member: str = "m-1", order: str = "first", amount_minor: int = 1_000) -> str:
    """A member who joined by ordering; gives the agreement."""
    emitted = await tell(pool, a_request(order, amount_minor, member))
    signed = next(event for event in emitted if isinstance(event, AgreementSigned))
    return signed.agreement_id


def happened(event: Event, at: datetime) -> Received[Event]:
    """An event that happened at a moment of business time."""
    return a_received(event)._replace(time=at)


async def wait(pool: Pool, agreement_id: str, days: float) -> None:
    """Let so many days pass for an agreement: all its moments lie that much further back."""
    back = timedelta(days=days)
    moments = ("signed_at", "begins_at", "ends_at", "settle_at", "grace_ends_at", "step_due_at")
    async with pool.acquire() as connection:
        sets = ", ".join(f"{name} = {name} - $2::interval" for name in moments)
        await connection.execute(f"UPDATE agreement SET {sets} WHERE agreement_id = $1", agreement_id, back)
        for table, columns in (("debt", ("incurred_at", "due_at")), ("deduction", ("notified_at", "not_before"))):
            sets = ", ".join(f"{name} = {name} - $2::interval" for name in columns)
            await connection.execute(f"UPDATE {table} SET {sets} WHERE agreement_id = $1", agreement_id, back)


def names(events: Sequence[Event]) -> list[str]:
    """Names of events, in order."""
    return [type(event).__name__ for event in events]


_transfers = count(1)


async def transfer(
    client: httpx.AsyncClient, amount_minor: int, member: str = "m-1", reference: str = "", **more: Any
) -> httpx.Response:
    """Money that arrived at the bank, as an operator enters it: under a reference of its own, unless one is given."""
    evidence = {"bank": "icbc", "reference": reference or f"S-{next(_transfers)}"}
    return await client.post(
        f"/v1/members/{member}/repayments", json={"amount_minor": amount_minor, **evidence, **more}
    )


async def claim(client: httpx.AsyncClient, amount_minor: int, member: str = "m-1") -> httpx.Response:
    """A member asks to pay."""
    body = {"amount_minor": amount_minor}
    return await client.post(f"/v1/members/{member}/repayments", json=body, headers=bearer(member_token(member)))


async def buys(pool: Pool, order: str, amount_minor: int = 1_000) -> list[Event]:
    """An order at list price, and its delivery for what the member pays."""
    await tell(pool, a_request(order, amount_minor))
    return await deliver(pool, handlers, fulfilled(order, amount_minor * 9 // 10))


async def passes(pool: Pool, agreement: str, days: float, deadline: type[Event]) -> list[Event]:
    """Days pass, and a deadline falls due."""
    await wait(pool, agreement, days)
    return await deliver(pool, handlers, deadline.model_validate({"agreement_id": agreement}))


async def get(client: httpx.AsyncClient, path: str) -> Any:  # noqa: ANN401  # JSON
    """What a query answers."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def balanced_summary(client: httpx.AsyncClient) -> dict[str, Any]:
    """The ledger balances, and lines and debts agree with it; gives the summary."""
    summary: dict[str, Any] = await get(client, "/v1/summary")
    assert (summary["unbalanced_entries"], summary["lines_off_ledger"], summary["debts_off_lines"]) == (0, 0, 0)
    return summary


async def refunded(pool: Pool, order: str, amount_minor: int, refund_id: str = "r-1") -> list[Event]:
    """Part of an order of m-1 is given back."""
    event = OrderRefunded(
        order_id=order, refund_id=refund_id, member_id="m-1", merchant_id="shop",
        amount={"amount_minor": amount_minor, "currency": "CNY"},
    )  # fmt: skip
    return await deliver(pool, handlers, event)


async def post(client: httpx.AsyncClient, path: str, who: Principal, **body: Any) -> httpx.Response:
    """A command of a principal."""
    return await client.post(path, json=body, headers=bearer(who))


async def the_line(client: httpx.AsyncClient) -> dict[str, Any]:
    """The line of m-1."""
    found: dict[str, Any] = (await get(client, "/v1/members/m-1"))["lines"][0]
    return found


def kind(answer: httpx.Response) -> str:
    """Why a command was refused, or the state that it led to."""
    return str(answer.json().get("type", answer.json().get("state"))).removeprefix("urn:lutong:problem:")
