"""Accounts push to their followers within a quota, by the registry's own routes on a real PostgreSQL."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, bearer, deliver, events_published, http_client, in_transaction
from lutong_contracts import Event
from lutong_contracts.feed import AccountUnfollowed
from lutong_contracts.life_accounts import PushChunkDue, PushDelivered, PushEnded
from lutong_registry.app import service
from lutong_registry.handlers import handlers
from lutong_registry.life_accounts import domain
from tests.integration.registry.pushing import (
    ACCOUNT,
    PUSHES,
    an_account,
    draft,
    follows,
    quota,
    set_policy,
    submit,
)


@pytest_asyncio.fixture
async def client(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(service, pool) as client:
        await an_account(client, pool)
        yield client


async def sent(pool: Pool, push_id: str = "push-1") -> list[Event]:
    """All that follows from a push whose turn has come, chunk by chunk."""
    published: list[Event] = []
    due: list[Event] = [PushChunkDue(push_id=push_id)]
    while due:
        following = await deliver(pool, handlers, *due)
        published += following
        due = [event for event in following if isinstance(event, PushChunkDue)]
    return published


async def state(client: httpx.AsyncClient, push_id: str = "push-1") -> tuple[str, int]:
    push = (await client.get(f"{PUSHES}/{push_id}")).json()
    return push["state"], push["delivered"]


async def test_a_push_reaches_every_follower_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, *(follows(f"reader-{number:05}") for number in range(1200)))
    await draft(client)
    answer = (await submit(client)).json()
    assert (answer["push"]["state"], answer["followers"], answer["quota"]["remaining"]) == ("quota_reserved", 1200, 0)
    events = await sent(pool)
    reached = [name for event in events if isinstance(event, PushDelivered) for name in event.follower_ids]
    assert Counter(reached) == Counter(f"reader-{number:05}" for number in range(1200))
    assert max(len(event.follower_ids) for event in events if isinstance(event, PushDelivered)) == 500
    assert await state(client) == ("sent", 1200)
    assert isinstance(events[-1], PushEnded)
    assert events[-1].outcome == "sent"
    assert await deliver(pool, handlers, PushChunkDue(push_id="push-1"), PushChunkDue(push_id="nobody")) == []


async def test_a_chunk_that_is_asked_for_twice_is_sent_once(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, *(follows(f"reader-{number:05}") for number in range(600)))
    await draft(client)
    await submit(client)
    first = await deliver(pool, handlers, PushChunkDue(push_id="push-1"))
    assert await deliver(pool, handlers, PushChunkDue(push_id="push-1")) == []
    await deliver(pool, handlers, AccountUnfollowed(follower_id="reader-00599", followee_id=ACCOUNT))
    last = await deliver(pool, handlers, *(event for event in first if isinstance(event, PushChunkDue)))
    assert isinstance(last[0], PushDelivered)
    assert len(last[0].follower_ids) == 99


async def test_a_recalled_push_is_shown_to_nobody_and_still_counts(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, follows("ann"), follows("bo"))
    await draft(client)
    await submit(client)
    await sent(pool)
    await deliver(pool, handlers, follows("late"))
    shown = {name: (await client.get(f"/v1/members/{name}/pushes")).json() for name in ("ann", "late", "eve")}
    assert [push["push_id"] for push in shown["ann"]] == ["push-1"]
    assert shown["late"] == shown["eve"] == []
    assert (await client.post(f"{PUSHES}/push-1/recall")).json()["state"] == "recalled"
    assert (await client.post(f"{PUSHES}/push-1/recall")).json()["state"] == "recalled"
    assert (await client.get("/v1/members/ann/pushes")).json() == []
    assert (await quota(client))["remaining"] == 0
    own = await client.get("/v1/members/ann/pushes", headers=bearer(a_member("bo")))
    assert own.status_code == 404


async def test_a_recall_in_the_middle_ends_the_sending(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, *(follows(f"reader-{number:05}") for number in range(600)))
    await draft(client)
    await submit(client)
    first = await deliver(pool, handlers, PushChunkDue(push_id="push-1"))
    await client.post(f"{PUSHES}/push-1/recall")
    assert await deliver(pool, handlers, *(event for event in first if isinstance(event, PushChunkDue))) == []
    assert await state(client) == ("recalled", 500)


async def test_a_program_that_is_suspended_ends_its_pushes(client: httpx.AsyncClient, pool: Pool) -> None:
    await set_policy(pool, "calendar_week", 9)
    await deliver(pool, handlers, *(follows(f"reader-{number:05}") for number in range(600)))
    for push_id in ("begun", "waiting", "draft"):
        await draft(client, push_id)
    await submit(client, "begun")
    await submit(client, "waiting")
    first = await deliver(pool, handlers, PushChunkDue(push_id="begun"))
    await client.post("/v1/programs/watsons/suspension", json={"reason": "fraud_found"})
    await deliver(pool, handlers, *(event for event in first if isinstance(event, PushChunkDue)))
    await deliver(pool, handlers, PushChunkDue(push_id="waiting"))
    assert await state(client, "begun") == ("partial", 500)
    assert await state(client, "waiting") == ("cancelled", 0)
    assert (await quota(client))["used"] == 1  # what nobody got is free again
    refused = await submit(client, "draft")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:lutong:problem:program_suspended")


async def test_a_version_that_is_admitted_only_is_in_no_push(client: httpx.AsyncClient) -> None:
    manifest = {"title": "屈臣氏到家", "page": "pages/home"}
    await client.post("/v1/programs/watsons/versions", json={"version": 2, "manifest": manifest})
    await client.post("/v1/programs/watsons/versions/2/admission")
    await client.post("/v1/programs/watsons/versions/2/release")
    await draft(client)
    assert (await submit(client)).json()["type"] == "urn:lutong:problem:program_not_promotable"
    await client.post("/v1/programs/watsons/versions/2/approval")
    assert (await submit(client)).status_code == 202


async def test_a_push_after_its_quota_is_refused_with_what_to_do(client: httpx.AsyncClient) -> None:
    await draft(client, "push-1")
    await draft(client, "push-2")
    await submit(client, "push-1")
    refused = (await submit(client, "push-2")).json()
    assert (refused["status"], refused["type"]) == (409, "urn:lutong:problem:quota_exhausted")
    assert refused["errors"][0]["pointer"] == "/body/send_at"
    assert refused["quota"]["remaining"] == 0
    following = await submit(client, "push-2", send_at=refused["quota"]["resets_at"])
    assert following.json()["push"]["state"] == "quota_reserved"


async def test_a_dry_run_changes_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    await draft(client)
    looked = (await submit(client, dry_run=True)).json()
    assert (looked["dry_run"], looked["quota"]["remaining"], looked["push"]["state"]) == (True, 1, "draft")
    assert await events_published(pool) == [each for each in await events_published(pool) if "push" not in each.type]
    assert (await quota(client))["used"] == 0


async def test_the_same_push_again_takes_no_second_place(client: httpx.AsyncClient, pool: Pool) -> None:
    await set_policy(pool, "calendar_week", 3)
    await draft(client)
    headers = {"idempotency-key": "once"}
    answers = [await client.post(f"{PUSHES}/push-1/submission", json={}, headers=headers) for _ in range(2)]
    answers.append(await submit(client))
    assert [answer.json()["quota"]["remaining"] for answer in answers] == [2, 2, 2]
    assert len([each for each in await events_published(pool) if "push-reserved" in each.type]) == 1


async def test_what_is_cancelled_gives_its_place_back(client: httpx.AsyncClient, pool: Pool) -> None:
    later = (datetime.now(UTC) + timedelta(days=8)).isoformat()
    await draft(client)
    await submit(client, send_at=later)
    assert (await quota(client, at=later))["remaining"] == 0
    for _ in range(2):
        assert (await client.post(f"{PUSHES}/push-1/cancellation")).json()["state"] == "cancelled"
    assert (await quota(client, at=later))["remaining"] == 1
    assert await deliver(pool, handlers, PushChunkDue(push_id="push-1")) == []
    async with in_transaction(pool) as tx:
        assert await tx.fetchval("SELECT used FROM push_window") == 0


async def test_sunday_night_and_monday_morning_are_two_weeks(client: httpx.AsyncClient, pool: Pool) -> None:
    monday = domain.week_of(datetime.now(UTC)).ends_at
    for push_id, moment in (("late", monday - timedelta(minutes=1)), ("early", monday + timedelta(minutes=1))):
        await draft(client, push_id)
        assert (await submit(client, push_id, send_at=moment.isoformat())).status_code == 202
    await deliver(pool, handlers, PushChunkDue(push_id="late"))  # whenever its turn comes, it counts on Sunday
    assert (await quota(client, at=monday.isoformat()))["remaining"] == 0
    async with in_transaction(pool) as tx:
        assert await tx.fetchval("SELECT array_agg(used ORDER BY starts_at) FROM push_window") == [1, 1]


async def test_a_policy_changes_in_the_middle_of_a_week(client: httpx.AsyncClient, pool: Pool) -> None:
    week = domain.week_of(datetime.now(UTC) + timedelta(days=7))
    wednesday = week.starts_at + timedelta(days=2)
    body = {"effective_from": wednesday.isoformat(), "kind": "calendar_week", "quota": 3}
    assert (await client.post("/v1/push-policies", json=body)).status_code == 201
    moments = [week.starts_at, week.starts_at + timedelta(days=1), *[wednesday + timedelta(hours=h) for h in range(3)]]
    outcomes = []
    for number, moment in enumerate(moments):
        await draft(client, f"push-{number}")
        outcomes.append((await submit(client, f"push-{number}", send_at=moment.isoformat())).status_code)
    assert outcomes == [202, 409, 202, 202, 409]
    past = body | {"effective_from": (datetime.now(UTC) - timedelta(days=1)).isoformat()}
    refused = await client.post("/v1/push-policies", json=past)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/effective_from")
    assert len((await client.get("/v1/push-policies")).json()) == 2


async def test_a_program_leads_to_its_life_account(client: httpx.AsyncClient, pool: Pool) -> None:
    await deliver(pool, handlers, follows("ann"))
    assert (await client.get("/v1/programs/watsons/life-accounts")).json() == [{"account_id": ACCOUNT, "followers": 1}]
    assert (await client.get("/v1/programs/none/life-accounts")).json() == []


async def test_others_do_not_push_for_an_account(client: httpx.AsyncClient) -> None:
    await draft(client)
    rival = bearer(a_merchant("rival"))
    assert (await client.post(f"{PUSHES}/push-1/submission", json={}, headers=rival)).status_code == 404
    assert (await client.put(f"{PUSHES}/push-2", json={}, headers=rival)).status_code == 422
    assert (await client.get(f"{PUSHES}", headers=rival)).status_code == 404
