"""Dunning and what needs two operators, on a real PostgreSQL."""

import asyncio

import httpx

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import bearer, deliver
from lutong_contracts.membership import OverdueStepDue
from lutong_membership.handlers import handlers
from tests.integration.membership.story import (
    a_member,
    balanced_summary,
    get,
    names,
    passes,
    tell,
    transfer,
)
from tests.support.builders import a_request, fulfilled


def operator(name: str) -> dict[str, str]:
    """One of several operators."""
    return bearer(Principal(name, "operator"))


async def test_waivers_above_the_threshold_need_four_eyes(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1", amount_minor=20_000)
    await deliver(pool, handlers, fulfilled("o-1", 18_000))
    path = f"/v1/agreements/{agreement}/waivers"
    one, other = operator("ops-1"), operator("ops-2")
    why = {"reason": "the parcel was wet", "debt_id": "order:o-1"}
    small = await client.post(path, json=why | {"amount_minor": 5_000}, headers=one)
    assert (small.status_code, small.json()["state"]) == (201, "done")
    large = await client.post(path, json=why | {"amount_minor": 10_001}, headers=one)
    proposal = large.json()["proposal_id"]
    assert large.json()["state"] == "proposed"
    assert (await client.post(path, json=why | {"amount_minor": 10_001})).json()["type"].endswith("proposal_open")

    approval = f"/v1/proposals/{proposal}/approval"
    assert (await client.post(approval, json={"actor": "ops-2", "reason": "in another's name"})).status_code == 422
    own = await client.post(approval, json={"reason": "I say so"}, headers=one)
    assert own.json()["type"] == "urn:lutong:problem:own_proposal"
    done, again = [await client.post(approval, json={"reason": "agreed"}, headers=other) for _ in range(2)]
    assert (done.status_code, again.json()) == (200, done.json())
    late = await client.post(approval, json={"reason": "agreed"}, headers=operator("ops-3"))
    assert late.json()["type"] == "urn:lutong:problem:proposal_closed"
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert line["owed_minor"] == 18_000 - 5_000 - 10_001
    audit = await pool.fetch("SELECT actor, action FROM audit WHERE actor LIKE 'ops%' ORDER BY id")
    assert [tuple(row) for row in audit] == [
        ("ops-1", "debt.waive"), ("ops-1", "debt.propose_waiver"), ("ops-2", "proposal.approve"),
    ]  # fmt: skip
    await balanced_summary(client)


async def test_two_operators_who_approve_at_once_have_one_effect(client: httpx.AsyncClient, pool: Pool) -> None:
    agreement = await a_member(pool, order="o-1", amount_minor=20_000)
    await deliver(pool, handlers, fulfilled("o-1", 18_000))
    written = await client.post(f"/v1/agreements/{agreement}/write-off", json={"reason": "gone"})
    path = f"/v1/proposals/{written.json()['proposal_id']}/approval"
    answers = await asyncio.gather(
        *(client.post(path, json={"reason": "ok then"}, headers=operator(f"ops-{n}")) for n in range(2, 8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert await pool.fetchval("SELECT count(*) FROM entry WHERE kind = 'write_off'") == 1
    found = await get(client, f"/v1/agreements/{agreement}")
    line = (await get(client, "/v1/members/m-1"))["lines"][0]
    assert (found["state"], line["limit_minor"], line["owed_minor"]) == ("closed", 0, 0)
    await balanced_summary(client)


async def test_dunning_of_an_overdue_order_recedes_when_the_oldest_is_paid(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    agreement = await a_member(pool, order="o-1", amount_minor=10_000)
    await deliver(pool, handlers, fulfilled("o-1", 9_000))
    seen = []
    for days in (16, 6, 23):
        seen += [e.step for e in await passes(pool, agreement, days, OverdueStepDue) if hasattr(e, "step")]
    assert seen == ["reminded", "blocked", "suspended"]
    await tell(pool, a_request("o-2", 1_000))
    assert (await get(client, "/v1/holds/o-2"))["discount_minor"] == 0  # still possible, at list price
    assert names(await passes(pool, agreement, 60, OverdueStepDue)) == ["AgreementOverdue"]
    (proposal,) = await get(client, "/v1/proposals")
    assert (proposal["kind"], proposal["proposed_by"], proposal["amount_minor"]) == ("write_off", "ladder", 9_000)

    await transfer(client, 9_000)
    assert (await get(client, f"/v1/agreements/{agreement}"))["step"] == "none"
    stale = await client.post(f"/v1/proposals/{proposal['proposal_id']}/approval", json={"reason": "late"})
    assert stale.json()["type"] == "urn:lutong:problem:nothing_owed"
    await balanced_summary(client)
