"""A merchant of these tests: a tea shop with a store, a plan that keeps a fee, an account that pushes, and orders to be picked up."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from lutong_chassis.auth import Principal
from lutong_console.cli.demo.scenarios import Scenario, new_run
from lutong_console.targets import Suite, call
from tests.support.harness import until

SHOP: Final = "tea-shop"
STORE: Final = "lane-9"
WORKBENCH: Final = f"/merchants/{SHOP}"
COUNTER: Final = f"/stores/{SHOP}/{STORE}"
PAGES: Final = (
    f"/stores?merchant={SHOP}",
    COUNTER,
    f"{COUNTER}/stock",
    f"{COUNTER}/stock/longjing",
    f"{COUNTER}/slots",
    f"{WORKBENCH}/figures",
    f"{WORKBENCH}/plans",
    f"{WORKBENCH}/coupons",
    f"{WORKBENCH}/programs",
    f"{WORKBENCH}/programs/tea-shop-card",
    f"{WORKBENCH}/programs/tea-shop-card/promotions",
    f"{WORKBENCH}/services",
    f"{WORKBENCH}/light-stores",
    f"{WORKBENCH}/accounts",
    f"{WORKBENCH}/accounts/{SHOP}",
    f"{WORKBENCH}/import",
    "/rankings",
)
"""The pages of its workbench."""
PLACE: Final = {"latitude": 30.2592, "longitude": 120.2193}
_OWNER: Final = Principal("lin@tea-shop", "merchant", merchant_id=SHOP)
_PROFILE: Final = {
    "months_known": 36, "late_months": 0, "worst_delay_months": 0, "utilisation_percent": 20, "declared_limit_minor": 2_000_000,
}  # fmt: skip
_LESSONS: Final = {
    "program_id": "tea-lessons",
    "merchant_id": SHOP,
    "manifest": {
        "title": "茶艺课",
        "page": "pages/lessons",
        "keywords": ["茶艺课"],
        "offers": [
            {"sku": "lesson", "title": "茶艺课", "unit_price": {"amount_minor": 10_000, "currency": "CNY"}, "provided": True}
        ],
        "req_permissions": [{"name": name, "reason": "先享后付"} for name in ("credit", "pay")],
    },
}  # fmt: skip
"""A program that declares what it uses, and sells what no store has."""


class TeaShop(NamedTuple):
    """Who owns it, and orders that wait at its store: one to be handed over, one to be declined. Lessons wait for the shop itself: one to be
    given, one that cannot be."""

    owner: Principal
    member: Principal
    orders: tuple[str, ...]
    lessons: tuple[str, ...]


async def open_tea_shop(target: Suite) -> TeaShop:
    """All of it, by the public interfaces."""
    async with target.client(30) as client:
        scenario = Scenario(client, target, lambda _step, _ms: None, f"mei-{new_run()}")
        await _built(scenario)
        await scenario.publish(SHOP, "龙井新茶到店，先享后付，凭码自提。", "tea-shop-card")
        await scenario.tap()
        orders = []
        for number in range(2):
            orders.append(await scenario.order("longjing", 2, destination=PLACE, mode="pickup"))
            await scenario.until("OrderSourced", number + 1)
        await scenario.publish(SHOP, "茶艺课开班，先享后付。", "tea-lessons")
        await scenario.tap()
        lessons = []
        for number in range(2):
            lessons.append(await scenario.order("lesson", 1, destination=PLACE))
            await scenario.until("ServiceAwaited", number + 1)
        return TeaShop(_OWNER, scenario.member, tuple(orders), tuple(lessons))


async def _built(scenario: Scenario) -> None:
    put, post = _asking(scenario, "PUT"), _asking(scenario, "POST")
    await put("registry", f"/v1/merchants/{SHOP}", name="梅家茶铺")
    offer = {"sku": "longjing", "title": "龙井", "unit_price": {"amount_minor": 8_800, "currency": "CNY"}}
    manifest = {"title": "梅家茶铺", "page": "pages/tea", "keywords": ["龙井"], "category": "food", "offers": [offer]}
    program = {"program_id": "tea-shop-card", "merchant_id": SHOP, "manifest": manifest}
    await post("registry", "/v1/programs/batch", programs=[program, _LESSONS])
    terms = {"no_show": "keep", "no_show_fee_minor": 1_500}
    plan = {"merchant_id": SHOP, "title": "茶友", "line_limit_minor": 100_000, "terms": terms}
    await put("membership", "/v1/plans/tea-friends", **plan)
    await put("membership", f"/v1/members/{scenario.viewer}/profile", **_PROFILE)
    await put("inventory", f"/v1/locations/{STORE}", merchant_id=SHOP, kind="store", name="梅家茶铺 九弄店", **PLACE)
    await post(
        "inventory",
        "/v1/stock/batch",
        merchant_id=SHOP,
        shelves=[{"location_id": STORE, "sku": "longjing", "on_hand": 40}],
    )
    account = {"account_id": SHOP, "name": "梅家茶铺", "kind": "enterprise", "merchant_id": SHOP}
    reader = {"account_id": scenario.viewer, "name": "小梅", "kind": "personal"}
    await post("feed", "/v1/accounts/batch", accounts=[account, reader])
    await put("feed", f"/v1/accounts/{scenario.viewer}/follows/{SHOP}")
    client, url = scenario.client, f"{scenario.target.urls['registry']}/v1/merchants/{SHOP}/life-accounts"

    async def is_followed() -> bool:
        found = await call(client, "GET", url)
        return bool(found and found[0]["followers"])

    await until(is_followed, "the registry knows the account and its follower")


def _asking(scenario: Scenario, method: str) -> Callable[..., Awaitable[Any]]:
    async def asked(service: str, path: str, **body: Any) -> Any:  # noqa: ANN401  # JSON
        return await scenario.ask(service, method, path, **body)

    return asked
