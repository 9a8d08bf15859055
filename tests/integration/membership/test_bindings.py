"""A viewer of the feed orders as a member: who pays, what either side ends, and what was on its way meanwhile."""

import asyncio

import httpx

from lutong_chassis.auth import Principal
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member as member_token
from lutong_chassis.testing import bearer, deliver, events_published
from lutong_contracts import Event
from lutong_contracts.feed import AccountBindingAsked, AccountBindingEnded, ServiceRequested
from lutong_contracts.hosts import CapabilitiesChanged
from lutong_contracts.membership import AccountBound, AccountUnbound, CreditDeclined, CreditHeld
from lutong_membership.handlers import handlers
from tests.integration.membership.conftest import Choose
from tests.integration.membership.story import a_member, tell
from tests.support.builders import a_request

ASKED = AccountBindingAsked(viewer_id="v-1", binding_id="b-1", member_id="m-1")
ENDED = AccountBindingEnded(viewer_id="v-1", binding_id="b-1", member_id="m-1")
PLACE = "/v1/members/m-1/accounts/v-1"
M_1 = member_token("m-1")


async def put(client: httpx.AsyncClient, who: Principal = M_1) -> httpx.Response:
    return await client.put(PLACE, headers=bearer(who))


async def delete(client: httpx.AsyncClient, who: Principal = M_1) -> httpx.Response:
    return await client.delete(PLACE, headers=bearer(who))


def ordered(order_id: str, member_id: str | None = None, viewer_id: str = "v-1") -> ServiceRequested:
    return a_request(order_id, 1_000, viewer_id).model_copy(update={"member_id": member_id})


async def bind(client: httpx.AsyncClient, pool: Pool) -> None:
    """m-1 has an agreement, and v-1 orders as m-1."""
    await a_member(pool)
    await deliver(pool, handlers, ASKED)
    assert (await put(client)).json()["state"] == "bound"


def outcome(emitted: list[Event]) -> str:
    """Who pays for the order, or why nobody does."""
    answer = next(event for event in emitted if isinstance(event, CreditHeld | CreditDeclined))
    return answer.member_id if isinstance(answer, CreditHeld) else answer.reason


async def test_a_bound_viewer_orders_as_the_member(client: httpx.AsyncClient, pool: Pool) -> None:
    await bind(client, pool)
    assert outcome(await tell(pool, ordered("o-1", "m-1"))) == "m-1"
    assert outcome(await tell(pool, ordered("o-2"))) == "m-1"
    hold = (await client.get("/v1/holds/o-1")).json()
    assert (hold["member_id"], hold["state"]) == ("m-1", "held")


async def test_a_program_without_identity_serves_no_bound_viewer(client: httpx.AsyncClient, pool: Pool) -> None:
    await bind(client, pool)
    facts = {"program_id": ordered("o-1").program_id, "enforced": True}
    await tell(pool, CapabilitiesChanged(granted=("credit", "pay"), revision=1, **facts))
    assert outcome(await tell(pool, ordered("o-1", "m-1"))) == "identity_not_granted"
    assert outcome(await tell(pool, ordered("o-2", viewer_id="m-1"))) == "m-1"
    await tell(pool, CapabilitiesChanged(granted=("credit", "identity", "pay"), revision=2, **facts))
    assert outcome(await tell(pool, ordered("o-3", "m-1"))) == "m-1"


async def test_an_asking_without_consent_binds_nobody(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    await deliver(pool, handlers, ASKED)
    assert outcome(await tell(pool, ordered("o-1"))) == "unknown_applicant"
    assert outcome(await tell(pool, ordered("o-2", "m-1"))) == "not_bound"


async def test_nobody_else_consents_for_a_member(client: httpx.AsyncClient, pool: Pool) -> None:
    await a_member(pool)
    await deliver(pool, handlers, ASKED)
    assert (await put(client, member_token("v-1"))).status_code == 404
    assert (await client.put(PLACE)).status_code == 403  # an admin
    assert outcome(await tell(pool, ordered("o-1", "m-1"))) == "not_bound"


async def test_without_a_binding_the_id_itself_orders_if_the_operator_lets_it(
    client: httpx.AsyncClient, pool: Pool, choose: Choose
) -> None:
    await a_member(pool)
    assert outcome(await tell(pool, ordered("o-1", viewer_id="m-1"))) == "m-1"
    choose(VIEWERS_ARE_MEMBERS="false")
    assert outcome(await tell(pool, ordered("o-2", viewer_id="m-1"))) == "not_bound"


async def test_what_is_asked_twice_is_published_once(client: httpx.AsyncClient, pool: Pool) -> None:
    for _ in range(2):
        assert (await put(client)).status_code == 200
    bound = await deliver(pool, handlers, ASKED, ASKED)
    assert bound == [AccountBound(viewer_id="v-1", binding_id="b-1", member_id="m-1")]
    for _ in range(2):
        assert (await delete(client)).status_code == 204
    published = [event.type.split(".")[2] for event in await events_published(pool)]
    assert published == ["account-bound", "account-unbound"]


async def test_the_viewer_ends_it_behind_the_orders_that_came_before(client: httpx.AsyncClient, pool: Pool) -> None:
    await bind(client, pool)
    emitted = await tell(pool, ordered("before", "m-1"), ENDED, ordered("behind"), ordered("late", "m-1"))
    held = [event.order_id for event in emitted if isinstance(event, CreditHeld)]
    declined = {event.order_id: event.reason for event in emitted if isinstance(event, CreditDeclined)}
    assert held == ["before"]
    assert declined == {"behind": "unknown_applicant", "late": "not_bound"}
    assert [event.ended_by for event in emitted if isinstance(event, AccountUnbound)] == ["viewer"]


async def test_an_order_on_its_way_is_declined_when_the_member_ended_it(client: httpx.AsyncClient, pool: Pool) -> None:
    await bind(client, pool)
    await delete(client)
    assert outcome(await tell(pool, ordered("o-1", "m-1"))) == "not_bound"


async def test_what_was_held_before_the_end_stays_the_members(client: httpx.AsyncClient, pool: Pool) -> None:
    await bind(client, pool)
    await tell(pool, ordered("o-1", "m-1"))
    await delete(client)
    again = await tell(pool, ordered("o-1", "m-1"))
    assert [event for event in again if isinstance(event, CreditHeld | CreditDeclined)] == []
    assert (await client.get("/v1/holds/o-1")).json()["state"] == "held"


async def test_asking_consenting_and_ending_at_once_leave_one_truth(client: httpx.AsyncClient, pool: Pool) -> None:
    """Whatever came first: it is bound exactly when the last that was published of it says so."""
    await a_member(pool)
    for n in range(12):
        asked = AccountBindingAsked(viewer_id="v-1", binding_id=f"b-{n}", member_id="m-1")
        await asyncio.gather(deliver(pool, handlers, asked), put(client), delete(client), put(client))
        state = {row["viewer_id"]: row["state"] for row in (await client.get("/v1/members/m-1/accounts")).json()}
        published = [event.type.split(".")[2] for event in await events_published(pool) if ".account-" in event.type]
        is_bound = state.get("v-1") == "bound"
        assert is_bound == (bool(published) and published[-1] == "account-bound"), (n, state, published)


async def test_a_repeated_consent_takes_no_binding_away_from_orders(client: httpx.AsyncClient, pool: Pool) -> None:
    await bind(client, pool)
    for n in range(8):
        asked_anew = AccountBindingAsked(viewer_id="v-1", binding_id=f"anew-{n}", member_id="m-1")
        emitted, *_ = await asyncio.gather(
            tell(pool, ordered(f"o-{n}", "m-1")), put(client), deliver(pool, handlers, asked_anew)
        )
        assert outcome(emitted) == "m-1"


async def test_a_member_sees_who_orders_as_them(client: httpx.AsyncClient, pool: Pool) -> None:
    await bind(client, pool)
    (row,) = (await client.get("/v1/members/m-1/accounts", headers=bearer(M_1))).json()
    assert (row["viewer_id"], row["member_id"], row["state"]) == ("v-1", "m-1", "bound")
