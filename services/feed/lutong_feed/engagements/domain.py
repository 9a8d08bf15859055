"""Whether a viewer may use a card, and what follows when they do. Pure: no clock, no database, no ids made here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lutong_feed.domain import CardState, Refusal

Kind = Literal["tap", "solve"]


class TapCard(NamedTuple):
    """A viewer opens the mini-program from the card on a post."""

    post_id: str
    viewer_id: str


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


class Found(NamedTuple):
    """What there is of that which a command names."""

    viewer_known: bool
    card: Card | None


class Engagement(NamedTuple):
    """A viewer's first use of a card in one way. All later ones are answered alike, and neither said nor counted."""

    post_id: str
    viewer_id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class OpenCard:
    """A card that can be used now: what it shows, its program, and the version in force."""

    shown: Card
    program_id: str
    version: int


def usable(wanted: Engagement, found: Found) -> OpenCard | Refusal:
    """The card on a post, if this viewer may use it now."""
    card = found.card
    if not found.viewer_known:
        return Refusal("not_found", f"there is no account {wanted.viewer_id!r}")
    if card is None:
        return Refusal("not_found", f"there is no post {wanted.post_id!r}")
    if card.state == "unavailable":
        return Refusal("card_unavailable", f"the card cannot be used: {card.reason}", reason=card.reason)
    if card.state == "resolving" or card.program_id is None or card.version is None:
        detail = f"the card on post {wanted.post_id!r} is still being resolved: try again shortly"
        return Refusal("card_resolving", detail)
    return OpenCard(card, card.program_id, card.version)


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
