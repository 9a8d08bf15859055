"""Days of viewers and their orders, as topics would deliver them, and the numbers of funnels by brute force."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import httpx
from uuid_utils import uuid7

from lutong_chassis import Received
from lutong_chassis.database import Pool
from lutong_chassis.testing import a_received
from lutong_contracts import Event
from lutong_contracts.feed import (
    CardTapped,
    Interaction,
    InteractionsReported,
    ServiceRequested,
)
from lutong_contracts.inventory import OrderCancelled, OrderFulfilled, OrderRefunded, OrderSourced
from lutong_contracts.membership import AgreementSettled, CreditHeld
from lutong_contracts.touches import Served, read
from lutong_contracts.values import Money
from lutong_feed.touches.domain import Keys
from tests.integration.feed.test_engagements import an_active_card
from tests.support.builders import a_hold, a_request, cancelled, fulfilled

NOW: Final = datetime.now(UTC)
HOUR: Final = timedelta(hours=1)
STAGES: Final = (
    "impressions",
    "opens",
    "taps",
    "requests",
    "held",
    "sourced",
    "fulfilled",
    "settled",
    "reversed",
    "net_minor",
)
COUNTED: Final = {"impression": "impressions", "open": "opens", "tap": "taps"}
Stages = dict[str, int]


class Happened(NamedTuple):
    """An event, and when it happened."""

    at: datetime
    event: Event


class Lead(NamedTuple):
    """What an order can be credited to, by what the brute force compares."""

    at: datetime
    request_id: str
    position: int
    served: Served


async def repost(client: httpx.AsyncClient, parent_id: str, author: str = "cy") -> str:
    answer = await client.post("/v1/posts", json={"author_id": author, "text": "转发微博", "parent_id": parent_id})
    assert answer.status_code == 201, answer.text
    post_id: str = answer.json()["post_id"]
    return post_id


async def a_chain_of_five(client: httpx.AsyncClient, pool: Pool) -> list[str]:
    """A post whose card can be opened, and five reposts, each of the one before; a sixth hangs beside the second."""
    posts = [await an_active_card(client, pool)]
    for _ in range(5):
        posts.append(await repost(client, posts[-1]))
    return [*posts, await repost(client, posts[1])]


def a_day_of(posts: Sequence[str], rng: random.Random) -> list[Happened]:
    """Viewers see, open, tap and order, over nine days; orders go well, or not, or come back."""
    happened: list[Happened] = []
    for viewer in ("ann", "bo", "cy", "dan", "eve"):
        tapped: set[str] = set()
        for _ in range(rng.randint(2, 8)):
            post_id = rng.choice(posts)
            placement = rng.choice(("timeline", "account", "post", "home", "home_paid", "square"))
            served_at = NOW - rng.uniform(1, 200) * HOUR
            served = Served(1, str(uuid7()), placement, rng.randint(0, 9), post_id, posts[0], "g-1", viewer, served_at)
            touch = Keys({1: b"any"}, 1).sign(served)
            kinds = rng.choices(("impression", "open", "click", "show_less"), k=rng.randint(1, 4))
            interactions = tuple(Interaction(touch=touch, kind=kind) for kind in kinds)
            happened.append(
                Happened(served_at + HOUR, InteractionsReported(viewer_id=viewer, interactions=interactions))
            )
            if rng.random() < 0.4 and post_id not in tapped:
                tapped.add(post_id)
                event = CardTapped(viewer_id=viewer, post_id=post_id, program_id="g-1", version=1, touch=touch)
                happened.append(Happened(served_at + rng.uniform(0.1, 3) * HOUR, event))
            if rng.random() < 0.5:
                happened += _an_order(viewer, post_id, touch if rng.random() < 0.5 else None, served_at, rng)
    return happened


def _an_order(
    viewer: str, post_id: str, touch: str | None, served_at: datetime, rng: random.Random
) -> Iterator[Happened]:
    order_id, agreement_id = f"o-{uuid7()}", f"a-{viewer}"
    requested = a_request(order_id, 10_000, viewer).model_copy(update={"post_id": post_id, "touch": touch})
    at = served_at + rng.uniform(0.2, 40) * HOUR
    yield Happened(at, requested)
    came = rng.randint(0, 5)
    hold = a_hold(order_id).model_copy(update={"agreement_id": agreement_id})
    steps: list[Event] = [hold, _sourced(order_id), fulfilled(order_id, 10_000), AgreementSettled(
        agreement_id=agreement_id, member_id=viewer, plan_id="plan", merchant_id="shop", charge=_yuan(0))]  # fmt: skip
    yield from (Happened(at + HOUR, step) for step in steps[:came])
    if came == 2 and rng.random() < 0.5:
        reason = rng.choice(("cancelled_by_member", "no_show"))
        yield Happened(at + HOUR, cancelled(order_id).model_copy(update={"reason": reason}))
    if came >= 3 and rng.random() < 0.6:
        for amount in rng.choice(([4_000], [4_000, 6_000], [10_000])):
            yield Happened(at + 2 * HOUR, _refund(order_id, amount))


def _yuan(amount_minor: int) -> Money:
    return Money(amount_minor=amount_minor, currency="CNY")


def _sourced(order_id: str) -> OrderSourced:
    return OrderSourced(
        order_id=order_id, merchant_id="shop", location_id="near", location_kind="store", distance_m=1,
        lines=a_hold(order_id).lines, mode="delivery", accept_by=NOW,
    )  # fmt: skip


def _refund(order_id: str, amount_minor: int) -> OrderRefunded:
    return OrderRefunded(
        order_id=order_id, refund_id=str(uuid7()), member_id="m-1", merchant_id="shop", amount=_yuan(amount_minor)
    )


def twice_and_in_any_order(happened: Iterable[Happened], rng: random.Random) -> list[Received[Event]]:
    """As topics would deliver: what a viewer did with cards in its order, all else late, early and twice."""
    received = [a_received(event)._replace(time=at) for at, event in happened]
    of_cards = sorted((r for r in received if isinstance(r.event, CardTapped | ServiceRequested)), key=lambda r: r.time)
    rest = [r for r in received if not isinstance(r.event, CardTapped | ServiceRequested)]
    rest += rest
    rng.shuffle(rest)
    mixed: list[Received[Event]] = []
    while of_cards or rest:
        mixed.append(of_cards.pop(0) if of_cards and (not rest or rng.random() < 0.3) else rest.pop())
    return [*mixed, *mixed[: len(mixed) // 2]]


class Ordered(NamedTuple):
    """An order: the post that it is credited to, and how far it came."""

    at: str
    stages: Stages


class BruteForce:
    """The same numbers from events alone: one loop after another, nothing shared with the feed's rules."""

    def __init__(self, happened: Sequence[Happened], parents: dict[str, str]) -> None:
        self.happened, self.parents = happened, parents
        self.leads: dict[tuple[str, int, str], Lead] = {}
        self.counted: dict[tuple[str, str], Stages] = defaultdict(lambda: dict.fromkeys(STAGES, 0))
        self.views: list[str] = []
        self.orders: list[Ordered] = []
        self._interactions()
        self._orders()

    def _interactions(self) -> None:
        clicks = [(at, event.touch or "", "tap") for at, event in self.happened if isinstance(event, CardTapped)]
        reported = [
            (at, each.touch, each.kind)
            for at, event in self.happened
            if isinstance(event, InteractionsReported)
            for each in event.interactions
        ]
        for at, touch, kind in sorted([*clicks, *reported]):
            served = read(touch)
            assert served
            key = (served.request_id, served.position, kind)
            if key in self.leads:
                continue
            self.leads[key] = Lead(served.served_at if kind == "impression" else at, *key[:2], served)
            if kind in COUNTED:
                self.counted[served.post_id, served.placement][COUNTED[kind]] += 1

    def _orders(self) -> None:
        for at, event in self.happened:
            if isinstance(event, ServiceRequested):
                mine = [
                    (kind, each)
                    for (_, _, kind), each in self.leads.items()
                    if each.served.viewer_id == event.viewer_id
                ]
                before = [(kind, each) for kind, each in mine if each.at <= at]
                clicks = [
                    e
                    for k, e in before
                    if k in {"tap", "click"} and e.at > at - 168 * HOUR and e.served.placement != "post"
                ]
                seen = [e for k, e in before if k == "impression" and e.at > at - 24 * HOUR]
                own = read(event.touch) if event.touch else None
                if own and own.placement != "post":
                    spot = (own.post_id, own.placement)
                elif clicks:
                    spot = (max(clicks).served.post_id, max(clicks).served.placement)
                else:
                    spot = (event.post_id, "direct")
                if seen:
                    self.views.append(max(seen).served.post_id)
                self.orders.append(Ordered(spot[0], self._stages(event.order_id)))
                for name, amount in self.orders[-1].stages.items():
                    self.counted[spot][name] += amount

    def _stages(self, order_id: str) -> Stages:
        mine = [event for _, event in self.happened if getattr(event, "order_id", None) == order_id]
        settled = {event.agreement_id for _, event in self.happened if isinstance(event, AgreementSettled)}
        held = [event for event in mine if isinstance(event, CreditHeld)]
        done = sum(event.amount.amount_minor for event in mine if isinstance(event, OrderFulfilled))
        back = sum(event.amount.amount_minor for event in mine if isinstance(event, OrderRefunded))
        gone = any(isinstance(event, OrderCancelled) for event in mine) or (done > 0 and back >= done)
        return {
            "requests": 1, "held": len(held), "sourced": sum(isinstance(event, OrderSourced) for event in mine),
            "fulfilled": int(done > 0 and not gone), "reversed": int(gone), "net_minor": 0 if gone else done - back,
            "settled": int(done > 0 and not gone and held[0].agreement_id in settled),
        }  # fmt: skip

    def credit(self, post_id: str) -> tuple[int, int]:
        """What a post has of all orders that stand: in millionths of one, and of what is paid."""
        ppm = net_minor = 0
        for at, stages in self.orders:
            if not stages["reversed"]:
                part, paid = self._part(at, post_id, stages["net_minor"])
                ppm, net_minor = ppm + part, net_minor + paid
        return ppm, net_minor

    def _part(self, at: str, post_id: str, paid: int) -> tuple[int, int]:
        """Two fifths each for the root and the post that was tapped, one for all in between; the root has what does not divide."""
        way = [at]
        while way[0] in self.parents:
            way.insert(0, self.parents[way[0]])
        between = [200_000 // len(way[1:-1]) for _ in way[1:-1]]
        below = [*between, 400_000 if between else 500_000][: len(way) - 1]
        parts = dict(zip(way, [1_000_000 - sum(below), *below], strict=True))
        amounts = {name: paid * part // 1_000_000 for name, part in parts.items()}
        amounts[way[0]] += paid - sum(amounts.values())
        return parts.get(post_id, 0), amounts.get(post_id, 0)

    def total(self, posts: Iterable[str], placement: str | None = None) -> Stages:
        wanted = set(posts)
        found = [s for (post, where), s in self.counted.items() if post in wanted and placement in {None, where}]
        return {name: sum(each[name] for each in found) for name in STAGES}

    def below(self, post_id: str) -> set[str]:
        found = {post_id}
        while more := {child for child, parent in self.parents.items() if parent in found} - found:
            found |= more
        return found
