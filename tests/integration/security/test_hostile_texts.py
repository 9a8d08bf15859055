"""Hostile texts through every field that takes text: refused, or given back as what they are: data."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from lutong_chassis.testing import a_member, bearer
from lutong_contracts.feed import AccountChanged
from lutong_contracts.registry import VersionReleased
from lutong_feed.texts.domain import shown
from tests.integration.crashes.crashing_process import service_named
from tests.integration.security.callers import ACME, ANN
from tests.integration.security.conftest import WorldOf
from tests.integration.security.world import World
from tests.support.injection_strings import TEXTS

Send = Callable[[World, str], Awaitable[tuple[httpx.Response, Any]]]
"""Writes a text; gives the answer and, when it was taken, what is read back (None: there is no reading it)."""

RAW = re.compile(rb"[\x00-\x1f\x7f]")


async def send(world: World, method: str, path: str, body: object) -> httpx.Response:
    """Ask with JSON in ASCII: half a surrogate pair can only be sent like this."""
    headers = {"content-type": "application/json"}
    return await world.admin.request(method, path, content=json.dumps(body), headers=headers)


async def draft_text(world: World, text: str) -> tuple[httpx.Response, Any]:
    place, ann = f"/v1/accounts/{ANN}/drafts", bearer(a_member(ANN))
    body = json.dumps({"text": text}).encode()  # lone surrogates as well
    answer = await world.admin.put(f"{place}/d-1", content=body, headers=ann | {"content-type": "application/json"})
    if not answer.is_success:
        return answer, None
    (draft,) = (await world.admin.get(place, headers=ann)).json()
    assert draft["text"] in {shown(text), shown(text.strip())}
    return answer, None


async def post_text(world: World, text: str) -> tuple[httpx.Response, Any]:
    answer = await send(world, "POST", "/v1/posts", {"author_id": ANN, "text": text})
    if not answer.is_success:
        return answer, None
    post_id = answer.json()["post_id"]
    one = await world.ask("GET", f"/v1/posts/{post_id}")
    (newest,) = (await world.ask("GET", f"/v1/accounts/{ANN}/timeline?limit=1"))["posts"]
    assert newest | {"touch": None} == one | {"touch": None}
    served = {shown(text), shown(text.strip())}  # overrides of direction and C1 controls are kept, and not served
    return answer, text if one["text"] in served else one["text"]


async def card_title(world: World, text: str) -> tuple[httpx.Response, Any]:
    """Not by HTTP: what the registry says of a program is shown on cards."""
    try:
        event = VersionReleased(program_id="g-1", merchant_id=ACME, version=1, title=text, page="pages/x", offers=())
    except ValueError:
        return httpx.Response(422, json={}), None
    await world.consume(event)
    answer = await world.admin.get("/v1/posts/p-1")
    return answer, answer.json()["card"]["title"]


async def account_name(world: World, text: str) -> tuple[httpx.Response, Any]:
    return await send(world, "PUT", f"/v1/accounts/{ANN}", {"name": text}), None


async def merchant_name(world: World, text: str) -> tuple[httpx.Response, Any]:
    answer = await send(world, "PUT", f"/v1/merchants/{ACME}", {"name": text})
    return answer, answer.json().get("name")


async def question(world: World, text: str) -> tuple[httpx.Response, Any]:
    return await world.admin.get("/v1/search", params={"q": text.encode("utf-8", "surrogatepass")[:190]}), None


async def viewer_place(world: World, text: str) -> tuple[httpx.Response, Any]:
    """Where a viewer says to be: it chooses a version, and is kept nowhere."""
    tap = {"viewer_id": ANN, "region": text, "device": text}
    return await send(world, "POST", "/v1/posts/p-1/card/taps", tap), None


async def template(world: World, text: str) -> tuple[httpx.Response, Any]:
    """A template of light stores: each of its texts, and the page."""
    texts = {"page": text, "keywords": [text], "category": text, "region": text, "description": text, "title": text}
    body = {"merchant_id": ACME, "version": 1, "template": {"title": "Shop", "page": "pages/shop"}}
    answer = None
    for field, value in texts.items():
        filled = body | {"template": {"title": "Shop", "page": "pages/shop"} | {field: value}}
        answer = await send(world, "POST", f"/v1/templates/{world.fresh('template')}/versions", filled)
        assert answer.status_code in {200, 201, 422}, (field, text, answer.text)
    assert answer is not None
    return answer, None


async def store_row(world: World, text: str) -> tuple[httpx.Response, Any]:
    """A row of a light store: each is answered by itself."""
    template_id = world.fresh("template")
    shop = {"title": "Shop {store_name}", "page": "pages/shop"}
    await world.ask(
        "POST", f"/v1/templates/{template_id}/versions", {"merchant_id": ACME, "version": 1, "template": shop}
    )
    row = {"template_id": template_id, "store_id": "near", "name": text, "city": text}
    return await send(world, "POST", "/v1/light-stores/batch", {"stores": [row]}), None


async def preview(world: World, text: str) -> tuple[httpx.Response, Any]:
    """Of a text that may become a post: nothing is kept, and the answer has no part of it."""
    return await send(world, "POST", "/v1/discoveries/previews", {"texts": [text]}), None


async def push_text(world: World, text: str) -> tuple[httpx.Response, Any]:
    """What a life account pushes to those who follow it."""
    account, program = world.fresh("account"), world.fresh("program")
    await world.ask("PUT", f"/v1/programs/{program}", {"merchant_id": ACME})
    facts = {"kind": "enterprise", "merchant_id": ACME, "program_ids": (program,), "revision": 1}
    await world.consume(AccountChanged(account_id=account, **facts))
    push = {"program_id": program, "title": "周末", "text": text}
    answer = await send(world, "PUT", f"/v1/life-accounts/{account}/pushes/{world.fresh('push')}", push)
    return answer, answer.json()["text"] if answer.is_success else None


async def visit_source(world: World, text: str) -> tuple[httpx.Response, Any]:
    """A code that was forged: the visit is refused by itself, and the rest of the report is taken."""
    visit = {"visitor_id": ANN, "source": text, "at": "2026-11-29T10:00:00+08:00", "dwell_s": 40}
    return await send(world, "POST", "/v1/visits/batch", {"visits": [visit]}), None


def manifest(**fields: Any) -> Send:
    """A version's manifest with a text in one of its fields. `title` is read back."""

    async def submit(world: World, text: str) -> tuple[httpx.Response, Any]:
        program_id = world.fresh("program")
        await world.ask("PUT", f"/v1/programs/{program_id}", {"merchant_id": ACME})
        filled = json.loads(json.dumps(fields).replace('"TEXT"', json.dumps(text)))
        body = {"version": 1, "manifest": {"title": "Fund", "page": "pages/fund"} | filled}
        answer = await send(world, "POST", f"/v1/programs/{program_id}/versions", body)
        if not answer.is_success or "title" not in fields:
            return answer, None
        return answer, (await world.ask("GET", f"/v1/programs/{program_id}"))["versions"][0]["title"]

    return submit


async def host_titles(world: World, text: str) -> tuple[httpx.Response, Any]:
    """An app that programs run in, with a scene; its name is read back."""
    scene = {"scene_id": "1005", "title_zh": text, "title_en": text}
    body = {"title_zh": text, "title_en": text, "scenes": [scene]}
    answer = await send(world, "PUT", f"/v1/hosts/{world.fresh('host')}", body)
    return answer, answer.json()["title_zh"] if answer.is_success else None


async def plan_title(world: World, text: str) -> tuple[httpx.Response, Any]:
    body = {"merchant_id": ACME, "title": text, "line_limit_minor": 1}
    answer = await send(world, "PUT", "/v1/plans/light", body)
    return answer, (await world.ask("GET", "/v1/plans/light"))["title"] if answer.is_success else None


async def void_reason(world: World, text: str) -> tuple[httpx.Response, Any]:
    stock = f"/v1/coupon-stocks/{world.fresh('stock')}"
    of_one = {"merchant_id": ACME, "amount_off_minor": 1, "total": 1, "daily_total": 1, "member_total": 1}
    await world.ask("PUT", stock, of_one)
    coupon = (await world.ask("POST", f"{stock}/coupons", {"member_id": ANN}))["coupon_id"]
    return await send(world, "POST", f"/v1/coupons/{coupon}/void", {"reason": text}), None


async def location_name(world: World, text: str) -> tuple[httpx.Response, Any]:
    site = {"merchant_id": ACME, "kind": "store", "name": text, "latitude": 0, "longitude": 0}
    return await send(world, "PUT", "/v1/locations/near", site), None


async def address_text(world: World, text: str) -> tuple[httpx.Response, Any]:
    await world.pool.execute("DELETE FROM vault_address")
    body = {"name": "Ann", "phone": "13800138000", "text": text}
    answer = await send(world, "POST", f"/v1/members/{ANN}/addresses", body)
    own = await world.admin.get(f"/v1/members/{ANN}/addresses", headers=bearer(a_member(ANN)))
    return answer, own.json()[0]["text"] if answer.is_success else None


async def reason(world: World, text: str) -> tuple[httpx.Response, Any]:
    return await send(
        world, "POST", "/operations/republication", {"reason": text, "since": "2030-01-01T00:00:00Z"}
    ), None


OFFER = {"sku": "tea", "title": "TEXT", "unit_price": {"amount_minor": 1, "currency": "CNY"}}
WAYS: dict[str, dict[str, Send]] = {
    "feed": {
        "post.text": post_text,
        "draft.text": draft_text,
        "card.title": card_title,
        "account.name": account_name,
        "reason": reason,
        "viewer.region and device": viewer_place,
    },
    "registry": {
        "merchant.name": merchant_name,
        "q": question,
        "texts": preview,
        "push.text": push_text,
        "visit.source": visit_source,
        "template": template,
        "store.name and city": store_row,
        "manifest.title": manifest(title="TEXT"),
        "manifest.description": manifest(description="TEXT"),
        "manifest.keywords, category and region": manifest(keywords=["TEXT"], category="TEXT", region="TEXT"),
        "manifest.offers.title": manifest(offers=[OFFER]),
        "manifest.req_permissions.reason": manifest(req_permissions=[{"name": "pay", "reason": "TEXT"}]),
        "host.title_zh and title_en": host_titles,
    },
    "membership": {"plan.title": plan_title, "reason": void_reason},
    "inventory": {"location.name": location_name, "address.text": address_text},
}
CASES = [(name, field) for name, ways in WAYS.items() for field in ways]


@pytest.mark.parametrize(("name", "field"), CASES)
async def test_an_injection_string_is_refused_or_given_back_as_it_is(name: str, field: str, world_of: WorldOf) -> None:
    world = await world_of(name)
    taken = 0
    for text in TEXTS:
        answer, read = await WAYS[name][field](world, text)
        assert answer.status_code in {200, 201, 202, 422}, (text, answer.text)
        if not answer.content:
            continue
        assert "json" in answer.headers["content-type"]
        assert not RAW.search(answer.content), text
        assert answer.json() is not None
        taken += answer.is_success
        if read is not None:
            assert read in {text, text.strip()}
    assert 40 < taken < len(TEXTS), "some of each"


def test_every_field_that_takes_free_text_has_its_way() -> None:
    """Free text is what no pattern, no list of words and no number bounds: a new field needs its own way."""
    known = {
        ("feed", "name"), ("feed", "text"), ("registry", "name"), ("registry", "title"), ("registry", "description"),
        ("registry", "text"), ("registry", "source"), ("registry", "title_zh"), ("registry", "title_en"), ("registry", "reason"), ("feed", "region"), ("feed", "device"), ("registry", "page"), ("registry", "city"),
        ("registry", "keywords"), ("registry", "category"), ("registry", "region"), ("registry", "texts"), ("membership", "title"),
        ("inventory", "name"), ("inventory", "text"),
        ("membership", "reason"),
    }  # fmt: skip
    found = {
        (name, field)
        for name in WAYS
        for route in service_named(name).routes.routes
        if isinstance(route, APIRoute) and route.body_field
        for field in free_texts(route.body_field.field_info.annotation)
    }
    assert found == known


def free_texts(model: object) -> set[str]:
    """Names of the fields, also of models within, that take text and have no pattern or format."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return set()
    found: set[str] = set()
    schema = model.model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        for name, field in part.get("properties", {}).items():
            shapes = [field, field.get("items", {}), *field.get("anyOf", ())]
            if any(s.get("type") == "string" and not {"pattern", "enum", "const", "format"} & s.keys() for s in shapes):
                found.add(name)
    return found
