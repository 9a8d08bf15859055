"""What a command does not mention stays as it was: every optional field of every body that is PUT."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import pytest

from lutong_chassis.testing import app_of, in_transaction
from tests.integration.security.callers import ACME
from tests.integration.security.conftest import WorldOf
from tests.integration.security.matrix import SERVICES
from tests.integration.security.world import World
from tests.support.builders import GOOD_PROFILE

_SITE: Final = {"merchant_id": ACME, "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}
_PLAN: Final = {"merchant_id": ACME, "title": "Light", "line_limit_minor": 300_000}
_COUPONS: Final = {"merchant_id": ACME, "amount_off_minor": 1_000, "total": 10, "daily_total": 5}

Read = Callable[[World], Awaitable[Any]]


class Put(NamedTuple):
    """A body without its optional field, the field with a value that is no default, and how to read it afterwards."""

    service: str
    route: str
    path: str
    body: dict[str, Any]
    field: str
    value: Any
    read: Read


def over_http(path: str, field: str) -> Read:
    async def read(world: World) -> Any:  # noqa: ANN401  # JSON
        return (await world.admin.get(path)).json()[field]

    return read


def from_the_table(sql: str) -> Read:
    """What no route gives."""

    async def read(world: World) -> Any:  # noqa: ANN401  # a column
        async with in_transaction(world.pool) as tx:
            return await tx.fetchval(sql)

    return read


def a_plan(field: str, value: object, kept: Read) -> Put:
    return Put("membership", "/v1/plans/{plan_id}", "/v1/plans/kept", _PLAN, field, value, kept)


def a_stock(field: str, value: object) -> Put:
    path = "/v1/coupon-stocks/kept"
    return Put("membership", "/v1/coupon-stocks/{stock_id}", path, _COUPONS, field, value, over_http(path, field))


def a_site(field: str, value: object) -> Put:
    path = "/v1/locations/kept"
    return Put("inventory", "/v1/locations/{location_id}", path, _SITE, field, value, over_http(path, field))


def hours(field: str, value: object) -> Put:
    kept = over_http("/v1/locations/near", field)
    return Put("inventory", "/v1/locations/{location_id}/hours", "/v1/locations/near/hours", {}, field, value, kept)


def an_account(field: str, value: object) -> Put:
    kept = from_the_table(f"SELECT {field} FROM account WHERE account_id = 'kept'")
    return Put("feed", "/v1/accounts/{account_id}", "/v1/accounts/kept", {"name": "浙里办"}, field, value, kept)


def a_profile(field: str, value: object) -> Put:
    kept = from_the_table(f"SELECT {field} FROM applicant WHERE member_id = 'kept'")
    body = {name: known for name, known in GOOD_PROFILE.items() if name != field}
    path = "/v1/members/kept/profile"
    return Put("membership", "/v1/members/{member_id}/profile", path, body, field, value, kept)


def a_host(field: str, value: object) -> Put:
    path, body = "/v1/hosts/kept", {"title_zh": "高德", "title_en": "Amap"}
    return Put("registry", "/v1/hosts/{host_id}", path, body, field, value, over_http(path, field))


PUTS: Final = [
    an_account("kind", "enterprise"),
    an_account("merchant_id", ACME),
    an_account("program_ids", ["shop"]),
    a_site("open", False),
    a_site("datum", "GCJ-02"),
    a_site("zone", "Asia/Tokyo"),
    a_site("opening_hours", [{"opens": "09:00", "closes": "22:00", "days": [1, 2]}]),
    a_site("holidays", [{"day": "2026-10-01", "times": []}]),
    a_site("cut_off", "20:00"),
    a_site("daily_capacity", 50),
    a_site("radius_m", 3_000),
    a_site("modes", ["pickup"]),
    hours("opening_hours", [{"opens": "09:00", "closes": "22:00", "days": [1, 2]}]),
    hours("cut_off", "20:00"),
    hours("daily_capacity", 50),
    Put(
        *("inventory", "/v1/locations/{location_id}/stock/{sku}", "/v1/locations/near/stock/kept"),
        *({"on_hand": 12}, "safety_stock", 5),
        from_the_table("SELECT safety_stock FROM shelf WHERE sku = 'kept'"),
    ),
    a_plan("currency", "JPY", over_http("/v1/plans/kept", "currency")),
    a_plan("terms", {"quitting": {"allowed": False}}, from_the_table(
        "SELECT terms::json->'quitting'->>'allowed' FROM plan_version WHERE plan_id = 'kept' ORDER BY version DESC LIMIT 1"
    )),
    a_stock("currency", "JPY"),
    a_stock("minimum_minor", 500),
    a_stock("member_total", 3),
    a_stock("valid_days", 7),
    a_stock("zone", "Asia/Tokyo"),
    a_stock("paused", True),
    Put(
        *("registry", "/v1/traffic-sources/{source_id}", "/v1/traffic-sources/kept"),
        *({"program_id": "fund", "kind": "store_qr"}, "location_id", "near"),
        from_the_table("SELECT location_id FROM traffic_source WHERE source_id = 'kept'"),
    ),
    a_host("capabilities", [{"capability": "pay", "platform_version": 12}]),
    a_host("scenes", [{"scene_id": "1005", "title_zh": "搜索", "title_en": "search"}]),
    a_profile("latest_delay_months", 3),
    a_profile("repaid_monthly_minor", 5_000),
]  # fmt: skip

NOT_KEPT: Final = {
    ("/v1/members/{member_id}/line", "currency"): "says which line is meant; it is no property of it",
    ("/v1/locations/{location_id}/stock/{sku}", "counted_at"): "says when it was counted: now, if it does not",
    (
        "/v1/locations/{location_id}/areas/{area}",
        "datum",
    ): "says how to read the corners beside it, which are never absent",
    (
        "/v1/traffic-spends/{spend_id}",
        "viewer_id",
    ): "a spend is asked for once: its id is its key, and nothing changes it",
} | {
    ("/v1/accounts/{account_id}/drafts/{draft_id}", field): "a draft is what its author wrote last, as a whole"
    for field in ("audience", "card", "parent_id", "program_id", "publish_at", "quote_id")
}


def put_id(put: Put) -> str:
    return f"{put.route} {put.field}"


@pytest.mark.parametrize("put", PUTS, ids=put_id)
async def test_what_a_command_does_not_mention_stays(put: Put, world_of: WorldOf) -> None:
    world = await world_of(put.service)
    first = await world.admin.put(put.path, json=put.body | {put.field: put.value})
    assert first.is_success, first.text
    before = await put.read(world)
    again = await world.admin.put(put.path, json=put.body)
    assert again.is_success, again.text
    assert await put.read(world) == before


async def test_every_optional_field_of_every_put_is_in_the_table(world_of: WorldOf) -> None:
    covered = {(put.route, put.field) for put in PUTS} | NOT_KEPT.keys()
    found = set()
    for name in SERVICES:
        document = app_of((await world_of(name)).service).openapi()
        for route, methods in document["paths"].items():
            content = methods.get("put", {}).get("requestBody", {}).get("content", {})
            for schema in (each["schema"] for each in content.values()):
                body = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                found |= {(route, field) for field in body["properties"] if field not in body.get("required", ())}
    assert found == covered
