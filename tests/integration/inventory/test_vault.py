"""The vault on a real PostgreSQL: who reads an address, what erasing does, and that it is nowhere else."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from lutong_chassis.database import Pool
from lutong_chassis.testing import a_member, a_merchant, an_admin, an_operator, bearer, deliver, http_client
from lutong_contracts.inventory import LocationDeclined
from lutong_inventory.app import service
from lutong_inventory.handlers import handlers
from tests.integration.conftest import forget_settings
from tests.support.builders import a_hold

STAFF, RIVAL, MEMBER = bearer(a_merchant("shop")), bearer(a_merchant("rival")), bearer(a_member("m-1"))
OPERATOR = bearer(an_operator()) | {"lutong-reason": "a test"}
MARKS = ("王小明七三", "+86 139 7329 1732", "人民大道七三二九号", "31.23173291")
HOME = {
    "name": MARKS[0],
    "phone": MARKS[1],
    "text": f"上海市黄浦区{MARKS[2]}",
    "place": {"latitude": 31.23173291, "longitude": 121.47},
}
LOOK = {"location_id": "near", "reason": "courier_booked"}


@pytest_asyncio.fixture
async def client(masters: pytest.MonkeyPatch, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory with two stores that have tea."""
    async with http_client(service, pool) as client:
        for name, latitude in (("near", 31.24), ("next", 31.3)):
            site = {"merchant_id": "shop", "kind": "store", "name": name, "latitude": latitude, "longitude": 121.48}
            assert (await client.put(f"/v1/locations/{name}", json=site)).status_code == 200
            await client.put(f"/v1/locations/{name}/stock/tea", json={"on_hand": 9})
        yield client


async def an_address(client: httpx.AsyncClient, member_id: str = "m-1") -> str:
    headers = bearer(a_member(member_id))
    answer = await client.post(f"/v1/members/{member_id}/addresses", json=HOME, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["address_id"])


async def ordered(pool: Pool, address_id: str | None, order_id: str = "o-1") -> None:
    await deliver(pool, handlers, a_hold(order_id).model_copy(update={"address_id": address_id}))


async def step(client: httpx.AsyncClient, *steps: str) -> None:
    for each in steps:
        body = {"step": each, "location_id": "near"}
        assert (await client.post("/v1/orders/o-1/steps", json=body, headers=STAFF)).status_code == 200


async def look(client: httpx.AsyncClient, headers: dict[str, str] = STAFF, **body: str) -> tuple[int, str]:
    answer = await client.post("/v1/orders/o-1/address", json=LOOK | body, headers=headers)
    return answer.status_code, answer.json().get("type", answer.json().get("text")).removeprefix("urn:lutong:problem:")


async def found_in(pool: Pool, *marks: str) -> list[str]:
    """The tables that have one of these texts, in clear or as it stands in bytes or in JSON."""
    written = {form for mark in marks for form in (mark, mark.encode().hex(), ascii(mark)[1:-1])}
    async with pool.acquire() as connection:
        tables = await connection.fetch(
            "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        found = []
        for table in tables:
            rows = await connection.fetch(f"SELECT row_to_json(each)::text AS text FROM {table['name']} AS each")
            found += [table["name"] for row in rows if any(mark in row["text"] for mark in written)]
    return sorted(set(found))


async def test_the_location_that_ships_reads_it_while_it_does(client: httpx.AsyncClient, pool: Pool) -> None:
    await ordered(pool, await an_address(client))
    assert await look(client) == (409, "not_shipping")
    await step(client, "accepted")
    assert await look(client) == (200, HOME["text"])
    assert await look(client, location_id="next") == (404, "not_found")
    assert await look(client, RIVAL) == (404, "not_found")
    assert await look(client, OPERATOR) == (200, HOME["text"])
    await step(client, "picked", "handed_over")
    assert await look(client) == (200, HOME["text"])
    await step(client, "fulfilled")
    assert await look(client) == (409, "not_shipping")
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT actor, subject, reason, after ->> 'location_id' AS at FROM audit WHERE action = 'address.show' ORDER BY id"
        )
    staff, olga = "staff-of-shop", "olga"
    assert [tuple(row) for row in rows] == [
        (actor, "order:o-1", "courier_booked", "near") for actor in (staff, olga, staff)
    ]


async def test_a_location_that_lost_the_order_reads_nothing(client: httpx.AsyncClient, pool: Pool) -> None:
    await ordered(pool, await an_address(client))
    await step(client, "accepted")
    declined = LocationDeclined(order_id="o-1", merchant_id="shop", location_id="near", reason="sold_out")
    await deliver(pool, handlers, declined)
    assert await look(client) == (404, "not_found")
    assert await look(client, location_id="next") == (409, "not_shipping")


async def test_an_order_to_the_address_of_another_ends(client: httpx.AsyncClient, pool: Pool) -> None:
    theirs = await an_address(client, "m-2")
    for order_id, address_id in (("o-1", theirs), ("o-2", "a-0"), ("o-3", None)):
        await ordered(pool, address_id, order_id)
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT order_id, state, reason FROM customer_order ORDER BY order_id")
    assert [tuple(row) for row in rows] == [
        ("o-1", "rejected", "unknown_address"),
        ("o-2", "rejected", "unknown_address"),
        ("o-3", "sourced", None),
    ]


async def test_erasing_destroys_the_key_so_no_copy_can_be_read(client: httpx.AsyncClient, pool: Pool) -> None:
    await ordered(pool, await an_address(client))
    await step(client, "accepted")
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE backup_of_addresses AS SELECT * FROM vault_address")
        keys = await connection.fetch("SELECT * FROM vault_key")
    erased = await client.delete("/v1/members/m-1/addresses", headers=MEMBER)
    assert erased.json() == {"addresses": 1, "open_orders": 1}
    assert await look(client) == (409, "address_erased")
    async with pool.acquire() as connection:
        await connection.execute("INSERT INTO vault_address SELECT * FROM backup_of_addresses")
    assert await look(client) == (409, "address_erased")
    await an_address(client)  # under a new key, which does not open what was sealed with the old one
    assert await look(client) == (503, "vault_locked")
    async with pool.acquire() as connection:  # the control: with the old key it would
        await connection.execute("UPDATE vault_key SET wrapped = $1", keys[0]["wrapped"])
    assert await look(client) == (200, HOME["text"])


async def test_only_its_member_lists_and_erases_addresses(client: httpx.AsyncClient) -> None:
    first, second = await an_address(client), await an_address(client)
    listed = (await client.get("/v1/members/m-1/addresses", headers=MEMBER)).json()
    assert {each["address_id"] for each in listed} == {first, second}
    assert HOME.items() <= listed[0].items()
    other = bearer(a_member("m-2"))
    assert (await client.get("/v1/members/m-1/addresses", headers=other)).status_code == 404
    assert (await client.get("/v1/members/m-1/addresses", headers=OPERATOR)).status_code == 403
    assert (await client.delete(f"/v1/members/m-2/addresses/{first}", headers=other)).status_code == 404
    assert (await client.delete(f"/v1/members/m-1/addresses/{first}", headers=MEMBER)).status_code == 200
    for _ in range(19):
        await an_address(client)
    full = await client.post("/v1/members/m-1/addresses", json=HOME, headers=MEMBER)
    assert (full.status_code, full.json()["type"]) == (409, "urn:lutong:problem:too_many_addresses")


async def test_keys_move_to_a_new_master_and_the_old_one_goes(
    client: httpx.AsyncClient, pool: Pool, masters: pytest.MonkeyPatch
) -> None:
    await ordered(pool, await an_address(client))
    await step(client, "accepted")
    masters.setenv("LUTONG_VAULT_KEY", "cd" * 32)
    forget_settings()
    assert await look(client) == (503, "vault_locked")
    masters.setenv("LUTONG_VAULT_KEY_BEFORE", "ab" * 32)
    forget_settings()
    assert await look(client) == (200, HOME["text"])
    admin = bearer(an_admin())
    assert (await client.post("/v1/vault/rotation", headers=admin)).json() == {"rotated": 1, "left": 0}
    masters.delenv("LUTONG_VAULT_KEY_BEFORE")
    forget_settings()
    assert await look(client) == (200, HOME["text"])


async def test_without_a_master_key_nothing_is_stored(client: httpx.AsyncClient, masters: pytest.MonkeyPatch) -> None:
    masters.delenv("LUTONG_VAULT_KEY")
    forget_settings()
    answer = await client.post("/v1/members/m-1/addresses", json=HOME, headers=MEMBER)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:lutong:problem:vault_closed")


async def test_no_trace_of_an_address_is_anywhere_else(
    client: httpx.AsyncClient, pool: Pool, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await ordered(pool, await an_address(client))
    await step(client, "accepted")
    assert await look(client) == (200, HOME["text"])
    for headers in (MEMBER, OPERATOR):  # each refused in its own way, with what was sent in hand
        keyed = headers | {"idempotency-key": "once"}
        for body in (HOME, HOME | {"phone": f"{MARKS[1]}?"}, HOME | {"extra": MARKS[0]}, {"events": [HOME]}):
            answer = await client.post("/v1/members/m-1/addresses", json=body, headers=keyed)
            assert answer.status_code in {400, 422}
            assert not [mark for mark in MARKS if mark in answer.text]
    async with pool.acquire() as connection:  # what is stored fails: the database refuses, and its error says nothing
        await connection.execute("ALTER TABLE vault_address ADD CHECK (length(sealed) < 0) NOT VALID")
    answer = await client.post("/v1/members/m-1/addresses", json=HOME, headers=MEMBER)
    assert answer.status_code >= 400
    assert await found_in(pool, *MARKS) == []
    output = capfd.readouterr()
    assert not [mark for mark in MARKS if mark in answer.text + output.out + output.err + caplog.text]
    async with pool.acquire() as connection:  # the control: the search finds what is there
        await connection.execute("UPDATE customer_order SET reason = $1", MARKS[0])
    assert await found_in(pool, *MARKS) == ["customer_order"]
