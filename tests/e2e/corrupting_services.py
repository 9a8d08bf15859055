"""Services without goods and what programs may use, as they may go wrong."""

from typing import Any

from tests.e2e.corrupting import Corrupt
from tests.support.looks import Look


def provided(drop: str = "", **changes: Any) -> Corrupt:  # whatever a column holds
    """A service for 100 that its provider did, with changes to it (`service_…`) and to its hold; `drop` leaves a row out."""

    def corrupt(world: Look) -> None:
        service = {"order_id": "b", "member_id": "n", "merchant_id": "s", "amount_minor": 100, "paid_minor": 100,
                   "refunded_minor": 0, "currency": "CNY", "state": "done", "reference": "r-1", "reason": None}  # fmt: skip
        hold = {"order_id": "b", "member_id": "n", "merchant_id": "s", "currency": "CNY", "state": "captured", "reason": None,
                "agreement_id": "n", "amount_minor": 100, "captured_minor": 100, "total_minor": 100, "discount_minor": 0,
                "coupon_minor": 0, "benefit_minor": 0}  # fmt: skip
        own = {name.removeprefix("service_"): value for name, value in changes.items() if name.startswith("service_")}
        world.tables["inventory"]["provision"].append(service | own)
        if drop != "hold":
            world.tables["membership"]["hold"].append(hold | {k: v for k, v in changes.items() if k in hold})
        if back_minor := changes.get("back_minor"):
            world.add("inventory", "refund", [{"refund_id": "s:r", "order_id": "b", "amount_minor": back_minor}])
        if changes.get("twice"):
            world.tables["inventory"]["provision"].append(service | {"order_id": "c"})
            world.tables["membership"]["hold"].append(hold | {"order_id": "c"})
        if changes.get("sold"):
            world.add("inventory", "sales_entry", [{"order_id": "b", "kind": "sold", "reference": "b", "merchant_id": "s",
                "location_id": "a", "currency": "CNY", "amount_minor": 100, "reason": "served"}])  # fmt: skip

    return corrupt


def granted(drop: str = "", at: str = "membership", **changes: Any) -> Corrupt:  # whatever a column holds
    """A program to which payment is granted, as all services have it; changes are to what one of them (`at`) has."""

    def corrupt(world: Look) -> None:
        row = {"program_id": "g", "granted": "pay", "enforced": True, "revision": 2}
        for service in ("registry", "membership", "feed"):
            own = changes if service == at else {}
            if drop != service:
                world.tables[service]["program_grant"].append(row | own)

    return corrupt
