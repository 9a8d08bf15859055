"""The roads of the demo: how each is walked, and where it must end."""

from typing import Any, Final

from lutong_chassis.auth import Principal
from lutong_console.cli.demo.scenarios import MERCHANT, UTILITY, Road, Scenario

_STAFF: Final = Principal("till-1", "merchant", merchant_id=MERCHANT)
_PROVIDER: Final = Principal("desk-1", "merchant", merchant_id=UTILITY)
_DOOR: Final = "上海市黄浦区人民大道 200 号 3 楼"
_XUJIAHUI: Final = {"latitude": 31.1945, "longitude": 121.4372}


async def _solved_in_place(scenario: Scenario) -> None:
    await scenario.publish("zheliban", "住房公积金新政策今天起施行：提取材料减半，租房提取额度提高。点开卡片就能办。")
    await scenario.tap()
    await scenario.ask("feed", "POST", f"/v1/posts/{scenario.post}/card/solutions", viewer_id=scenario.viewer)
    await scenario.until("ServiceSolved")
    await scenario.settled(f"/v1/posts/{scenario.post}", lambda post: post["counters"]["solved"] == 1)
    await scenario.check("feed", "card active", "SELECT state = 'active' FROM card WHERE post_id = $1", scenario.post)
    await scenario.check(
        "registry", "found by words", "SELECT program_id = 'demo-fund' FROM discovery WHERE post_id = $1", scenario.post
    )
    await scenario.check("membership", "no hold", "SELECT count(*) = 0 FROM hold WHERE member_id = $1", scenario.viewer)
    await scenario.check(
        "inventory", "no order", "SELECT count(*) = 0 FROM customer_order WHERE member_id = $1", scenario.viewer
    )


async def _nearest_store(scenario: Scenario) -> None:
    door = {"name": "林小满", "phone": "+86 138 0013 8000", "text": _DOOR}
    where = f"/v1/members/{scenario.viewer}/addresses"
    stored = await scenario.ask_as(scenario.member, "inventory", "POST", where, **door)
    order_id = await _order(scenario, "mask", address_id=stored["address_id"])
    await scenario.step(order_id, "accepted")
    at = (await scenario.ask("inventory", "GET", f"/v1/orders/{order_id}"))["location_id"]
    look = {"location_id": at, "reason": "courier_booked"}
    shown = await scenario.ask_as(_STAFF, "inventory", "POST", f"/v1/orders/{order_id}/address", **look)
    scenario.ends["inventory: the store that ships reads the address"] = shown["text"] == _DOOR
    await scenario.step(order_id, "picked", "handed_over", "fulfilled")
    await _delivered(scenario, order_id, "store-nanjing-west-road", "shipped by store")
    for service in ("feed", "membership", "inventory"):
        await scenario.check(
            service, "no event has the address", "SELECT count(*) = 0 FROM outbox WHERE payload LIKE $1", f"%{_DOOR}%"
        )


async def _flagship(scenario: Scenario) -> None:
    order_id = await _order(scenario, "shampoo", sold_by="store-lujiazui")
    await scenario.fulfil(order_id)
    await _delivered(scenario, order_id, "watsons-flagship", "shipped by flagship")
    sales = "/v1/locations/store-lujiazui/sales"
    await scenario.settled(sales, lambda found: any(each["order_id"] == order_id for each in found), "inventory")
    await scenario.check(
        "inventory",
        "the sale of the store that led the member here",
        "SELECT location_id = 'store-lujiazui' AND reason = 'till' FROM sales_entry WHERE order_id = $1",
        order_id,
    )


async def _picked_up(scenario: Scenario) -> None:
    order_id = await _order(scenario, "mask", mode="pickup")
    await scenario.step(order_id, "accepted", "picked", "ready_for_pickup")
    code = await scenario.ask_as(scenario.member, "inventory", "POST", f"/v1/orders/{order_id}/pickup-code")
    shown = {"location_id": "store-nanjing-west-road", "code": code["code"]}
    await scenario.ask_as(_STAFF, "inventory", "POST", f"/v1/orders/{order_id}/collection", **shown)
    await _delivered(scenario, order_id, "store-nanjing-west-road", "handed over by the store")
    await scenario.check(
        "inventory",
        "the code is used, and kept as a hash",
        "SELECT used_at IS NOT NULL AND position($2 IN encode(digest, 'escape')) = 0 FROM pickup_code WHERE order_id = $1",
        order_id,
        code["code"],
    )


async def _rejected_by_a_store(scenario: Scenario) -> None:
    order_id = await _order(scenario, "sunscreen", destination=_XUJIAHUI)
    decline = {"location_id": "store-xujiahui", "reason": "sold_out"}
    await scenario.ask_as(_STAFF, "inventory", "POST", f"/v1/orders/{order_id}/declines", **decline)
    await scenario.until("OrderSourced", 2)
    await scenario.fulfil(order_id)
    await _delivered(scenario, order_id, "store-lujiazui", "shipped by another store")
    await scenario.check(
        "inventory",
        "the store that rejected promises none",
        "SELECT on_hand - reserved - safety_stock - unavailable = 0 FROM shelf WHERE location_id = $1 AND sku = $2",
        "store-xujiahui",
        "sunscreen",
    )


async def _short_shelf(scenario: Scenario) -> None:
    order_id = await _order(scenario, "toner", destination=_XUJIAHUI)
    await scenario.ask_as(_STAFF, "inventory", "PUT", "/v1/locations/store-xujiahui/stock/toner", on_hand=1)
    await scenario.until("FlagshipOffered")
    consent = {"member_id": scenario.viewer, "accepts": True}
    await scenario.ask_as(scenario.member, "inventory", "POST", f"/v1/orders/{order_id}/consent", **consent)
    await scenario.until("OrderSourced", 2)
    await scenario.fulfil(order_id)
    await _delivered(scenario, order_id, "watsons-flagship", "shipped by flagship, as the member agreed")


async def _order(scenario: Scenario, sku: str, **more: Any) -> str:  # further fields of the request
    """A post, a tap, and an order of two on credit, up to the location that gets it; gives the order."""
    await scenario.publish(MERCHANT, "面膜、洗发水，先享后付，附近门店半小时送达。", "demo-watsons")
    await scenario.tap()
    order_id = await scenario.order(sku, 2, **more)
    await scenario.until("OrderSourced")
    return order_id


async def _delivered(scenario: Scenario, order_id: str, location: str, what: str) -> None:
    """The goods arrived: what all services must have of that, and inventory of its location."""
    await scenario.until("HoldCaptured")
    await scenario.settled(f"/v1/requests/{order_id}", lambda request: request["status"] == "fulfilled")
    await scenario.check(
        "feed", "fulfilled", "SELECT status = 'fulfilled' FROM service_request WHERE order_id = $1", order_id
    )
    await scenario.check(
        "registry", "found by id", "SELECT program_id = 'demo-watsons' FROM discovery WHERE post_id = $1", scenario.post
    )
    await scenario.check(
        "membership",
        "captured and owed",
        "SELECT state = 'captured' AND amount_minor = owed_minor AND held_minor = 0 "
        "FROM hold JOIN credit_line USING (member_id) WHERE order_id = $1",
        order_id,
    )
    await scenario.check(
        "inventory",
        what,
        "SELECT state = 'fulfilled' AND location_id = $2 FROM customer_order WHERE order_id = $1",
        order_id,
        location,
    )


async def _credit_declined(scenario: Scenario) -> None:
    await scenario.publish(MERCHANT, "面膜补货了，先享后付。", "demo-watsons")
    await scenario.tap()
    order_id = await scenario.order("mask", 1)
    await scenario.until("CreditDeclined")
    await scenario.settled(f"/v1/requests/{order_id}", lambda request: request["status"] == "declined")
    await scenario.check(
        "feed", "declined", "SELECT status = 'declined' FROM service_request WHERE order_id = $1", order_id
    )
    await scenario.check(
        "registry", "found by id", "SELECT reason IS NULL FROM discovery WHERE post_id = $1", scenario.post
    )
    await scenario.check(
        "membership",
        "nothing held",
        "SELECT state = 'declined' AND amount_minor = 0 FROM hold WHERE order_id = $1",
        order_id,
    )
    await scenario.check(
        "inventory", "no order", "SELECT count(*) = 0 FROM customer_order WHERE order_id = $1", order_id
    )


async def _bill(scenario: Scenario) -> None:
    await scenario.publish(UTILITY, "本期水费已出账：点开卡片就能缴，先享后付。", "demo-water")
    await scenario.tap()
    order_id = await scenario.order("water-bill", 1)
    await scenario.until("ServiceAwaited")
    bill = f"bill-{order_id}"
    done = {"reference": bill, "amount_minor": 8_000}
    await scenario.ask_as(_PROVIDER, "inventory", "POST", f"/v1/services/{order_id}/completion", **done)
    await scenario.until("HoldCaptured")
    back = {"refund_id": f"refund-{order_id}", "amount_minor": 1_500}
    await scenario.ask_as(_PROVIDER, "inventory", "POST", f"/v1/services/{order_id}/refunds", **back)
    await scenario.until("RefundBooked")
    await scenario.settled(f"/v1/requests/{order_id}", lambda request: request["status"] == "fulfilled")
    await scenario.check(
        "feed",
        "fulfilled by its provider",
        "SELECT status = 'fulfilled' AND location_kind = 'provider' FROM service_request WHERE order_id = $1",
        order_id,
    )
    await scenario.check(
        "membership",
        "80 of the 100 that were held captured, the rest released, 15 given back",
        "SELECT state = 'captured' AND (amount_minor, captured_minor, owed_minor, held_minor) = (10000, 8000, 6500, 0) "
        "FROM hold JOIN credit_line USING (member_id) WHERE order_id = $1",
        order_id,
    )
    await scenario.check(
        "inventory",
        "done under its bill, and no order of a store",
        "SELECT state = 'done' AND reference = $2 AND NOT EXISTS (SELECT FROM customer_order WHERE order_id = $1) "
        "FROM provision WHERE order_id = $1",
        order_id,
        bill,
    )


_FOUND: Final = ("PostPublished", "ServiceDiscovered", "CardTapped")
_HELD: Final = (
    *_FOUND, "ServiceRequested", "AgreementConsulted", "CreditAssessed", "AgreementSigned", "CreditHeld",
)  # fmt: skip
_JOINED: Final = (*_HELD, "OrderSourced")
_PAID: Final = ("ServiceAwaited", "OrderFulfilled", "HoldCaptured", "OrderRefunded", "RefundBooked")
_BROUGHT: Final = ("OrderAdvanced", "OrderAdvanced", "OrderAdvanced", "OrderFulfilled", "HoldCaptured")
_REROUTED: Final = ("LocationDeclined", "StockAdjusted", "StockDepleted", "OrderSourced")
_CONSENTED: Final = ("LocationDeclined", "FlagshipOffered", "OrderSourced")

ROADS: Final = (
    Road("a", "浙里办: a new provident-fund policy, solved in place", (*_FOUND, "ServiceSolved"), _solved_in_place),
    Road(
        "b",
        "屈臣氏: join on credit and order; the nearest store delivers, to an address that only it reads",
        (*_JOINED, *_BROUGHT),
        _nearest_store,
    ),
    Road(
        "c",
        "屈臣氏: ordered at a store's till, whose shelf is empty; the flagship ships, the store has the sale",
        (*_JOINED, *_BROUGHT),
        _flagship,
    ),
    Road(
        "d",
        "屈臣氏: credit declined; no order, nothing held",
        (*_FOUND, "ServiceRequested", "AgreementConsulted", "CreditAssessed", "AgreementDeclined", "CreditDeclined"),
        _credit_declined,
        good_credit=False,
    ),
    Road("e", "屈臣氏: picked up at the store, for a code that works once", (*_JOINED, *_BROUGHT), _picked_up),
    Road(
        "f",
        "屈臣氏: the store rejects the order; another store delivers",
        (*_JOINED, *_REROUTED, *_BROUGHT),
        _rejected_by_a_store,
    ),
    Road(
        "g",
        "屈臣氏: the shelf was short; the member agrees that the flagship ships",
        (*_JOINED, *_CONSENTED, *_BROUGHT),
        _short_shelf,
    ),
    Road("h", "上海水务: a water bill, for less than was held; some of it is given back", (*_HELD, *_PAID), _bill),
)
