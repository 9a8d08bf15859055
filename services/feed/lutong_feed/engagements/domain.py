"""Whether a viewer may use a card, and what follows when they tap, solve, request or cancel.

Pure: no clock, no database, no ids made here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lutong_contracts.gray import Viewing
from lutong_contracts.hosts import OnHost
from lutong_contracts.values import Line, Mode, Money, Place
from lutong_feed.domain import CANCELLABLE, CardState, OrderLine, Program, Refusal, Status
from lutong_feed.gray.domain import Others, Shown, shown
from lutong_feed.hosts.domain import Blocked
from lutong_feed.hosts.sentences import stated

Kind = Literal["tap", "solve"]


class TapCard(NamedTuple):
    """A viewer opens the mini-program from the card on a post; `touch` is the item that they tapped, which was served."""

    post_id: str
    viewer_id: str
    touch: str | None = None
    region: str | None = None
    device: str | None = None
    host: str | None = None
    platform: int = 0
    scene: str | None = None


class SolveCard(NamedTuple):
    """A viewer got done, in the mini-program, what the post was about."""

    post_id: str
    viewer_id: str


class Card(NamedTuple):
    """A card as viewers may use it: where it leads now, and the journey of its post."""

    post_id: str
    state: CardState
    program_id: str | None
    merchant_id: str | None
    reason: str | None
    correlation_id: str
    causation_id: str | None
    version: int | None
    title: str | None
    page: str | None
    gray: str | None = None
    """The version that some viewers see instead, as JSON."""
    needs: str | None = None
    hosted: str | None = None
    blocked: Blocked | None = None

    def seen_by(self, viewing: Viewing) -> "Card":
        """The card as this viewer sees it."""
        others = Others(self.gray, self.needs, self.hosted)
        version = shown(self.program_id, Shown(self.version, self.title, self.page), others, viewing)
        return self._replace(gray=None, needs=None, hosted=None, **version._asdict())


class Found(NamedTuple):
    """What there is of that which a command names. `deleted`: the post was, whatever became of the card at its root."""

    viewer_known: bool
    card: Card | None
    deleted: bool = False
    on: OnHost | None = None
    """The app that the viewer is in, if the command states it."""


class Engagement(NamedTuple):
    """A viewer's first use of a card in one way. All later ones are answered alike, and neither published nor counted."""

    post_id: str
    viewer_id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class OpenCard:
    """A card that can be used now: what it shows, its program, and the version that its viewer opens."""

    shown: Card
    program_id: str
    version: int
    on: OnHost | None = None


def usable(post_id: str, viewing: Viewing, found: Found) -> OpenCard | Refusal:
    """The card on a post as this viewer sees it, if they may use it now."""
    card = found.card
    if not found.viewer_known:
        return Refusal("not_found", f"there is no account {viewing.viewer_id!r}")
    if card is None:
        return Refusal("not_found", f"there is no post {post_id!r}")
    if found.deleted or card.reason == "deleted":
        return Refusal(
            "deleted", f"post {post_id!r}, or what it reposts, was deleted: its card cannot be used any more"
        )
    if card.state == "unavailable":
        return Refusal("card_unavailable", f"the card cannot be used: {card.reason}", reason=card.reason)
    if card.state == "resolving" or card.program_id is None or card.version is None:
        detail = f"the card on post {post_id!r} is still being resolved: try again shortly"
        return Refusal("card_resolving", detail)
    seen = card.seen_by(viewing)
    if seen.blocked:
        sentence = stated(seen.blocked)
        return Refusal("host_cannot_open", f"{sentence.en} / {sentence.zh}", reason=seen.blocked.reason)
    return OpenCard(seen, card.program_id, seen.version or card.version, viewing.on)


class Use(NamedTuple):
    """A card that a viewer uses now; `first` when they never did before."""

    card: OpenCard
    first: bool


def decided(
    wanted: Sequence[Engagement], cards: Sequence[OpenCard | Refusal], new: Collection[Engagement]
) -> list[Use | Refusal]:
    """What becomes of each use, given which were new. Of several in one batch, the one that came first is the first."""
    left = set(new)
    outcomes: list[Use | Refusal] = []
    for engagement, card in zip(wanted, cards, strict=True):
        outcomes.append(card if isinstance(card, Refusal) else Use(card, engagement in left))
        left.discard(engagement)
    return outcomes


class RequestService(NamedTuple):
    """A viewer joins the light membership on credit and orders, in one go. The destination is coarse.

    `expected_total_minor` is the total that the viewer was shown, if the client names it.
    """

    post_id: str
    viewer_id: str
    lines: tuple[OrderLine, ...]
    destination: Place
    mode: Mode
    coupon_id: str | None
    expected_total_minor: int | None = None
    slot_hold_id: str | None = None
    flagship_ok: bool = False
    address_id: str | None = None
    sold_by: str | None = None
    touch: str | None = None
    region: str | None = None
    device: str | None = None
    host: str | None = None
    platform: int = 0


class CancelRequest(NamedTuple):
    """A viewer changed their mind."""

    order_id: str
    viewer_id: str


class RequestRow(NamedTuple):
    """A request as it is stored, as far as its viewer sees it, and its journey."""

    order_id: str
    viewer_id: str
    post_id: str
    status: Status
    reason: str | None
    location_id: str | None
    location_kind: str | None
    total_minor: int
    currency: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Priced:
    """Lines at the prices of the version that the viewer sees, and their sum."""

    lines: tuple[Line, ...]
    total: Money
    provided: bool = False
    """A service without goods, which its merchant does."""


class Accepted(NamedTuple):
    """A request that becomes an order: its card, its program, and what it costs."""

    card: Card
    program: Program
    priced: Priced


def price(wanted: Sequence[OrderLine], program: Program) -> Priced | Refusal:
    """Put the program's prices on what is wanted. No price comes from the viewer."""
    offers = {offer.sku: offer for offer in program.offers}
    missing = next((line.sku for line in wanted if line.sku not in offers), None)
    if missing is not None:
        return Refusal("not_offered", f"{program.title} does not offer {missing!r}: choose from its offers")
    kinds = {offers[line.sku].provided for line in wanted}
    if len(kinds) > 1:
        return Refusal("mixed_order", "goods and services without goods are ordered apart: ask for each by itself")
    lines = tuple(
        Line(sku=sku, units=units, unit_price_minor=offers[sku].unit_price.amount_minor) for sku, units in wanted
    )
    total_minor = sum(line.units * line.unit_price_minor for line in lines)
    if not 0 < total_minor <= 10**12:
        return Refusal("bad_total", "the order must cost something, and less than a bank can count")
    currency = offers[wanted[0].sku].unit_price.currency
    return Priced(lines, Money(amount_minor=total_minor, currency=currency), kinds == {True})


def accept(wanted: RequestService, found: Found, programs: Mapping[str, Program]) -> Accepted | Refusal:
    """Whether a viewer may order from a card now. Prices are those of the version that they see, never the viewer's."""
    card = usable(wanted.post_id, Viewing(wanted.viewer_id, wanted.region, wanted.device, found.on), found)
    if not isinstance(card, OpenCard):
        return card
    program = programs[card.program_id].sold_as(card.version)  # a card that can be used has one with a version
    priced = price(wanted.lines, program)
    if isinstance(priced, Refusal):
        return priced
    if wanted.expected_total_minor not in {None, priced.total.amount_minor}:
        return _other_total(wanted.expected_total_minor, priced)
    return Accepted(card.shown, program, priced)


def _other_total(expected_minor: int | None, priced: Priced) -> Refusal:
    now = f"{priced.total.amount_minor} {priced.total.currency} (minor units)"
    return Refusal("other_total", f"the order costs {now} and not {expected_minor}: show the new total, and ask again")


def cancel(wanted: CancelRequest, request: RequestRow | None) -> RequestRow | Refusal:
    """The request that its viewer may cancel now; another's is as absent as none."""
    if request is None or request.viewer_id != wanted.viewer_id:
        return Refusal("not_found", f"there is no request {wanted.order_id!r}")
    if request.status not in CANCELLABLE:
        detail = f"request {wanted.order_id!r} is {request.status}: there is nothing left to cancel"
        return Refusal("ended", detail)
    return request
