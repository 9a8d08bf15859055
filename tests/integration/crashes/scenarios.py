"""What happens to each service, in an order that makes sense: every command and every event at least once."""

from collections.abc import Mapping
from typing import Any, Final

from lutong_contracts import Event
from lutong_contracts.feed import AccountChanged, CardTapped, PostPublished, ServiceSolved
from lutong_contracts.inventory import (
    AcceptanceLapsed,
    FulfilmentLapsed,
    LocationDeclined,
    OrderRejected,
    OrderSourced,
    PickupLapsed,
)
from lutong_contracts.membership import (
    CreditDeclined,
)
from lutong_contracts.registry import (
    MerchantChanged,
    MerchantRegistered,
    ProgramResumed,
    ProgramSuspended,
    ServiceDiscovered,
    ServiceNotFound,
    VersionReleased,
    VersionRolledBack,
)
from lutong_contracts.values import Line, Money, Offer
from lutong_inventory.pickup import domain as pickup
from tests.integration.crashes.crashing_process import Command
from tests.integration.crashes.membership_scenario import MEMBERSHIP
from tests.integration.crashes.steps import Meanwhile, Step
from tests.support.builders import a_cancellation, a_hold, a_post, a_request, cancelled, fulfilled

_TEA: Final = Offer(sku="tea", title="Tea", unit_price=Money(amount_minor=300, currency="CNY"))
_SHOP: Final = {"program_id": "g-1", "merchant_id": "shop", "title": "Shop", "page": "pages/shop"}
_WANTED: Final = {
    "viewer_id": "bo",
    "lines": [{"sku": "tea", "units": 2}],
    "destination": {"latitude": 31.2, "longitude": 121.4},
}
_EVENT: Final = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/cms",
    "type": "lutong.feed.post-published.v1",
    "data": {"post_id": "p-3", "author_id": "ann", "text": "雨"},
}
_ASK: Final = Command("POST", "/v1/posts/p-1/card/requests", _WANTED)
_FUND: Final = {"title": "公积金提取", "page": "pages/fund"}


def _sourced(known: Mapping[str, Any]) -> Event:
    return OrderSourced(
        order_id=known["order_id"],
        merchant_id="shop",
        location_id="near",
        location_kind="store",
        distance_m=900,
        lines=(Line(sku="tea", units=2, unit_price_minor=300),),
        mode="delivery",
        accept_by="2030-01-01T00:00:00Z",
    )


def _a_version(number: int) -> Command:
    return Command("POST", "/v1/programs/fund/versions", {"version": number, "manifest": _FUND})


def _verdict(number: int, verb: str, body: Mapping[str, Any] | None = None) -> Command:
    return Command("POST", f"/v1/programs/fund/versions/{number}/{verb}", body)


def _a_step(order_id: str, step: str) -> Command:
    return Command("POST", f"/v1/orders/{order_id}/steps", {"step": step, "location_id": "near"})


FEED: Final[tuple[Step, ...]] = (
    Command("PUT", "/v1/accounts/ann", {"name": "Ann"}),
    Command("POST", "/v1/accounts/batch", {"accounts": [{"account_id": "bo", "name": "Bo"}]}),
    Command("PUT", "/v1/accounts/bo/follows/ann"),
    Command("DELETE", "/v1/accounts/bo/follows/ann"),
    Command("POST", "/v1/follows/batch", {"follows": [{"follower_id": "bo", "followee_id": "ann"}]}),
    VersionReleased(version=1, offers=(_TEA,), **_SHOP),
    Command("POST", "/v1/posts", {"author_id": "ann", "text": "路通", "post_id": "p-1"}),
    Command("POST", "/v1/posts/batch", {"posts": [{"author_id": "ann", "text": "晴", "post_id": "p-2"}]}),
    Command("POST", "/v1/events", [_EVENT]),
    PostPublished(post_id="p-4", author_id="ann", text="雪"),
    ServiceDiscovered(post_id="p-1", version=1, matched_by="words", **_SHOP),
    ServiceNotFound(post_id="p-2", reason="no_match"),
    Command("POST", "/v1/posts/p-1/card/taps", {"viewer_id": "bo"}),
    Command("POST", "/v1/posts/p-1/card/solutions", {"viewer_id": "bo"}),
    CardTapped(viewer_id="bo", post_id="p-1", program_id="g-1", version=1),
    ServiceSolved(viewer_id="bo", post_id="p-1", program_id="g-1"),
    _ASK,
    lambda known: CreditDeclined(order_id=known["order_id"], member_id="bo", merchant_id="shop", reason="not_admitted"),
    _ASK,
    lambda known: a_request(known["order_id"], viewer_id="bo"),
    _sourced,
    lambda known: fulfilled(known["order_id"]),
    _ASK,
    lambda known: OrderRejected(order_id=known["order_id"], merchant_id="shop", reason="out_of_stock"),
    _ASK,
    lambda known: Command("POST", f"/v1/requests/{known['order_id']}/cancellation", {"viewer_id": "bo"}),
    lambda known: cancelled(known["order_id"]),
    VersionRolledBack(version=1, withdrawn_version=2, offers=(), **_SHOP),
    ProgramSuspended(program_id="g-1", reason="security_incident"),
    ProgramResumed(program_id="g-1"),
)
REGISTRY: Final[tuple[Step, ...]] = (
    Command("PUT", "/v1/merchants/gov", {"name": "浙里办"}),
    Command("PUT", "/v1/programs/fund", {"merchant_id": "gov"}),
    _a_version(1),
    _verdict(1, "approval"),
    _verdict(1, "release"),
    _a_version(2),
    _verdict(2, "rejection", {"reason": "unclear"}),
    _a_version(3),
    _verdict(3, "approval"),
    _verdict(3, "release"),
    _verdict(3, "rollback"),
    Command("POST", "/v1/programs/fund/suspension", {"reason": "security_incident"}),
    Command("DELETE", "/v1/programs/fund/suspension"),
    Command(
        "POST", "/v1/programs/batch", {"programs": [{"program_id": "g-1", "merchant_id": "gov", "manifest": _FUND}]}
    ),
    a_post(text="公积金提取新政策"),
    CardTapped(viewer_id="bo", post_id="p-1", program_id="g-1", version=1),
    ServiceSolved(viewer_id="bo", post_id="p-1", program_id="g-1"),
    fulfilled(),
    Command("POST", "/v1/merchants/batch", {"merchants": [{"merchant_id": "shop", "name": "Shop"}]}),
    MerchantRegistered(merchant_id="tea-house", title="Tea House", revision=1),
    MerchantChanged(merchant_id="tea-house", title="Tea Houses", revision=2),
    AccountChanged(account_id="ann", kind="enterprise", revision=1),
)
_CODE: Final = "K7M2Q9XB"
_DELIVERY: Final = {"location_id": "far", "sku": "tea", "kind": "received", "units": 3}


def _ready_for_pickup(order_id: str) -> tuple[Step, ...]:
    hold = a_hold(order_id).model_copy(update={"mode": "pickup"})
    return (hold, *(_a_step(order_id, step) for step in ("accepted", "picked", "ready_for_pickup")))


def _has_code(order_id: str) -> Meanwhile:
    """The member got a code; the answer that shows it is kept nowhere."""
    kept = pickup.digest(b"salt", _CODE).hex()
    return Meanwhile(
        "INSERT INTO pickup_code (order_id, salt, digest, expires_at, tries_left)"
        f" VALUES ('{order_id}', 'salt', '\\x{kept}', now() + interval '1 day', {pickup.GUESSES_MAX})"
    )


_NEAR: Final = {"merchant_id": "shop", "kind": "store", "name": "near", "latitude": 31.24, "longitude": 121.48}
INVENTORY: Final[tuple[Step, ...]] = (
    Command("PUT", "/v1/locations/near", _NEAR),
    Command("POST", "/v1/locations/batch", {"locations": [{"location_id": "far", **_NEAR, "latitude": 32.0}]}),
    Command("PUT", "/v1/locations/near/stock/tea", {"on_hand": 9}),
    Command("POST", "/v1/stock/batch", {"shelves": [{"location_id": "far", "sku": "tea", "on_hand": 5}]}),
    a_hold("o-1"),
    _a_step("o-1", "accepted"),
    Command("POST", "/v1/orders/steps/batch", {"order_ids": ["o-1"], "step": "picked"}),
    _a_step("o-1", "handed_over"),
    _a_step("o-1", "fulfilled"),
    Command(
        "POST", "/v1/orders/o-1/refunds", {"refund_id": "r-1", "lines": [{"sku": "tea", "units": 1}], "restock": True}
    ),
    a_hold("o-2"),
    AcceptanceLapsed(order_id="o-2"),
    a_hold("o-3"),
    a_cancellation("o-3"),
    a_hold("o-4"),
    Command("POST", "/v1/orders/o-4/cancellation", {"reason": "cancelled_by_store"}),
    Command("PUT", "/v1/locations/near/stock/tea/safety", {"units": 1}),
    Command("POST", "/v1/stock/movements", {"movements": [_DELIVERY]}),
    a_hold("o-5"),
    Command("POST", "/v1/orders/o-5/declines", {"location_id": "near", "reason": "rush_hour"}),
    LocationDeclined(order_id="o-5", merchant_id="shop", location_id="near", reason="rush_hour"),
    a_hold("o-6"),
    _a_step("o-6", "accepted"),
    FulfilmentLapsed(order_id="o-6", location_id="near"),
    *_ready_for_pickup("o-7"),
    PickupLapsed(order_id="o-7"),
    *_ready_for_pickup("o-8"),
    _has_code("o-8"),
    Command("POST", "/v1/orders/o-8/collection", {"location_id": "near", "code": _CODE}),
    Command("POST", "/v1/locations/near/pause", {"reason": "rush_hour"}),
    Command("DELETE", "/v1/locations/near/pause"),
    Command("POST", "/v1/locations/near/closure", {"reason": "lease_ended"}),
)
STORIES: Final[dict[str, tuple[Step, ...]]] = {
    "feed": FEED,
    "registry": REGISTRY,
    "membership": MEMBERSHIP,
    "inventory": INVENTORY,
}
