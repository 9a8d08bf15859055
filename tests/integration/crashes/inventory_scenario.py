"""What happens to inventory: every command and every event at least once."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from lutong_contracts.inventory import (
    AcceptanceLapsed,
    FulfilmentLapsed,
    LocationDeclined,
    OfferLapsed,
    OrderRefunded,
    PickupLapsed,
    PickupReminderDue,
    ProvisionLapsed,
    SlotAnswerLapsed,
    SlotHoldLapsed,
)
from lutong_contracts.membership import CreditHeld
from lutong_inventory.pickup import domain as pickup
from tests.integration.crashes.crashing_process import Command
from tests.integration.crashes.steps import Meanwhile, Step
from tests.support.builders import SHANGHAI, a_cancellation, a_hold, fulfilled, part_fulfilled

_CODE: Final = "K7M2Q9XB"
_DELIVERY: Final = {"location_id": "far", "sku": "tea", "kind": "received", "units": 3}


def _a_service(order_id: str) -> CreditHeld:
    return a_hold(order_id).model_copy(update={"provided": True})


def _a_step(order_id: str, step: str) -> Command:
    return Command("POST", f"/v1/orders/{order_id}/steps", {"step": step, "location_id": "near"})


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
_DAY: Final = (datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=2)).date().isoformat()
"""In the time to come also when midnight passes during the run."""
_AREA: Final = [
    {"latitude": 31.20, "longitude": 121.44},
    {"latitude": 31.20, "longitude": 121.50},
    {"latitude": 31.26, "longitude": 121.47},
]
_TIMES: Final = [
    {"day": _DAY, "opens": "10:00", "closes": "12:00", "capacity": 9, "area": "inner"},
    {"day": _DAY, "opens": "15:00", "closes": "17:00", "capacity": 9},
]


def _a_place(slot_id: str) -> Command:
    body = {"member_id": "m-1", "destination": SHANGHAI.model_dump()}
    return Command("POST", f"/v1/slots/{slot_id}/holds", body, who="m-1")


_SLOTS: Final[tuple[Step, ...]] = (
    # one place is given back, one lapses, one is booked, left for another one, and that one is withdrawn
    Command("PUT", "/v1/locations/near/hours", {"daily_capacity": 900}),
    Command("PUT", "/v1/locations/near/areas/inner", {"corners": _AREA}),
    Command("POST", "/v1/locations/near/slots", {"slots": _TIMES}),
    Meanwhile("UPDATE slot SET slot_id = CASE WHEN area IS NULL THEN 'late' ELSE 'early' END"),
    _a_place("early"),
    lambda known: Command("POST", f"/v1/slot-holds/{known['hold_id']}/release", {"member_id": "m-1"}, who="m-1"),
    _a_place("early"),
    Meanwhile("UPDATE slot_hold SET expires_at = now() - interval '1 minute' WHERE state = 'held'"),
    lambda known: SlotHoldLapsed(slot_id="early", hold_id=known["hold_id"]),
    _a_place("early"),
    lambda known: a_hold("o-9").model_copy(update={"slot_hold_id": known["hold_id"]}),
    _a_place("late"),
    lambda known: Command("PUT", "/v1/orders/o-9/slot", {"member_id": "m-1", "hold_id": known["hold_id"]}, who="m-1"),
    Command(
        "POST",
        "/v1/locations/near/slots/withdrawals",
        {"starts_at": f"{_DAY}T14:00:00+08:00", "reason": "closes_early"},
    ),
    SlotAnswerLapsed(order_id="o-9", slot_id="late"),
)
_FLAGSHIP: Final[tuple[Step, ...]] = (
    # the store takes too long with two orders, and only the flagship is left: one member agrees, one does not answer
    Command("PUT", "/v1/locations/main", _NEAR | {"kind": "flagship", "name": "main"}),
    Command("PUT", "/v1/locations/main/stock/tea", {"on_hand": 9}),
    a_hold("o-10"),
    a_hold("o-11"),
    AcceptanceLapsed(order_id="o-10"),
    AcceptanceLapsed(order_id="o-11"),
    Command("POST", "/v1/orders/o-10/consent", {"member_id": "m-1", "accepts": True}, who="m-1"),
    OfferLapsed(order_id="o-11"),
)
_TRANSFER: Final[tuple[Step, ...]] = (
    Command(
        "POST",
        "/v1/transfers",
        {"from_location_id": "main", "to_location_id": "near", "lines": [{"sku": "tea", "units": 1}]},
    ),
    lambda known: Command("POST", f"/v1/transfers/{known['transfer_id']}/steps", {"step": "ready"}),
)
_ADDRESS: Final = Meanwhile(
    "INSERT INTO vault_key (member_id, master, wrapped) VALUES ('m-1', 'of before', 'sealed') ON CONFLICT DO NOTHING;"
    " INSERT INTO vault_address (address_id, member_id, sealed) VALUES ('a-1', 'm-1', 'sealed')"
)
"""A member stored an address; the command that does it takes no Idempotency-Key."""
_VAULT: Final[tuple[Step, ...]] = (
    _ADDRESS,
    Command("DELETE", "/v1/members/m-1/addresses/a-1", who="m-1"),
    _ADDRESS,
    Command("DELETE", "/v1/members/m-1/addresses", who="m-1"),
    Command("POST", "/v1/vault/rotation"),
)
_TAKEN: Final = {"location_id": "near", "day": "2026-11-28", "amount_minor": 1_250_000}
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
    fulfilled("o-1", 100),
    OrderRefunded(
        order_id="o-1",
        refund_id="r-1",
        member_id="m-1",
        merchant_id="shop",
        amount={"amount_minor": 100, "currency": "CNY"},
    ),
    part_fulfilled("o-1", 2, 100),
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
    Command("DELETE", "/v1/locations/near/pause"),  # a store that declined for the rush is paused
    a_hold("o-6"),
    _a_step("o-6", "accepted"),
    FulfilmentLapsed(order_id="o-6", location_id="near"),
    *_ready_for_pickup("o-7"),
    PickupReminderDue(order_id="o-7", pick_up_by=datetime(2026, 11, 30, tzinfo=UTC)),
    PickupLapsed(order_id="o-7"),
    *_ready_for_pickup("o-8"),
    _has_code("o-8"),
    Command("POST", "/v1/orders/o-8/collection", {"location_id": "near", "code": _CODE}),
    # services without goods: done for less and given back, failed, silent, and cancelled before and after they arrived
    _a_service("s-1"),
    Command("POST", "/v1/services/s-1/completion", {"reference": "bill-1", "amount_minor": 80}),
    Command("POST", "/v1/services/s-1/refunds", {"refund_id": "r-2", "amount_minor": 30}),
    _a_service("s-2"),
    Command("POST", "/v1/services/s-2/failure", {"reason": "account_closed"}),
    _a_service("s-3"),
    ProvisionLapsed(order_id="s-3"),
    _a_service("s-4"),
    a_cancellation("s-4"),
    a_cancellation("s-5"),
    _a_service("s-5"),
    *_SLOTS,
    *_FLAGSHIP,
    *_TRANSFER,
    *_VAULT,
    Command("PUT", "/v1/merchants/shop/sourcing-rules", {"parts_max": 2}),
    Command("POST", "/v1/turnover/batch", {"merchant_id": "shop", "days": [_TAKEN]}),
    Command("POST", "/v1/locations/near/pause", {"reason": "rush_hour"}),
    Command("DELETE", "/v1/locations/near/pause"),
    Command("POST", "/v1/locations/near/closure", {"reason": "lease_ended"}),
)
