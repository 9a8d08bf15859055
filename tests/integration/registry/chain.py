"""A brand with a template and stores, by the registry's own routes."""

from collections.abc import Sequence
from typing import Any, Final

import httpx

from lutong_chassis.database import Pool
from lutong_chassis.testing import deliver, run_jobs
from lutong_contracts import Event
from lutong_contracts.inventory import LocationChanged, LocationClosed, LocationOpened, LocationPaused
from lutong_contracts.values import Place
from lutong_registry.handlers import handlers
from lutong_registry.light_stores import rolling
from tests.support.builders import SHANGHAI

BRAND: Final = "watsons"
TEMPLATE: Final = "watsons-light"
STORES: Final = f"/v1/templates/{TEMPLATE}/light-stores"
MASK: Final = {"sku": "mask", "title": "面膜", "unit_price": {"amount_minor": 3900, "currency": "CNY"}}
FIRST: Final[dict[str, Any]] = {
    "title": "屈臣氏 {store_name}",
    "description": "营业时间 {hours}",
    "page": "pages/shop?store={store_id}",
    "keywords": ["屈臣氏", "{city}面膜"],
    "category": "beauty",
    "offers_of": "watsons",
}
SECOND: Final = FIRST | {"description": "新版 营业时间 {hours}", "keywords": ["屈臣氏", "{city}护肤"]}
TOO_LONG: Final = SECOND | {"title": "屈臣氏 {store_name} {store_name} {store_name} {store_name}"}
"""It fits stores with short names only."""


def a_location(store_id: str, kind: type[Event] = LocationOpened, revision: int = 1, place: Place = SHANGHAI) -> Event:
    """A store of the brand, as inventory publishes it."""
    states: dict[type[Event], str] = {LocationClosed: "closed", LocationPaused: "paused"}
    return kind(
        merchant_id=BRAND, location_id=store_id, kind="store", place=place, zone="Asia/Shanghai",
        modes=("delivery",), state=states.get(kind, "open"), revision=revision,
    )  # fmt: skip


def back_open(store_id: str, revision: int) -> Event:
    """A store that takes orders again."""
    return a_location(store_id, LocationChanged, revision)


def a_row(number: int, **changes: Any) -> dict[str, Any]:
    """A light store's row, as a brand sends it."""
    store_id = f"sh-{number:05}"
    row = {
        "template_id": TEMPLATE,
        "store_id": store_id,
        "name": f"{number}号店",
        "hours": "09:00-22:00",
        "city": "上海",
    }
    return row | changes


async def submit(client: httpx.AsyncClient, version: int, template: dict[str, Any] = FIRST) -> httpx.Response:
    """Hand in a version of the template."""
    body = {"merchant_id": BRAND, "version": version, "template": template}
    return await client.post(f"/v1/templates/{TEMPLATE}/versions", json=body)


async def approve(client: httpx.AsyncClient, version: int, template: dict[str, Any] = FIRST) -> None:
    """Hand in a version, and approve it."""
    (await submit(client, version, template)).raise_for_status()
    (await client.post(f"/v1/templates/{TEMPLATE}/versions/{version}/approval")).raise_for_status()


async def a_brand(client: httpx.AsyncClient, pool: Pool, stores: int) -> None:
    """A brand with a program that sells, locations, and an approved template."""
    await client.put(f"/v1/merchants/{BRAND}", json={"name": "屈臣氏"})
    shop = {"title": "屈臣氏到家", "page": "pages/home", "offers": [MASK]}
    onboarding = {"program_id": "watsons", "merchant_id": BRAND, "manifest": shop}
    (await client.post("/v1/programs/batch", json={"programs": [onboarding]})).raise_for_status()
    await deliver(pool, handlers, *(a_location(f"sh-{number:05}") for number in range(stores)))
    await approve(client, 1)


async def put(client: httpx.AsyncClient, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Have rows taken; gives what became of them."""
    answer = await client.post("/v1/light-stores/batch", json={"stores": list(rows)})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def store(client: httpx.AsyncClient, number: int, version: int | None = None) -> dict[str, Any]:
    """A light store, beside a version of its template."""
    answer = await client.get(f"{STORES}/sh-{number:05}", params={"version": version} if version else None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def roll_out(client: httpx.AsyncClient, pool: Pool, version: int, **options: int) -> dict[str, Any]:
    """Bring a version to the stores, step by step until its end; gives the rollout."""
    started = await client.post(f"/v1/templates/{TEMPLATE}/rollouts", json={"version": version, "wait_s": 0} | options)
    assert started.status_code == 202, started.text
    return await finish(client, pool)


async def finish(client: httpx.AsyncClient, pool: Pool) -> dict[str, Any]:
    """Take steps until the rollout has ended."""
    while (rollout := await progress(client))["state"] in {"running", "reverting"}:
        await run_jobs(pool, rolling.queue())
    return rollout


async def progress(client: httpx.AsyncClient) -> dict[str, Any]:
    """The last rollout as it is now."""
    found: dict[str, Any] = (await client.get(f"/v1/templates/{TEMPLATE}")).json()["rollout"]
    return found
