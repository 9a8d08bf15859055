"""Every route of every service for every kind of caller: as the table says, and what is foreign is as if absent."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from uuid_utils.compat import uuid7

from lutong_chassis.auth import Principal
from lutong_chassis.http import authorization
from lutong_chassis.testing import a_member, a_merchant, bearer, settings_for
from tests.integration.crashes.crashing_process import service_named
from tests.integration.security.callers import ACME, ACTORS, ANN, DONE_BY_THE_MEMBER, EVE, IN, Row
from tests.integration.security.conftest import WorldOf
from tests.integration.security.matrix import SERVICES
from tests.integration.security.world import Asked, World

NAMES = list(SERVICES)


@asynccontextmanager
async def nobody_yet(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a world's service that says of each request who asks."""
    async with httpx.AsyncClient(transport=world.admin._transport, base_url="http://test") as client:
        yield client


async def ask(
    client: httpx.AsyncClient, method: str, asked: Asked, who: Principal | None, journey: str = "j-1"
) -> httpx.Response:
    # given, lest answers differ in what is made up; a journey of their own, for nobody may continue that of another
    names = {"lutong-request-id": "r-1", "lutong-journey": journey}
    headers = names | {"lutong-reason": "a test"} | (bearer(who) if who else {})
    return await client.request(method, asked.path, json=asked.body, headers=headers)


def absent(asked: Asked) -> tuple[Asked, str]:
    """The same request about something that does not exist, and its id: as long, so that no length tells."""
    name = asked.about[:-1] + "Z"
    body = json.loads(json.dumps(asked.body).replace(asked.about, name))
    return Asked(asked.path.replace(asked.about, name), body, name), name


async def deviations(world: World, name: str) -> list[str]:
    """Where a service does not do what the table says."""
    found = []
    async with nobody_yet(world) as client:
        for route, (row, make) in SERVICES[name][1].items():
            method = route.split()[0]
            for (actor, who), expected in zip(ACTORS.items(), row, strict=True):
                asked = await make(world)
                journey = str(uuid7())
                answer = await ask(client, method, asked, who, journey)
                status = IN if answer.is_success else answer.status_code
                if status != expected:
                    found.append(f"{route} by {actor}: {answer.status_code} {answer.text[:120]}, not {expected}")
                if expected == 404:
                    other, absent_id = absent(asked)
                    if not same(answer, asked.about, await ask(client, method, other, who, journey), absent_id):
                        found.append(f"{route} by {actor}: what is foreign can be told from what is absent")
    return found


def same(one: httpx.Response, one_id: str, other: httpx.Response, other_id: str) -> bool:
    """Whether two answers differ in nothing but an id."""
    alike = one.text.replace(one_id, "ID") == other.text.replace(other_id, "ID")
    return alike and (one.status_code, one.headers) == (other.status_code, other.headers)


@pytest.mark.parametrize("name", NAMES)
async def test_every_caller_gets_what_the_table_lists(name: str, world_of: WorldOf) -> None:
    assert await deviations(await world_of(name), name) == []


async def test_negative_control_without_the_check_of_whose_a_thing_is_everything_leaks(
    world_of: WorldOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await world_of("inventory")
    monkeypatch.setattr(Principal, "acts_for", lambda _self, **_ids: True)
    assert len(await deviations(world, "inventory")) >= cells("inventory", 404)


async def test_negative_control_without_the_check_of_roles_everybody_is_let_in(
    world_of: WorldOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await world_of("membership")
    monkeypatch.setattr(authorization, "_covers", lambda _role, _who: True)
    assert len(await deviations(world, "membership")) >= cells("membership", 403)


def cells(name: str, status: int) -> int:
    """How many callers of a service's routes must get a status."""
    rows: list[Row] = [row for row, _ in SERVICES[name][1].values()]
    return sum(row.count(status) for row in rows)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_has_every_route_of_the_openapi_document_and_no_other(name: str) -> None:
    service = service_named(name)
    document = service.app(settings_for("postgresql://unused")).openapi()
    routes = {
        f"{method.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert set(routes) == set(SERVICES[name][1])
    for route, operation in routes.items():
        assert operation["security"] == [{"bearer": []}], route
        assert {"401", "403", "404", "429"} <= set(operation["responses"]), route
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_in_the_openapi_document_is_health_and_the_document(name: str) -> None:
    app = service_named(name).app(settings_for("postgresql://unused"))
    documented = set(app.openapi()["paths"])
    paths = {getattr(route, "path_format", getattr(route, "path", None)) for route in app.routes} | {
        route.path_format
        for included in app.routes
        for route in getattr(getattr(included, "original_router", None), "routes", ())
    }
    served = {path.replace(":path}", "}") for path in paths if path}
    assert served - documented == {"/livez", "/readyz", "/metrics", "/openapi.json"}


def test_a_route_without_its_allowed_callers_is_not_built() -> None:
    async def open_to_all() -> None:
        """Nobody thought of it."""

    with pytest.raises(TypeError, match=r"/v1/open: declare who may call open_to_all: @allowed"):
        authorization.GuardedRoute("/v1/open", open_to_all)
    assert issubclass(authorization.GuardedRoute, APIRoute)


async def test_a_program_that_is_not_released_is_there_for_its_merchant_only(world_of: WorldOf) -> None:
    world = await world_of("registry")
    await world.ask("PUT", "/v1/programs/draft", {"merchant_id": ACME})
    seen = {}
    async with nobody_yet(world) as client:
        for actor in ("viewer", "its merchant", "another merchant", "its member"):
            answers = [
                await ask(client, "GET", Asked(f"/v1/programs/{name}"), ACTORS[actor])
                for name in ("draft", "fund", "nones")
            ]
            seen[actor] = [answer.status_code for answer in answers]
            public = {"program_id": "fund", "merchant_id": ACME, "released_version": 1, "offers": []}
            assert ("versions" in answers[1].json()) == (actor in {"viewer", "its merchant"})
            assert answers[1].json().items() >= public.items()
            if actor in {"another merchant", "its member"}:
                assert answers[1].json() == public
                assert same(answers[0], "draft", answers[2], "nones")
    assert seen["viewer"] == seen["its merchant"] == [200, 200, 404]
    assert seen["another merchant"] == seen["its member"] == [404, 200, 404]


async def test_nobody_cancels_the_request_of_another_as_themselves(world_of: WorldOf) -> None:
    world = await world_of("feed")
    wanted = {
        "viewer_id": ANN,
        "lines": [{"sku": "tea", "units": 1}],
        "destination": {"latitude": 31, "longitude": 121},
    }
    order_id = (await world.ask("POST", "/v1/posts/p-1/card/requests", wanted))["order_id"]
    async with nobody_yet(world) as client:
        asked = Asked(f"/v1/requests/{order_id}/cancellation", {"viewer_id": EVE}, order_id)
        answer = await ask(client, "POST", asked, a_member(EVE))
        other, absent_id = absent(asked)
        assert answer.status_code == 404
        assert same(answer, order_id, await ask(client, "POST", other, a_member(EVE)), absent_id)


async def test_a_person_may_be_a_merchant_and_a_member_at_once(world_of: WorldOf) -> None:
    world = await world_of("inventory")
    order_id = (await SERVICES["inventory"][1]["GET /v1/orders/{order_id}"][1](world)).about
    async with nobody_yet(world) as client:

        async def status_of(who: Principal) -> int:
            return (await ask(client, "GET", Asked(f"/v1/orders/{order_id}"), who)).status_code

        assert await status_of(Principal("eve", "member", merchant_id=ACME, member_id=EVE)) == 200
        assert await status_of(Principal("ann", "merchant", merchant_id="rival", member_id=ANN)) == 200
        assert await status_of(Principal("eve", "merchant", merchant_id="rival", member_id=EVE)) == 404


PRIVILEGED: dict[str, Any] = {
    "role": "admin", "subject": "ada", "actor": "ada", "is_admin": True, "scope": "*", "status": "fulfilled",
    "state": "released", "approved": True, "limit_minor": 10**9, "owed_minor": 0, "held_minor": 0, "points": 999,
    "balance": 1, "unit_price": 1, "total": 0, "currency_rate": 0, "merchant": "rival", "owner_id": "eve-1",
    "released_version": 9, "suspended_for": None, "created_at": "2020-01-01T00:00:00Z", "version_state": "approved",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_no_body_takes_a_field_that_is_not_its_own(name: str, world_of: WorldOf) -> None:
    world = await world_of(name)
    assert len(PRIVILEGED) >= 20
    tried = 0
    for route, (row, make) in SERVICES[name][1].items():
        method, asker = route.split()[0], {} if row != DONE_BY_THE_MEMBER else bearer(a_member(ANN))
        asked = await make(world)
        if not isinstance(asked.body, dict):
            continue
        for field, value in PRIVILEGED.items():
            if field in asked.body:
                continue
            answer = await world.admin.request(method, asked.path, json=asked.body | {field: value}, headers=asker)
            assert answer.status_code == 422, f"{route} takes {field}: {answer.text}"
            [error] = answer.json()["errors"]
            assert error["pointer"] == f"/body/{field}"
            assert error["detail"].startswith(f"{field} is not a field")
            tried += 1
    assert tried > 80


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (a_member(ANN), a_member(EVE)),
        (a_member(ANN), Principal(ANN, "operator")),
        (Principal("wang", "member", member_id=ANN), Principal("wang", "merchant", merchant_id=ACME, member_id=ANN)),
        (Principal("wang", "operator"), Principal("wang", "admin")),
    ],
    ids=["another member", "the same name as staff", "the same member as a merchant too", "another rank"],
)
async def test_a_key_of_one_principal_never_reveals_the_answer_to_another(
    first: Principal, second: Principal, world_of: WorldOf
) -> None:
    world = await world_of("feed")
    asked = Asked("/v1/posts", {"author_id": ANN, "text": "Hello"})
    async with nobody_yet(world) as client:

        async def publish(who: Principal) -> httpx.Response:
            headers = bearer(who) | {"idempotency-key": "the-same"}
            return await client.post(asked.path, json=asked.body, headers=headers)

        answered = await publish(first)
        assert answered.status_code == 201
        assert (await publish(first)).content == answered.content
        other = await publish(second)
        assert other.content != answered.content
        assert other.status_code == (201 if second.acts_for(member=ANN) else 404)
        assert "idempotency-replayed" not in other.headers


@pytest.mark.parametrize(
    ("name", "path", "body", "detail"),
    [
        ("membership", "/v1/plans/gold", {"title": "n", "line_limit_minor": 1}, "plan_taken"),
        ("registry", "/v1/programs/shop", {}, "program_taken"),
    ],
)
async def test_one_of_two_merchants_gets_an_id_and_keeps_it(
    name: str, path: str, body: dict[str, Any], detail: str, world_of: WorldOf
) -> None:
    world = await world_of(name)
    async with nobody_yet(world) as client:

        async def want(merchant: str, number: int) -> httpx.Response:
            asked = Asked(f"{path}-{number}", body | {"merchant_id": merchant})
            return await ask(client, "PUT", asked, a_merchant(merchant))

        for number in range(10):
            answers = await asyncio.gather(want(ACME, number), want("rival", number))
            assert sorted(answer.status_code for answer in answers) == [200, 409]
            (refused,) = [answer for answer in answers if not answer.is_success]
            assert refused.json()["type"] == f"urn:lutong:problem:{detail}"


async def test_a_merchant_takes_no_place_of_another(world_of: WorldOf) -> None:
    """Two merchants may call a place the same: each reaches only their own."""
    world = await world_of("inventory")
    site = {"merchant_id": "rival", "kind": "store", "name": "mine", "latitude": 0, "longitude": 0}
    async with nobody_yet(world) as client:
        rival = bearer(a_merchant("rival"))
        count = {"shelves": [{"location_id": "near", "sku": "tea", "on_hand": 0}]}
        assert (await client.post("/v1/stock/batch", json=count, headers=rival)).status_code == 404
        assert (await client.put("/v1/locations/near", json=site, headers=rival)).status_code == 200
        assert (await client.post("/v1/stock/batch", json=count, headers=rival)).status_code == 201
        theirs = await client.get(f"/v1/locations/near?merchant_id={ACME}", headers=rival)
        assert (theirs.status_code, ACME in theirs.text) == (404, False)
    shelves = await world.ask("GET", f"/v1/locations/near/stock?merchant_id={ACME}")
    assert [(shelf["sku"], shelf["on_hand"]) for shelf in shelves] == [("tea", 1_000)]
