"""A shop of pens, and members who have goods for 177.00 that they have not paid."""

from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import asyncpg

from lutong_console.cli.demo.scenarios import Scenario
from tests.attacks.people import People, an_operator, the_member, the_merchant
from tests.support.harness import until

PRICE_MINOR: Final = 17_700
LINE_MINOR: Final = 100_000
ONE, OTHER = an_operator("ops-1"), an_operator("ops-2")
WHY: Final = {"reason": "trying to make money"}
_RIGHT: Final = {"right_id": "spa", "title": "spa", "times": 9, "value_minor": 300}
_OFFER: Final = {"sku": "pen", "title": "钢笔", "unit_price": {"amount_minor": PRICE_MINOR, "currency": "CNY"}}


@dataclass(frozen=True, slots=True)
class Buyer:
    """A member who owes the platform, the order for which they do, and their agreement."""

    member_id: str
    order_id: str
    agreement_id: str


@dataclass(slots=True)
class Scene:
    """Where all ways are tried. Each gets a member of its own."""

    people: People
    shop: str
    run: str
    numbers: "count[int]"

    @classmethod
    async def of(cls, people: People, run: str) -> "Scene":
        """A shop of this run's own."""
        scene = cls(people, f"pens-{run}", run, count(1))
        await scene._open()
        return scene

    async def do(self, service: str, method: str, path: str, **body: Any) -> Any:  # noqa: ANN401  # JSON
        """Arrange something as an operator; it must succeed."""
        answer = await self.people.ask(ONE, method, f"{service}:{path}", **body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def _open(self) -> None:
        shop = self.shop
        await self.do("registry", "PUT", f"/v1/merchants/{shop}", name="钢笔店")
        manifest = {"title": "钢笔店", "page": "pages/shop", "offers": [_OFFER]}
        program = {"program_id": shop, "merchant_id": shop, "manifest": manifest}
        await self.do("registry", "POST", "/v1/programs/batch", programs=[program])
        plan = {"merchant_id": shop, "title": "钢笔轻会员", "line_limit_minor": LINE_MINOR}
        await self.do("membership", "PUT", f"/v1/plans/{shop}", **plan, terms={"benefits": {"rights": [_RIGHT]}})
        site = {"location_id": shop, "merchant_id": shop, "kind": "flagship", "name": "店"}
        await self.do("inventory", "POST", "/v1/locations/batch", locations=[site | {"latitude": 31, "longitude": 121}])
        await self.do(
            "inventory", "POST", "/v1/stock/batch", shelves=[{"location_id": shop, "sku": "pen", "on_hand": 99}]
        )
        await self.do("feed", "POST", "/v1/accounts/batch", accounts=[_account(shop)])

    async def buyer(self) -> Buyer:
        """A buyer who has the goods and owes 177.00 for them."""
        member = f"m{next(self.numbers)}-{self.run}"
        await self.do("feed", "POST", "/v1/accounts/batch", accounts=[_account(member)])
        good = {"months_known": 36, "late_months": 0, "worst_delay_months": 0, "utilisation_percent": 20}
        await self.do("membership", "PUT", f"/v1/members/{member}/profile", **good, declared_limit_minor=2_000_000)
        scenario = Scenario(self.people.client, self.people.target, lambda _step, _ms: None, member)
        await scenario.publish(self.shop, "钢笔，先享后付。", self.shop)
        order = await scenario.order("pen", 1)
        await scenario.until("OrderSourced")
        await scenario.fulfil(order)
        await scenario.until("HoldCaptured")
        hold = await self.do("membership", "GET", f"/v1/holds/{order}")
        return Buyer(member, order, hold["agreement_id"])

    async def line(self, buyer: Buyer) -> dict[str, Any]:
        """The member's line."""
        found: dict[str, Any] = (await self.do("membership", "GET", f"/v1/members/{buyer.member_id}"))["lines"][0]
        return found

    async def cash(self, buyer: Buyer) -> int:
        """What came from the member, less what was paid out to them."""
        return int(await self.fetchval(
            """
            SELECT coalesce(sum(amount_minor), 0) FROM posting JOIN entry USING (entry_id)
             WHERE member_id = $1 AND account IN ('platform:cash', 'platform:clearing')
            """,
            buyer.member_id,
        ))  # fmt: skip

    async def fetchval(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401  # a column can be anything
        """Look into membership's database."""
        connection = await asyncpg.connect(self.people.target.database_urls["membership"])
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    async def pays(self, buyer: Buyer, reference: str, amount_minor: int = PRICE_MINOR, **more: Any) -> Any:  # noqa: ANN401  # JSON
        """Money of the member arrives at the bank, and an operator writes it down; gives the answer."""
        path = f"/v1/members/{buyer.member_id}/repayments"
        paid = {"amount_minor": amount_minor, "bank": "icbc", "reference": f"{reference}-{self.run}"} | more
        return await self.people.ask(ONE, "POST", path, **paid)

    async def refund(self, buyer: Buyer, refund_id: str, amount_minor: int = PRICE_MINOR) -> Any:  # noqa: ANN401  # JSON
        """The merchant gives money for goods back; gives the answer."""
        path = f"inventory:/v1/orders/{buyer.order_id}/refunds"
        body = {"refund_id": f"{refund_id}-{self.run}", "amount_minor": amount_minor}
        return await self.people.ask(the_merchant(self.shop), "POST", path, **body)

    async def refunds_booked(self, buyer: Buyer) -> None:
        """Wait until membership booked what inventory took back."""
        order = await self.do("inventory", "GET", f"/v1/orders/{buyer.order_id}")
        debt = f"order:{buyer.order_id}"
        sql = """
            SELECT coalesce(sum(amount_minor), 0) FROM posting JOIN entry USING (entry_id)
             WHERE debt_id = $1 AND kind LIKE 'refund%' AND account LIKE '%:payable'
        """

        async def booked() -> bool:
            return bool(await self.fetchval(sql, debt) == order["refunded_minor"])

        await until(booked, "the refund is booked", deadline_s=30)


def _account(name: str) -> dict[str, str]:
    return {"account_id": name, "name": name, "kind": "personal"}


__all__ = ["LINE_MINOR", "ONE", "OTHER", "PRICE_MINOR", "WHY", "Buyer", "Scene", "the_member", "the_merchant"]
