"""To which item an order is credited, how the credit is split along reposts, and funnels. Pure: no clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lutong_contracts.touches import read
from lutong_feed.reposts.domain import Repost
from lutong_feed.touches.domain import CLICK_WINDOW

RULE: Final = "last_click.v1"
VIEW_WINDOW: Final = timedelta(hours=24)
CLICKS: Final = frozenset({"tap", "click"})
"""A card that was tapped for the first time, and again from another item."""

DIRECT: Final = "post"
"""The placement of a post that was opened by itself, by a link from anywhere: such a touch overrides no other."""

WHOLE: Final = 1_000_000
_ENDS: Final = 400_000
"""What the root and the post that was tapped have each of a longer chain, in millionths; those in between share the rest."""


class OrderRow(NamedTuple):
    """An order as it was requested: what its credit is decided by."""

    order_id: str
    viewer_id: str
    ordered_on: str
    program_id: str
    currency: str
    requested_at: datetime
    touch: str | None


class Touched(NamedTuple):
    """A tap, a click or an impression of a viewer on a card of the order's program, before the order."""

    order_id: str
    kind: str
    placement: str
    post_id: str
    happened_at: datetime
    request_id: str
    position: int


class CreditRow(NamedTuple):
    """To what an order is credited; `view_…` is the last impression before it, beside the click."""

    order_id: str
    placement: str
    post_id: str
    view_placement: str | None
    view_post_id: str | None


def credited(order: OrderRow, touched: Iterable[Touched]) -> CreditRow:
    """The last click that was not direct, within seven days; the touch of the request itself is the last one. One order, one credit.

    Without any, the order is credited to the post that it was ordered on, as `direct`.
    """
    touched = [each for each in touched if each.happened_at <= order.requested_at]
    clicks = [each for each in touched if each.kind in CLICKS and each.placement != DIRECT]
    click = _last(clicks, order.requested_at - CLICK_WINDOW)
    view = _last([each for each in touched if each.kind == "impression"], order.requested_at - VIEW_WINDOW)
    own = read(order.touch) if order.touch else None
    placement, post_id = (
        (own.placement, own.post_id)
        if own and own.placement != DIRECT
        else (click.placement, click.post_id)
        if click
        else ("direct", order.ordered_on)
    )
    return CreditRow(order.order_id, placement, post_id, view and view.placement, view and view.post_id)


def _last(touched: Iterable[Touched], after: datetime) -> Touched | None:
    later = (each for each in touched if each.happened_at > after)
    return max(later, key=lambda each: (each.happened_at, each.request_id, each.position), default=None)


def chain(post_id: str, edges: Mapping[str, Repost]) -> list[str]:
    """The posts from a root to a post, both included; `edges` by their child."""
    way = [post_id]
    while (edge := edges.get(way[-1])) is not None:
        way.append(edge.parent_id)
    return way[::-1]


def shares(way: Sequence[str]) -> dict[str, int]:
    """One credit, split along a chain from the root to the post that was tapped: in millionths, which add up.

    Two fifths for the root, two fifths for the post that was tapped, one fifth for those in between together; two share equally.
    What is left of a division is the root's.

    >>> shares(["p-1", "p-2", "p-3", "p-4"])
    {'p-1': 400000, 'p-2': 100000, 'p-3': 100000, 'p-4': 400000}
    """
    if len(way) <= 2:
        part = WHOLE // len(way)
        return dict.fromkeys(way, part)
    between = (WHOLE - 2 * _ENDS) // (len(way) - 2)
    found = {way[0]: _ENDS, **dict.fromkeys(way[1:-1], between), way[-1]: _ENDS}
    found[way[0]] += WHOLE - sum(found.values())
    return found


class Stages(NamedTuple):
    """How many came how far: interactions, then orders. `fulfilled` and `settled` are without orders that were reversed.

    `reversed` are orders that were cancelled (never picked up, too) or wholly refunded; `net_minor` is what fulfilled ones
    came to, less refunds.
    """

    impressions: int = 0
    opens: int = 0
    taps: int = 0
    requests: int = 0
    held: int = 0
    sourced: int = 0
    fulfilled: int = 0
    settled: int = 0
    reversed: int = 0
    net_minor: int = 0

    def plus(self, other: "Stages") -> "Stages":
        """Both together."""
        return Stages(*map(sum, zip(self, other, strict=True)))


class Reached(NamedTuple):
    """How far an order came. `fulfilled_minor` is what it came to, `refunded_minor` what was taken back of it."""

    held: bool
    sourced: bool
    fulfilled: bool
    cancelled: bool
    settled: bool
    fulfilled_minor: int
    refunded_minor: int

    @property
    def is_reversed(self) -> bool:
        """Whether its credit is taken back: it ended without goods, or all of it was refunded."""
        return self.cancelled or (self.fulfilled and self.refunded_minor >= self.fulfilled_minor)

    @property
    def stages(self) -> Stages:
        """What it adds to a funnel."""
        net = self.fulfilled and not self.is_reversed
        net_minor = self.fulfilled_minor - self.refunded_minor if net else 0
        return Stages(
            requests=1, held=int(self.held), sourced=int(self.sourced), fulfilled=int(net),
            settled=int(net and self.settled), reversed=int(self.is_reversed), net_minor=net_minor,
        )  # fmt: skip


class Share(NamedTuple):
    """What a post has of the orders in whose chain it is: millionths of orders that stand, and of their net amounts."""

    ppm: int = 0
    net_minor: int = 0


class ChainCredit(NamedTuple):
    """An order, and the posts from the root to the one that it is credited to."""

    way: Sequence[str]
    reached: Reached


def share_of(post_id: str, credits_: Iterable[ChainCredit]) -> Share:
    """What a post has of orders, each with the chain that it is split along. An order that was reversed has no credit."""
    ppm = net_minor = 0
    for way, reached in credits_:
        if not reached.is_reversed:
            parts = shares(way)
            ppm += parts.get(post_id, 0)
            net_minor += split(reached.stages.net_minor, parts).get(post_id, 0)
    return Share(ppm, net_minor)


def split(amount_minor: int, parts: Mapping[str, int]) -> dict[str, int]:
    """An amount in the parts of a credit, which add up to it: what is left of divisions is the root's, the first one's.

    >>> split(101, {"p-1": 500000, "p-2": 500000})
    {'p-1': 51, 'p-2': 50}
    """
    found = {name: amount_minor * part // WHOLE for name, part in parts.items()}
    found[next(iter(parts))] += amount_minor - sum(found.values())
    return found


class Spot(NamedTuple):
    """A post in a placement: where a stage is counted."""

    post_id: str
    placement: str


class CountedAt(NamedTuple):
    """What was counted at one spot."""

    spot: Spot
    stages: Stages


class EdgeFunnel(NamedTuple):
    """What came through a repost: what happened on it and on all that is below it."""

    edge: Repost
    stages: Stages


class Funnel(NamedTuple):
    """A post with all reposts below it: itself, the whole tree, by placement over the tree, and by edge."""

    own: Stages
    tree: Stages
    placements: dict[str, Stages]
    edges: list[EdgeFunnel]


def funnel(post_id: str, edges: Sequence[Repost], counted: Iterable[CountedAt]) -> Funnel:
    """The funnel of a post, from what was counted on it and on the reposts below it."""
    parents = {edge.post_id: edge.parent_id for edge in edges}
    whole = {name: Stages() for name in (post_id, *parents)}
    own = tree = Stages()
    placements: dict[str, Stages] = {}
    for spot, stages in counted:
        own = own.plus(stages) if spot.post_id == post_id else own
        tree = tree.plus(stages)
        placements[spot.placement] = placements.get(spot.placement, Stages()).plus(stages)
        name: str | None = spot.post_id
        while name is not None:
            whole[name] = whole[name].plus(stages)
            name = parents.get(name)
    return Funnel(
        own, tree, dict(sorted(placements.items())), [EdgeFunnel(edge, whole[edge.post_id]) for edge in edges]
    )
