"""What the feed answers."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel


class RemovalView(BaseModel):
    """Who took a card off, and why: the first who did."""

    post_id: str
    by: str
    reason: str


class TextView(BaseModel):
    """A sentence in two languages."""

    en: str
    zh: str


class MembershipView(BaseModel):
    """What this viewer pays with the merchant's plan: `offered`, or `joined` when they have it. `amount_minor` is with it, that of the card without."""

    state: str
    plan_id: str
    title: str
    discount_percent: int
    amount_minor: int
    text: TextView


class LiveView(BaseModel):
    """What of a card's goods is where now: of its first offer that can be had, how much (`band`), from where, how far.

    `state`: live; degraded, for `reason`, with what there is instead (`fallback`: flagship or none); or unknown. `text` states it. The price is that of
    the version that this viewer sees. `location_id` needs no place of the viewer where goods are sent; stores do (header `lutong-place`).
    """

    state: str
    merchant_id: str
    sku: str
    title: str
    amount_minor: int
    currency: str
    band: str | None
    location_id: str | None
    location_kind: str | None
    distance_m: int | None
    modes: list[str]
    reason: str | None
    fallback: str | None
    until: datetime | None
    text: TextView
    membership: MembershipView | None = None


class BlockedView(BaseModel):
    """Why the app that the reader looks from cannot open a card: it lacks `capability`, or `platform_version` of its platform is needed, or
    the program is not for it. `text` states it."""

    reason: str
    capability: str | None
    platform_version: int | None
    text: TextView


class CardView(BaseModel):
    """What a reader sees below a post. `reason` is why it cannot be tapped; `live` what of its goods is where now, if it sells any."""

    state: str
    program_id: str | None
    title: str | None
    page: str | None
    version: int | None
    reason: str | None
    live: LiveView | None = None
    blocked: BlockedView | None = None


class RepostView(BaseModel):
    """Where a repost hangs: what it reposts, and the root, whose card it shows. `root_deleted`: it was, its text is empty;
    `root_limited`: its author lets others see it."""

    parent_id: str
    root_id: str
    depth: int
    root_author_id: str
    root_author_name: str
    root_text: str
    root_deleted: bool = False
    root_limited: bool = False


class QuoteView(BaseModel):
    """What a post quotes. `deleted`: it was, its text is empty; `limited`: its author lets others see it."""

    post_id: str
    author_id: str
    author_name: str
    text: str
    deleted: bool
    limited: bool = False


class SpanView(BaseModel):
    """A part of a text: an account that it mentions (@name) or a topic (#…#). `start` and `end` count code points of `text`.

    `word` is the name without its signs: `GET /v1/mentions/{word}` has the account.
    """

    kind: Literal["mention", "topic"]
    start: int
    end: int
    word: str


class PostView(BaseModel):
    """A post with its card, and what viewers did with it.

    `text` is as it was written, without what turns the direction of other texts or controls a terminal.

    `touch` is this item of this answer, signed for the viewer who asks: send it back with what they do. Null for all others.
    """

    post_id: str
    author_id: str
    author_name: str
    text: str
    spans: list[SpanView] = []
    published_at: datetime
    revision: int = 1
    revised_at: datetime | None = None
    audience: str = "everybody"
    card: CardView
    counters: dict[str, int]
    repost: RepostView | None = None
    quote: QuoteView | None = None
    touch: str | None = None


class AccountView(BaseModel):
    """Who posts: its kind, its mini-programs, and whether the reader who asks follows it (null: nobody asks)."""

    account_id: str
    name: str
    kind: str
    merchant_id: str | None
    program_ids: list[str]
    followed: bool | None


class Timeline(BaseModel):
    """A page of posts, newest first; `next_cursor` leads to the next one and is null on the last.

    `request_id` is this answer's own: it is in the touch of each item.
    """

    request_id: str
    posts: list[PostView]
    next_cursor: str | None


class RequestView(BaseModel):
    """A request, and how far it is."""

    order_id: str
    post_id: str
    status: str
    reason: str | None
    location_id: str | None
    location_kind: str | None
    total_minor: int
    currency: str


class ListedRequestView(RequestView):
    """A request in a list, and what the program that was asked is called now."""

    title: str | None
