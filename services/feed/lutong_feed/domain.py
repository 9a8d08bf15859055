"""The life of a card and of a request made from it. Pure: no clock, no database, no ids made here."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, NamedTuple

from lutong_contracts.values import Offer

CardState = Literal["resolving", "active", "unavailable"]
Status = Literal["requested", "declined", "sourced", "rejected", "fulfilled", "cancelled"]

MAY_BECOME: Final[Mapping[Status, tuple[Status, ...]]] = {
    "declined": ("requested",),
    "sourced": ("requested", "sourced"),
    "rejected": ("requested", "sourced"),
    "fulfilled": ("requested", "sourced"),
    "cancelled": ("requested", "sourced"),
}
"""From which statuses each one is reached. Topics are not ordered to each other: what ended stays ended. An order that a
location declines is sourced again, elsewhere."""

CANCELLABLE: Final[tuple[Status, ...]] = ("requested", "sourced")


@dataclass(frozen=True, slots=True)
class Program:
    """What the feed knows of a mini-program: the version in force, and whether it may be opened."""

    program_id: str
    merchant_id: str
    version: int
    title: str
    page: str
    offers: tuple[Offer, ...]
    suspended_for: str | None = None
    gray_version: int | None = None
    gray_offers: tuple[Offer, ...] = ()
    hosted_offers: Mapping[int, tuple[Offer, ...]] = field(default_factory=dict)
    """What versions sell that some hosts have of their own."""
    offers_of: str | None = None
    """The program whose offers are sold, where it is another one."""

    def sold_as(self, card_version: int) -> "Program":
        """The program as a viewer sees it who opens this version: with the prices of the one in gray, or of a host's own, if it is that."""
        if card_version in self.hosted_offers:
            return replace(self, version=card_version, offers=self.hosted_offers[card_version])
        if card_version != self.gray_version:
            return self
        return replace(self, version=self.gray_version, offers=self.gray_offers)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decision not to: a stable word and a sentence with what to do instead; and what is behind it, if anything."""

    kind: str
    detail: str
    reason: str | None = None


class AccountRow(NamedTuple):
    """An account as a command wants it. What is None stays as it is: personal and unbound, when it is new."""

    account_id: str
    name: str
    kind: str | None = None
    merchant_id: str | None = None
    """Empty: that of no merchant any more."""
    program_ids: str | None = None
    """Separated by spaces, which no id contains."""

    def over(self, known: "AccountRow | None") -> "AccountRow":
        """The account as it will be, after what it was."""
        known = known or AccountRow(self.account_id, "", "personal")
        merchant_id = known.merchant_id if self.merchant_id is None else self.merchant_id or None
        program_ids = known.program_ids if self.program_ids is None else self.program_ids
        return self._replace(kind=self.kind or known.kind, merchant_id=merchant_id, program_ids=program_ids or None)


class AccountHome(NamedTuple):
    """An account as its readers see it, and whether the reader who asks follows it."""

    account_id: str
    name: str
    kind: str
    merchant_id: str | None
    program_ids: list[str]
    followed: bool


class FollowRow(NamedTuple):
    """One account reads another."""

    follower_id: str
    followee_id: str


class FollowChange(NamedTuple):
    """A follow that is new, or was dropped: whether a kept timeline is about it, and whether other services are."""

    follower_id: str
    followee_id: str
    is_kept: bool
    is_published: bool


class Suspension(NamedTuple):
    """Why a program may not be opened; without a reason it may."""

    program_id: str
    reason: str | None = None


class RequestMove(NamedTuple):
    """What became of an order; fields that are None keep the value that the request has."""

    order_id: str
    reason: str | None = None
    location_id: str | None = None
    location_kind: str | None = None


class OrderLine(NamedTuple):
    """What a viewer wants of one SKU, without a price."""

    sku: str
    units: int


class StoredPost(NamedTuple):
    """A post as the feed has it; of one that was deleted, text and program are gone."""

    post_id: str
    author_id: str
    text: str
    program_id: str | None
    deleted: bool = False


class Resolution(NamedTuple):
    """What the registry found for a post: a program, or the reason why there is none. `causation_id` is its event."""

    post_id: str
    program_id: str | None
    merchant_id: str | None
    reason: str | None
    causation_id: str


class CardRow(NamedTuple):
    """A card as it is resolved."""

    post_id: str
    state: CardState
    program_id: str | None
    merchant_id: str | None
    reason: str | None
    causation_id: str


def resolved(found: Resolution, suspended: Mapping[str, str]) -> CardRow:
    """The card that follows from what the registry found; `suspended` is why programs may not be opened."""
    if found.program_id is None:
        return CardRow(found.post_id, "unavailable", None, None, found.reason, found.causation_id)
    state, reason = card_state(suspended.get(found.program_id))
    return CardRow(found.post_id, state, found.program_id, found.merchant_id, reason, found.causation_id)


def refused(
    published: StoredPost, authors: Container[str], stored: Mapping[str, StoredPost], why: str | None = None
) -> str | None:
    """Why a post of another publisher is not taken, if it is not. The same post once more is no reason: nothing follows.

    `why` is what is wrong with the post by itself, which counts when its author is known.
    """
    if published.author_id not in authors:
        return "unknown_author"
    if why:
        return why
    known = stored.get(published.post_id)
    if known and known.deleted:
        return "deleted"
    return None if known == published else "post_exists"


def card_state(suspended_for: str | None) -> tuple[CardState, str | None]:
    """The state of a card that was resolved, with the reason when it cannot be opened.

    Discovery and suspension ride on different topics: a card may be resolved after its program
    was suspended.
    """
    return ("unavailable", "suspended") if suspended_for else ("active", None)


class Cursor(NamedTuple):
    """Where a walk down a list of posts stands: the next page is older than this."""

    published_at: datetime
    number: int
